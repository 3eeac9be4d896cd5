//! What the benches share: a table on the terminal, figures as JSON, and the short form for CI.

#![allow(clippy::print_stdout, reason = "a bench is a program, and its table is what it is for")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Serialize;

/// One figure.
#[derive(Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

/// The figures of one bench.
pub struct Figures {
    bench: &'static str,
    figures: Vec<Figure>,
}

impl Figures {
    pub fn of(bench: &'static str) -> Self {
        println!("{:<36} {:>16}  unit", bench, "value");
        Self { bench, figures: Vec::new() }
    }

    /// Prints and keeps a figure named `BENCH/name`.
    pub fn add(&mut self, name: &str, value: f64, unit: &'static str) {
        let name = format!("{}/{name}", self.bench);
        println!("{name:<36} {value:>16.4}  {unit}");
        self.figures.push(Figure { name, value, unit });
    }

    /// Writes `target/bench/BENCH.json`.
    #[allow(dead_code, reason = "each bench is a program of its own, and one leaves there what others wrote")]
    pub fn write(&self) -> std::io::Result<()> {
        let folder = folder();
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.json", self.bench));
        std::fs::write(&path, serde_json::to_string_pretty(&self.figures)?)?;
        println!("written: {}", path.display());
        Ok(())
    }

    /// As [`write`](Self::write), and leaves figures of other names there, which tests measure.
    #[allow(dead_code, reason = "each bench is a program of its own, and most have their file to themselves")]
    pub fn write_beside_others(&self) -> std::io::Result<()> {
        let path = folder().join(format!("{}.json", self.bench));
        let others = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let mut all: Vec<serde_json::Value> = others.unwrap_or_default();
        all.retain(|other| self.figures.iter().all(|figure| other["name"] != figure.name.as_str()));
        for figure in &self.figures {
            all.push(serde_json::to_value(figure)?);
        }
        std::fs::create_dir_all(folder())?;
        std::fs::write(&path, serde_json::to_string_pretty(&all)?)?;
        println!("written: {}", path.display());
        Ok(())
    }
}

/// Where the figures are.
pub fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    target.join("bench")
}

/// A figure `BENCH/name` that another bench wrote, if it was run here.
#[allow(dead_code, reason = "each bench is a program of its own, and not all read others' figures")]
pub fn read(bench: &str, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(folder().join(format!("{bench}.json"))).ok()?;
    let figures: Vec<serde_json::Value> = serde_json::from_str(&text).ok()?;
    let name = format!("{bench}/{name}");
    figures.iter().find(|figure| figure["name"] == name.as_str())?["value"].as_f64()
}

/// Whether the bench was called with `--short`, as CI does: the same code on little input.
pub fn is_short() -> bool {
    std::env::args().any(|argument| argument == "--short")
}

/// Figures by name, as ranks tell them.
pub type Told = Vec<(String, f64)>;

/// Starts this program again as so many ranks, with these arguments: what they [`say`].
#[allow(dead_code, reason = "each bench is a program of its own, and not all start ranks")]
pub fn under_mpirun(
    n_ranks: usize,
    arguments: &[&str],
) -> Result<Told, Box<dyn std::error::Error + Send + Sync>> {
    let mut ranks = Command::new("mpirun");
    // Root and few cores are the bench's affair, not the library's.
    for (name, value) in [
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"),
    ] {
        ranks.env(name, value);
    }
    ranks.args(["-n", &n_ranks.to_string()]).arg(std::env::current_exe()?);
    ranks.args(std::env::args().skip(1)).args(arguments);
    let output = ranks.stderr(Stdio::inherit()).output().map_err(|error| format!("mpirun: {error}"))?;
    if !output.status.success() {
        return Err(format!("mpirun: {}", output.status).into());
    }
    let parse = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    Ok(String::from_utf8(output.stdout)?.lines().filter_map(parse).collect())
}

/// Tells figures to the bench that started this rank.
#[allow(dead_code, reason = "as above")]
pub fn say(figures: &Told) {
    figures.iter().for_each(|(name, value)| println!("{name} {value}"));
}

/// A figure that ranks told.
#[allow(dead_code, reason = "as above")]
pub fn find(told: &Told, name: &str) -> Result<f64, Box<dyn std::error::Error + Send + Sync>> {
    let figure = told.iter().find(|(of, _)| of == name);
    figure.map(|(_, value)| *value).ok_or_else(|| format!("the ranks gave no figure for {name}").into())
}

/// What follows an argument on the command line.
#[allow(dead_code, reason = "as above")]
pub fn argument_after(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}
