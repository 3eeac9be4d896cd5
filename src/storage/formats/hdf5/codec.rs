//! The filters that most files have, undone without the library: bytes shuffled, then deflated.

use std::mem::MaybeUninit;

use flate2::{Decompress, FlushDecompress, Status};
use hdf5::filters::Filter;

use crate::storage::voxels::{scratch, uninit};

/// What was done to a chunk before it was stored, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filters(Vec<Step>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Shuffle,
    Deflate,
}

impl Filters {
    /// These filters, if they and their order are known here.
    pub(super) fn of(filters: &[Filter]) -> Option<Self> {
        let step = |filter: &Filter| match filter {
            Filter::Shuffle => Some(Step::Shuffle),
            Filter::Deflate(_) => Some(Step::Deflate),
            _ => None,
        };
        let steps: Vec<_> = filters.iter().map(step).collect::<Option<_>>()?;
        // None at all: the library could not name them.
        let is_known =
            matches!(steps.as_slice(), [Step::Shuffle] | [Step::Deflate] | [Step::Shuffle, Step::Deflate]);
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
        match steps.collect::<Vec<_>>().as_slice() {
            [] => copy(stored, voxels),
            [Step::Shuffle] => unshuffle(stored, element, voxels),
            [Step::Deflate] => inflate(stored, voxels.len(), |bytes| copy(bytes, voxels)),
            [Step::Shuffle, Step::Deflate] => {
                inflate(stored, voxels.len(), |bytes| unshuffle(bytes, element, voxels))
            }
            steps => Err(format!("filters in the order {steps:?}")),
        }
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
        _ => interleave::<8>(bytes, voxels),
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

fn require(found: usize, expected: usize) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found} bytes where {expected} should be")) }
}
