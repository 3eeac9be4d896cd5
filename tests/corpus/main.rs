//! Whatever the reference libraries can write: each pair of properties (type of element, byte order, shape, chunks, codec, filter,
//! layout, fill value, ...) together in an array, which bellis reads, converts to every format, and the libraries read again.
//!
//! `tests/interop/corpus.py` chooses and writes the arrays. `cargo test` takes some of them, and converts each to one format;
//! `make test-corpus` all, several thousand, to all formats. `tests/refused.md` lists what bellis refuses: no more and no
//! less is refused.

#![cfg(all(feature = "hdf5", feature = "n5", feature = "tools", feature = "zarr"))]
// Helpers of tests may stop at a surprise, and say what they did.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../common/python.rs"]
mod python;
mod refused;
#[allow(dead_code)]
#[path = "../common/spawn.rs"]
mod spawn;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bellis::storage::{ArrayInfo, DataType, DynArray, ZarrVersion};
use bellis::tools::{Convert, Output};
use bellis::{Progress, Runner};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use python::Python;
use refused::Refused;

/// Cases that are written at once.
const BATCH: usize = 50;

/// What bellis makes of an array: its name, the suffix of its files, and how it is stored.
type Target = (&'static str, &'static str, fn(&ArrayInfo) -> Output);

/// All that it makes of each.
const TARGETS: [Target; 5] = [
    ("Zarr v3", "zarr", |_| Output::default()),
    ("HDF5", "h5", |_| Output::default()),
    ("N5", "n5", |_| Output::default()),
    ("Zarr v2", "zarr", |_| Output { zarr_version: Some(ZarrVersion::V2), ..Output::default() }),
    ("shards", "zarr", |info| Output { shards: Some(vec![4; info.shape.len()]), ..Output::default() }),
];

/// How much is tried, as the environment says it: `CORPUS_ROUNDS` times all pairs, chosen by `CORPUS_SEED`; some of them unless set.
struct Extent {
    rounds: Option<u32>,
    seed: u64,
}

impl Extent {
    /// Cases of each family that are tried where nothing is said.
    const FEW: usize = 70;

    fn of_environment() -> Self {
        let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
        let rounds = number("CORPUS_ROUNDS").map(|rounds| rounds.try_into().unwrap());
        Self { rounds, seed: number("CORPUS_SEED").unwrap_or(1) }
    }

    fn cases(&self, writer: &mut Python, family: &str) -> Vec<Value> {
        let request = json!({"family": family, "seed": self.seed, "rounds": self.rounds.unwrap_or(1)});
        let Value::Array(mut cases) = writer.ask("plan", request) else { panic!("a list is expected") };
        if self.rounds.is_none() {
            cases.truncate(Self::FEW);
        }
        cases
    }

    /// Which formats the case of this number becomes.
    fn targets(&self, number: usize) -> impl Iterator<Item = usize> + use<> {
        let all = self.rounds.is_some();
        (0..TARGETS.len()).filter(move |target| all || number % TARGETS.len() == *target)
    }
}

/// Arrays that one library writes.
struct Corpus {
    family: &'static str,
    writer: Python,
    /// By the environment that reads them.
    readers: BTreeMap<&'static str, Python>,
    extent: Extent,
    refused: Refused,
    folder: tempfile::TempDir,
    faults: Vec<String>,
    n_read: usize,
    n_converted: usize,
    n_left_out: usize,
}

#[test]
fn zarr_v2_of_zarr_python_3() {
    Corpus::of("Zarr v2", "zarr3").run();
}

#[test]
fn zarr_v2_of_zarr_python_2() {
    Corpus::of("Zarr v2", "zarr2").run();
}

#[test]
fn zarr_v3_of_zarr_python_3() {
    Corpus::of("Zarr v3", "zarr3").run();
}

#[test]
fn n5_of_zarr_python_2() {
    Corpus::of("N5", "zarr2").run();
}

#[test]
fn hdf5_of_h5py() {
    Corpus::of("HDF5", "zarr3").run();
}

impl Corpus {
    fn of(family: &'static str, writer: &'static str) -> Self {
        let start = |environment| Python::start_in(environment, "corpus");
        Self {
            family,
            writer: start(writer),
            readers: ["zarr2", "zarr3"].map(|environment| (environment, start(environment))).into(),
            extent: Extent::of_environment(),
            refused: Refused::read(),
            folder: tempfile::tempdir().unwrap(),
            faults: Vec::new(),
            n_read: 0,
            n_converted: 0,
            n_left_out: 0,
        }
    }

    fn run(mut self) {
        self.refuse();
        let cases = self.extent.cases(&mut self.writer, self.family);
        for (batch, cases) in cases.chunks(BATCH).enumerate() {
            self.try_batch(batch * BATCH, cases);
        }
        let Self { family, n_read, n_converted, n_left_out, faults, .. } = &self;
        println!(
            "{family}: {} cases, {n_read} read, {n_converted} converted, {n_left_out} that the library does not write",
            cases.len()
        );
        assert!(*n_left_out * 20 <= cases.len(), "the library writes few of these cases: choose others");
        let shown = faults.iter().take(30).cloned().collect::<Vec<_>>().join("\n");
        assert!(faults.is_empty(), "{} faults:\n{shown}", faults.len());
    }

    /// What the table says is refused, in its words, and nothing else is of what may be refused.
    fn refuse(&mut self) {
        let folder = self.folder.path().join("odd");
        let written = self.writer.ask("odd", json!({"folder": folder, "family": self.family}));
        for odd in written.as_array().unwrap() {
            let (what, path) = (odd["what"].as_str().unwrap(), odd["path"].as_str().unwrap());
            let outcome = read(Path::new(path)).map(|_| ());
            self.faults.extend(self.refused.wrong(self.family, what, outcome));
        }
    }

    fn try_batch(&mut self, first: usize, cases: &[Value]) {
        let folder = self.folder.path().join(first.to_string());
        let request = json!({"folder": folder, "family": self.family, "first": first, "cases": cases});
        let written = self.writer.ask("write", request);
        let mut outputs: BTreeMap<&str, Vec<(PathBuf, Value, String)>> = BTreeMap::new();
        for (at, (case, written)) in cases.iter().zip(written.as_array().unwrap()).enumerate() {
            if written["refused"].is_string() {
                self.n_left_out += 1;
                continue;
            }
            self.n_read += 1;
            let path = PathBuf::from(written["path"].as_str().unwrap());
            let Some(info) = self.require_read(&path, written, case) else { continue };
            for target in self.extent.targets(first + at) {
                let (format, suffix, output) = TARGETS[target];
                let to = folder.join(format!("{at}-{target}.{suffix}/raw"));
                let what = format!("to {format}: {case}");
                let convert = Convert {
                    output: output(&info),
                    runner: Runner::new().slots(1).progress(Progress::Off),
                    ..Convert::new(&path, &to)
                };
                let outcome = convert.run().map_err(|error| error.to_string());
                let data_type = info.data_type.name();
                if outcome.is_err() && self.refused.is_listed(&format!("to {format}"), data_type) {
                    self.faults.extend(self.refused.wrong(
                        &format!("to {format}"),
                        data_type,
                        outcome.map(|_| ()),
                    ));
                    continue;
                }
                match outcome {
                    Ok(converted) => {
                        self.n_converted += 1;
                        self.faults
                            .extend(moved(&info, &converted.info).map(|fault| format!("{what}: {fault}")));
                        let reader = if format == "N5" { "zarr2" } else { "zarr3" };
                        outputs.entry(reader).or_default().push((to, written.clone(), what));
                    }
                    Err(error) => self.faults.push(format!("{what}: {error}")),
                }
            }
        }
        for (reader, outputs) in outputs {
            self.require_read_by(reader, &outputs);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// bellis reads what was written, and finds it where it is said to be.
    fn require_read(&mut self, path: &Path, written: &Value, case: &Value) -> Option<ArrayInfo> {
        let (info, found) = match read(path) {
            Ok(found) => found,
            Err(error) => {
                self.faults.push(format!("{case}: {error}"));
                return None;
            }
        };
        let place = json!({"offset": info.offset.as_slice(), "voxel_size": info.voxel_size.as_slice(), "units": info.units,
            "axis_names": info.axis_names});
        let expected = written["place"].as_object().unwrap();
        let misplaced = expected.iter().find(|(name, value)| place[name.as_str()] != **value);
        let differs = ["shape", "dtype", "sha256"].into_iter().find(|name| found[*name] != written[*name]);
        if let Some(name) = differs {
            self.faults.push(format!("{case}: {name} is {}, and should be {}", found[name], written[name]));
            return None;
        }
        if let Some((name, value)) = misplaced {
            self.faults.push(format!("{case}: {name} is {}, and should be {value}", place[name.as_str()]));
        }
        Some(info)
    }

    /// A library reads in bellis's arrays what was written in the first place.
    fn require_read_by(&mut self, reader: &str, outputs: &[(PathBuf, Value, String)]) {
        let paths: Vec<&PathBuf> = outputs.iter().map(|(path, ..)| path).collect();
        let found = self.readers.get_mut(reader).unwrap().ask("check", json!({"paths": paths}));
        for ((path, written, what), found) in outputs.iter().zip(found.as_array().unwrap()) {
            let is_in_n5 = path.parent().unwrap().extension().is_some_and(|suffix| suffix == "n5");
            let as_bytes = is_in_n5 && written["dtype"] == "bool";
            let data_type = if as_bytes { json!("uint8") } else { written["dtype"].clone() };
            for (name, expected) in
                [("shape", &written["shape"]), ("dtype", &data_type), ("sha256", &written["sha256"])]
            {
                if found[name] != *expected {
                    self.faults.push(format!(
                        "{what}: {reader} reads {name} {}, and should {expected}",
                        found[name]
                    ));
                    break;
                }
            }
        }
    }
}

/// What bellis reads: what the array is, and its shape, type and content.
fn read(path: &Path) -> Result<(ArrayInfo, Value), String> {
    let array = DynArray::open(path).map_err(|error| error.to_string())?;
    let bytes = array.read_bytes(&array.roi()).map_err(|error| error.to_string())?;
    // Masks are one byte on all sides; all else is little endian here.
    let digest = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let info = array.info().clone();
    let found = json!({"shape": info.shape, "dtype": info.data_type.name(), "sha256": digest});
    Ok((info, found))
}

/// Why `to` does not lie where `from` does, if so.
fn moved(from: &ArrayInfo, to: &ArrayInfo) -> Option<String> {
    let is_same_type = from.data_type == to.data_type || from.data_type == DataType::Bool;
    let place =
        |info: &ArrayInfo| (info.offset, info.voxel_size, info.units.clone(), info.axis_names.clone());
    (!is_same_type || place(from) != place(to)).then(|| format!("{from:?} became {to:?}"))
}
