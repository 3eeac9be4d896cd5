//! What the examples share: the command line, and a word on standard output.

use std::fmt::Display;
use std::io::Write as _;

use clap::Parser;
use clap::error::ErrorKind;

/// The command line, or `None` where only help or the version was asked for, which rank 0 then prints.
///
/// `Parser::parse` would print a mistake once for each rank and end each on its own: here it becomes the program's
/// error, in one line, which [`bellis::main`] prints once.
///
/// # Errors
/// A mistake in the command line.
pub fn arguments<A: Parser>() -> bellis::Result<Option<A>> {
    let error = match A::try_parse() {
        Ok(arguments) => return Ok(Some(arguments)),
        Err(error) => error,
    };
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        if bellis::is_coordinator() {
            error.print()?;
        }
        return Ok(None);
    }
    let text = error.to_string();
    // What is wrong comes first, then hints and usage.
    let wrong: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let wrong = wrong.join(" ");
    Err(format!("{}; --help lists the options", wrong.trim_start_matches("error: ")).into())
}

/// Prints a line once, on rank 0. Standard output is the program's; bellis itself writes to standard error.
pub fn say(line: impl Display) {
    if !bellis::is_coordinator() {
        return;
    }
    match writeln!(std::io::stdout(), "{line}") {
        // Such as `| head`: who has read enough is told no more.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        Err(error) => log::error!("cannot print to standard output: {error}"),
        Ok(()) => {}
    }
}
