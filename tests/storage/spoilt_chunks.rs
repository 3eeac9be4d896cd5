//! Chunks that were cut short or changed: never silently good, never the end of the process.

use std::fs;

use bellis::Array;
use bellis::storage::ArraySpec;
use ndarray::{ArrayD, IxDyn, s};

use super::{KINDS, chunk_files, counting, error_of, roi};

#[test]
fn a_corrupt_chunk_is_named() {
    for kind in KINDS.iter().filter(|kind| kind.has_chunk_files) {
        let dir = tempfile::tempdir().unwrap();
        let spec = kind.spec(&ArraySpec::new([64, 64]), [32, 32]);
        let array = Array::<u16>::create(kind.path_in(&dir), &spec).unwrap();
        let data = counting::<u16>(&[64, 64]);
        array.write(&array.roi(), &data).unwrap();
        // The last one, whichever axis comes first in its name.
        let chunk = chunk_files(array.path())[3].clone();
        let good = fs::read(&chunk).unwrap();
        let expected = format!("chunk {} is corrupt (", chunk.display());
        for length in [0, 1, 3, good.len() / 2, good.len() - 1] {
            fs::write(&chunk, &good[..length]).unwrap();
            for part in [array.roi(), roi([30, 30], [20, 9]), roi([32, 32], [32, 32])] {
                // Of an uncompressed chunk only the bytes that are wanted are read: those may all be there. So they are
                // in a frame of LZ4 that lacks nothing but its end.
                if let (true, Ok(read)) = (kind.has_bare_chunks, array.read(&part)) {
                    let [y, x] = [part.offset()[0] as usize, part.offset()[1] as usize];
                    let [h, w] = [part.shape()[0] as usize, part.shape()[1] as usize];
                    assert_eq!(read, data.slice(s![y..y + h, x..x + w]).into_dyn());
                    continue;
                }
                let message = error_of(array.read(&part));
                assert!(
                    message.starts_with(&expected),
                    "{} cut to {length}, {part}: {message}",
                    array.path().display()
                );
            }
            if kind.has_bare_chunks && array.read(&roi([32, 32], [32, 32])).is_ok() {
                continue;
            }
            let part = roi([40, 40], [1, 1]);
            let message = error_of(array.write(&part, &ArrayD::<u16>::zeros(IxDyn(&[1, 1]))));
            assert!(message.starts_with(&expected), "{} cut to {length}: {message}", array.path().display());
            assert_eq!(fs::read(&chunk).unwrap(), &good[..length], "a spoilt chunk is not written over");
        }
        // The others can still be read.
        array.read(&roi([0, 0], [32, 64])).unwrap();
    }
}

#[test]
fn the_default_compression_notices_every_flipped_bit() {
    let dir = tempfile::tempdir().unwrap();
    let array = Array::<u8>::create(dir.path().join("a.zarr"), &ArraySpec::new([16, 16])).unwrap();
    let data = counting::<u8>(&[16, 16]);
    array.write(&array.roi(), &data).unwrap();
    let chunk = chunk_files(array.path())[0].clone();
    let good = fs::read(&chunk).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&chunk, bad).unwrap();
        // A bit that says nothing about the content may flip unnoticed.
        if let Ok(read) = array.read(&array.roi()) {
            assert_eq!(read, data, "bit {bit} went unnoticed");
        }
    }
}

#[test]
fn a_checksum_tells_flipped_bits() {
    for kind in KINDS.iter().filter(|kind| kind.has_chunk_files && kind.has_checksum) {
        let dir = tempfile::tempdir().unwrap();
        let spec = kind.spec(&ArraySpec::new([32, 16]), [16, 16]);
        let array = Array::<u32>::create(kind.path_in(&dir), &spec).unwrap();
        let data = counting::<u32>(&[32, 16]);
        array.write(&array.roi(), &data).unwrap();
        // The last one, whichever axis comes first in its name.
        let chunk = chunk_files(array.path())[1].clone();
        let good = fs::read(&chunk).unwrap();
        let expected = format!("chunk {} is corrupt (", chunk.display());
        let mut n_errors = 0;
        for byte in 0..good.len() {
            let mut bad = good.clone();
            bad[byte] ^= 1 << (byte % 8);
            fs::write(&chunk, bad).unwrap();
            // A bit that says nothing about the content may flip unnoticed.
            match array.read(&array.roi()) {
                Ok(read) => assert_eq!(read, data, "{}: byte {byte} went unnoticed", chunk.display()),
                Err(error) => {
                    let message = error_of::<()>(Err(error));
                    assert!(message.starts_with(&expected), "byte {byte}: {message}");
                    assert!(
                        message.ends_with("restore it, or remove it and compute its blocks again"),
                        "{message}"
                    );
                    n_errors += 1;
                }
            }
        }
        assert!(n_errors > good.len() / 2, "{}: {n_errors} of {}", chunk.display(), good.len());
        assert_eq!(array.read(&roi([0, 0], [16, 16])).unwrap(), data.slice(s![..16, ..]).into_dyn());
    }
}

#[test]
fn no_flipped_bit_brings_the_process_down() {
    for kind in KINDS.iter().filter(|kind| kind.has_chunk_files) {
        let dir = tempfile::tempdir().unwrap();
        let spec = kind.spec(&ArraySpec::new([16, 16]), [16, 16]);
        let array = Array::<u32>::create(kind.path_in(&dir), &spec).unwrap();
        array.write(&array.roi(), &counting::<u32>(&[16, 16])).unwrap();
        let chunk = chunk_files(array.path())[0].clone();
        let good = fs::read(&chunk).unwrap();
        for bit in 0..good.len().min(64) * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&chunk, bad).unwrap();
            let _ = array.read(&array.roi());
            let _ = array.read(&roi([3, 3], [2, 2]));
        }
    }
}
