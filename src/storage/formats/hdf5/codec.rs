//! The filters that most files have, undone without the library: bytes shuffled, then compressed (deflate, or h5py's LZF),
//! then a checksum behind them.

use std::mem::MaybeUninit;

use flate2::{Decompress, FlushDecompress, Status};
use hdf5::filters::Filter;

use super::lzf;
use crate::storage::voxels::{scratch, uninit};

/// The number that LZF has among HDF5's filters: the bindings have no name for it.
pub(super) const LZF: i32 = 32000;

/// What was done to a chunk before it was stored, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filters(Vec<Step>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Shuffle,
    Deflate,
    Lzf,
    Fletcher32,
}

impl Step {
    fn of(filter: &Filter) -> Option<Self> {
        match filter {
            Filter::Shuffle => Some(Self::Shuffle),
            Filter::Deflate(_) => Some(Self::Deflate),
            Filter::User(LZF, _) => Some(Self::Lzf),
            Filter::Fletcher32 => Some(Self::Fletcher32),
            _ => None,
        }
    }

    /// Its place among others.
    fn rank(self) -> u8 {
        match self {
            Self::Shuffle => 0,
            Self::Deflate | Self::Lzf => 1,
            Self::Fletcher32 => 2,
        }
    }
}

impl Filters {
    /// These filters, if they and their order are known here.
    pub(super) fn of(filters: &[Filter]) -> Option<Self> {
        let steps: Vec<_> = filters.iter().map(Step::of).collect::<Option<_>>()?;
        // None at all: the library could not name them.
        let is_known = !steps.is_empty() && steps.is_sorted_by(|a, b| a.rank() < b.rank());
        is_known.then_some(Self(steps))
    }

    /// Decodes a chunk to all of `voxels`, whose elements have `element` bytes. Filters whose bit is set in `skipped` were
    /// not applied.
    pub(super) fn decode(
        &self,
        stored: &[u8],
        skipped: u32,
        element: usize,
        voxels: &mut [MaybeUninit<u8>],
    ) -> Result<(), String> {
        let applied = |(index, _): &(usize, &Step)| skipped >> index & 1 == 0;
        let steps = self.0.iter().enumerate().filter(applied).map(|(_, step)| *step);
        undo(&steps.collect::<Vec<_>>(), stored, element, voxels)
    }
}

/// Undoes the last step, and then those before it.
fn undo(steps: &[Step], stored: &[u8], element: usize, voxels: &mut [MaybeUninit<u8>]) -> Result<(), String> {
    let n_bytes = voxels.len();
    match steps {
        [] => copy(stored, voxels),
        [Step::Shuffle] => unshuffle(stored, element, voxels),
        [before @ .., Step::Deflate] => {
            inflate(stored, n_bytes, |bytes| undo(before, bytes, element, voxels))
        }
        [before @ .., Step::Lzf] => scratch::with(|bytes| {
            uninit::reserve(bytes, n_bytes).map_err(|error| error.to_string())?;
            lzf::decode(stored, n_bytes, bytes)?;
            undo(before, bytes, element, voxels)
        }),
        [before @ .., Step::Fletcher32] => undo(before, without_checksum(stored)?, element, voxels),
        steps => Err(format!("filters in the order {steps:?}")),
    }
}

fn copy(bytes: &[u8], voxels: &mut [MaybeUninit<u8>]) -> Result<(), String> {
    require(bytes.len(), voxels.len())?;
    uninit::copy(bytes, voxels);
    Ok(())
}

/// Calls `f` with what was deflated.
fn inflate<R>(
    stored: &[u8],
    n_bytes: usize,
    f: impl FnOnce(&[u8]) -> Result<R, String>,
) -> Result<R, String> {
    scratch::with(|bytes| {
        bytes.reserve_exact(n_bytes);
        let mut decompress = Decompress::new(true);
        let status = decompress.decompress_vec(stored, bytes, FlushDecompress::Finish);
        match status.map_err(|error| error.to_string())? {
            Status::StreamEnd => {}
            Status::Ok | Status::BufError => return Err("the deflated bytes have no end".to_owned()),
        }
        require(bytes.len(), n_bytes)?;
        f(bytes)
    })
}

/// The first bytes of all elements come first, then the second ones, and so on.
fn unshuffle(bytes: &[u8], element: usize, voxels: &mut [MaybeUninit<u8>]) -> Result<(), String> {
    require(bytes.len(), voxels.len())?;
    match element {
        1 => uninit::copy(bytes, voxels),
        2 => interleave::<2>(bytes, voxels),
        4 => interleave::<4>(bytes, voxels),
        8 => interleave::<8>(bytes, voxels),
        16 => interleave::<16>(bytes, voxels),
        _ => return Err(format!("shuffled elements of {element} bytes")),
    }
    Ok(())
}

fn interleave<const SIZE: usize>(bytes: &[u8], voxels: &mut [MaybeUninit<u8>]) {
    let n_elements = bytes.len() / SIZE;
    let planes: [&[u8]; SIZE] = std::array::from_fn(|plane| &bytes[plane * n_elements..][..n_elements]);
    let (elements, _) = voxels.as_chunks_mut::<SIZE>();
    for (number, element) in elements.iter_mut().enumerate() {
        *element = std::array::from_fn(|plane| MaybeUninit::new(planes[plane][number]));
    }
}

/// What comes before the checksum, if it is right.
fn without_checksum(stored: &[u8]) -> Result<&[u8], String> {
    let (bytes, checksum) = stored.split_last_chunk().ok_or("no room for a Fletcher32 checksum")?;
    let (checksum, actual) = (u32::from_le_bytes(*checksum), fletcher32(bytes));
    // Old releases of the library turned the bytes of each half around.
    let turned = (actual & 0x00FF_00FF) << 8 | actual >> 8 & 0x00FF_00FF;
    if [actual, turned].contains(&checksum) {
        Ok(bytes)
    } else {
        Err(format!("its Fletcher32 checksum is {checksum:08x} but should be {actual:08x}"))
    }
}

/// As the library sums bytes up: big-endian words of 16 bits, the last one filled up with 0 (`H5checksum.c`).
fn fletcher32(bytes: &[u8]) -> u32 {
    /// Number of words that both sums take before they overflow.
    const MAX_WORDS: usize = 360;
    let fold = |sum: u32| (sum & 0xFFFF) + (sum >> 16);
    let (mut first, mut second) = (0u32, 0u32);
    for words in bytes.chunks(2 * MAX_WORDS) {
        for word in words.chunks(2) {
            first += u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0));
            second += first;
        }
        (first, second) = (fold(first), fold(second));
    }
    fold(second) << 16 | fold(first)
}

fn require(found: usize, expected: usize) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found} bytes where {expected} should be")) }
}
