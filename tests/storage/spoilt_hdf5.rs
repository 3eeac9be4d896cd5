//! HDF5 files that were cut short or changed: an error that says so, never a panic, and never silent zeros.

use std::fs;
use std::path::Path;

use bellis::storage::{Compression, StorageError, describe};
use bellis::{Array, ArraySpec};
use ndarray::{ArrayD, s};

use super::{error_of, roi};

/// The ways that an HDF5 dataset may be laid out.
fn layouts() -> [(&'static str, ArraySpec); 3] {
    let spec = || ArraySpec::new([24, 20]);
    [
        ("contiguous", spec()),
        ("chunked", spec().chunks([8, 8])),
        ("compressed", spec().chunks([8, 8]).compression(Compression::Gzip { level: 1 })),
    ]
}

/// No voxel is 0, and few are alike.
fn content() -> ArrayD<u32> {
    let mut state = 1u32;
    ArrayD::from_shape_simple_fn(vec![24, 20], || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state | 1
    })
}

/// Makes a dataset and lets go of it: what its file holds.
fn made(path: &Path, spec: &ArraySpec) -> Vec<u8> {
    let array = Array::<u32>::create(path.join("deep/raw"), spec).unwrap();
    array.write(&array.roi(), &content()).unwrap();
    drop(array);
    fs::read(path).unwrap()
}

fn read(path: &Path) -> Result<ArrayD<u32>, StorageError> {
    let array = Array::<u32>::open(path.join("deep/raw"))?;
    array.read(&array.roi())
}

#[test]
fn a_file_that_is_cut_short_says_so_wherever_it_is_cut() {
    for (layout, spec) in layouts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let good = made(&path, &spec);
        assert_eq!(read(&path).unwrap(), content(), "{layout}");
        let lengths = (0..good.len()).step_by(61).chain([1, 7, 8, 9, good.len() - 1]);
        for length in lengths {
            fs::write(&path, &good[..length]).unwrap();
            let shown = path.display();
            let says = [
                format!("{shown} is no HDF5 file, or little is left of it ("),
                format!(
                    "{shown} is cut short: its data should end at byte {}, the file ends at byte {length}",
                    good.len()
                ),
            ];
            let message = error_of(read(&path));
            assert!(says.iter().any(|says| message.starts_with(says)), "{layout}, {length}: {message}");
            assert!(message.ends_with("restore it, or remove it and compute it again"), "{message}");
            assert_eq!(error_of(describe(path.join("deep/raw"))), message);
        }
    }
}

#[test]
fn a_flipped_bit_in_a_compressed_chunk_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let [.., (_, spec)] = layouts();
    let good = made(&path, &spec);
    let chunk = {
        let file = hdf5::File::open(&path).unwrap();
        file.dataset("deep/raw").unwrap().chunk_info(4).unwrap()
    };
    let (begin, n_bytes) = (chunk.addr as usize, chunk.size as usize);
    let expected = format!("{} is corrupt (", path.join("deep/raw").display());
    let mut n_errors = 0;
    for bit in (begin * 8..(begin + n_bytes) * 8).step_by(5) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bad).unwrap();
        // A bit that says nothing about the content may flip unnoticed.
        match read(&path) {
            Ok(data) => assert_eq!(data, content(), "bit {bit} went unnoticed"),
            Err(error) => {
                let message = error_of::<()>(Err(error));
                assert!(message.starts_with(&expected), "{message}");
                assert!(
                    message.ends_with("restore its file, or remove it and compute it again"),
                    "{message}"
                );
                n_errors += 1;
            }
        }
        // The others can still be read.
        let array = Array::<u32>::open(path.join("deep/raw")).unwrap();
        let rest = array.read(&roi([16, 0], [8, 20])).unwrap();
        assert_eq!(rest, content().slice(s![16.., ..]).into_dyn());
    }
    assert!(n_errors > n_bytes, "{n_errors} of {} flipped bits were noticed", n_bytes * 8 / 5);
}

#[test]
fn a_file_that_is_cut_short_under_an_open_array_says_so() {
    for (layout, spec) in layouts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        made(&path, &spec);
        let array = Array::<u32>::open(path.join("deep/raw")).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
        let message = error_of(array.read(&array.roi()));
        assert!(message.contains("a.h5") && message.contains(" is cut short: "), "{layout}: {message}");
        assert!(message.ends_with("restore it, or remove it and compute it again"), "{layout}: {message}");
    }
}

#[test]
fn a_wrong_fletcher32_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let file = hdf5::File::create(&path).unwrap();
    let builder = file.new_dataset::<u32>().shape([24, 20]).chunk([8, 8]).fletcher32();
    let dataset = builder.create("raw").unwrap();
    dataset.write_raw(content().as_slice().unwrap()).unwrap();
    file.flush().unwrap();
    let chunk = dataset.chunk_info(4).unwrap();
    drop(dataset);
    file.close().unwrap();
    let array = Array::<u32>::open(path.join("raw")).unwrap();
    assert_eq!(array.read(&array.roi()).unwrap(), content());
    drop(array);
    let good = fs::read(&path).unwrap();
    for byte in (chunk.addr..chunk.addr + chunk.size).step_by(7) {
        let mut bad = good.clone();
        bad[byte as usize] ^= 4;
        fs::write(&path, bad).unwrap();
        let array = Array::<u32>::open(path.join("raw")).unwrap();
        let message = error_of(array.read(&array.roi()));
        let expected = format!("{} is corrupt (", path.join("raw").display());
        assert!(message.starts_with(&expected) && message.contains("Fletcher32"), "{message}");
        assert_eq!(array.read(&roi([0, 0], [8, 20])).unwrap(), content().slice(s![..8, ..]).into_dyn());
    }
}
