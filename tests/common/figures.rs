//! Figures that tests measure: one file for each group of them, as the benches write theirs.

use std::fs::{self, File};
use std::path::PathBuf;

use serde_json::{Value, json};

/// Sets `GROUP/name` in `target/bench/GROUP.json`, and prints it. Tests of several programs may do so at a time.
pub fn add(group: &str, name: &str, value: f64, unit: &str) {
    let name = format!("{group}/{name}");
    eprintln!("{name} {value} {unit}");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let folder = target.join("bench");
    fs::create_dir_all(&folder).expect("target can be written");
    let lock = File::create(folder.join(format!("{group}.lock"))).expect("target can be written");
    lock.lock().expect("a file in target can be locked");
    let path = folder.join(format!("{group}.json"));
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut figures: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
    figures.retain(|figure| figure["name"] != name.as_str());
    figures.push(json!({"name": name, "value": value, "unit": unit}));
    let text = serde_json::to_string_pretty(&figures).expect("it is JSON");
    fs::write(&path, text).expect("target can be written");
}
