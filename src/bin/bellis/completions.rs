//! `bellis completions` and `bellis man`: what shells and `man` know of the program.

use std::fs;
use std::path::{Path, PathBuf};

use bellis::BoxError;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use thiserror::Error;

use super::print;

/// Prints a script by which a shell completes commands and options, such as for bash: bellis completions bash
#[derive(clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints the manual page, or writes one for each command
#[derive(clap::Args)]
pub struct Manual {
    /// The folder that the pages are written to, such as share/man/man1
    folder: Option<PathBuf>,
}

/// A page that cannot be written.
#[derive(Debug, Error)]
#[error("cannot write {path}: {source}; check the path, or choose another folder")]
struct PageError {
    path: String,
    source: std::io::Error,
}

impl Completions {
    /// Runs the command.
    pub fn run<A: CommandFactory>(&self) -> Result<(), BoxError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut A::command(), "bellis", &mut script);
        Ok(print::line(String::from_utf8_lossy(&script).trim_end())?)
    }
}

impl Manual {
    /// Runs the command.
    pub fn run<A: CommandFactory>(&self) -> Result<(), BoxError> {
        let mut program = A::command();
        program.build();
        match &self.folder {
            None => Ok(print::line(String::from_utf8_lossy(&page(program)?).trim_end())?),
            Some(folder) if bellis::is_coordinator() => write_all(program, folder),
            Some(_) => Ok(()),
        }
    }
}

fn page(command: Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}

/// A page for the program, and one for each command, called as the command with a dash: `bellis-label.1`.
fn write_all(program: Command, folder: &Path) -> Result<(), BoxError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| PageError { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let commands = program.get_subcommands().filter(|command| command.get_name() != "help");
    let pages: Vec<(String, Command)> = commands
        .map(|command| (format!("bellis-{}", command.get_name()), command.clone()))
        .chain([("bellis".to_owned(), program.clone())])
        .collect();
    for (name, command) in pages {
        let path = folder.join(format!("{name}.1"));
        fs::write(&path, page(command)?).map_err(failed(&path))?;
    }
    Ok(())
}
