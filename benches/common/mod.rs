//! What the benches share: a table on the terminal, figures as JSON, and the short form for CI.

#![allow(clippy::print_stdout, reason = "a bench is a program, and its table is what it is for")]

use std::path::PathBuf;

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
    pub fn write(&self) -> std::io::Result<()> {
        let folder = folder();
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.json", self.bench));
        std::fs::write(&path, serde_json::to_string_pretty(&self.figures)?)?;
        println!("written: {}", path.display());
        Ok(())
    }
}

/// Where the figures are.
fn folder() -> PathBuf {
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
