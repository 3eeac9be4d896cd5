//! Where in the file a dataset's bytes lie.

use std::path::{Path, PathBuf};

use hdf5::Dataset;
use hdf5::dataset::Layout;
use hdf5_sys::h5d::{H5D_chunk_index_t, H5Dget_chunk_index_type, H5Dget_chunk_info_by_coord};

use crate::storage::voxels::boxes;

/// The library's own name is missing from its bindings: chunks lie one after the other, and there is no index.
const H5D_CHUNK_IDX_NONE: H5D_chunk_index_t = 2;

/// As many chunks are looked up one by one: the library walks through all of them for each.
const MAX_LOOKED_UP: u64 = 4096;

/// Where the bytes of a dataset lie that is not filtered and whose space is allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// One after the other, in C order, from this byte on.
    Contiguous {
        /// The first byte.
        begin: u64,
    },
    /// In chunks, each in C order, at its full shape also at the end of the array.
    Chunked {
        /// The shape of a chunk.
        chunks: Vec<u64>,
        /// Where each chunk begins.
        addresses: Addresses,
    },
}

/// Where chunks begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Addresses {
    /// One after the other, in C order, from this byte on: what bellis creates.
    InOrder(u64),
    /// Anywhere, in C order.
    Listed(Vec<u64>),
}

impl Addresses {
    /// Where the chunk at `position` in C order begins.
    pub(super) fn at(&self, position: u64, chunk_bytes: u64) -> u64 {
        match self {
            Self::InOrder(first) => first + position * chunk_bytes,
            Self::Listed(all) => all[position as usize],
        }
    }
}

/// The file that holds `dataset`, which was found in `file`, and its name in there, where an external link led to another
/// file and the library can tell.
pub(super) fn home(dataset: &Dataset, file: &Path) -> Option<(PathBuf, String)> {
    if is_in(dataset, file) {
        return None;
    }
    let (name, real) = (dataset.name(), PathBuf::from(dataset.filename()));
    // Where a soft link led to the external one, the name is that of the soft one.
    let here = dataset.loc_info().ok()?.token;
    let there = dataset.file().ok()?.loc_info_by_name(&name).ok()?.token;
    (here == there && is_in(dataset, &real)).then(|| (real, name.trim_start_matches('/').to_owned()))
}

/// Whether `file` itself holds a dataset, or a group.
pub(super) fn is_in(object: &hdf5::Location, file: &Path) -> bool {
    match (Path::new(&object.filename()).canonicalize(), file.canonicalize()) {
        (Ok(real), Ok(file)) => real == file,
        _ => false,
    }
}

/// Where the bytes of `dataset` lie, if they all have their place.
pub(super) fn of(
    dataset: &Dataset,
    layout: Layout,
    shape: &[u64],
    chunks: Option<&[u64]>,
    element: u64,
) -> Option<Place> {
    // With a user block ahead of the data, releases of the library differ in what they count from.
    if dataset.file().ok()?.userblock() != 0 {
        return None;
    }
    match (layout, chunks) {
        (Layout::Contiguous, _) => dataset.offset().map(|begin| Place::Contiguous { begin }),
        (Layout::Chunked, Some(chunks)) => {
            let bytes = chunks.iter().product::<u64>() * element;
            let addresses = addresses(dataset, shape, chunks, bytes)?;
            Some(Place::Chunked { chunks: chunks.to_vec(), addresses })
        }
        _ => None,
    }
}

fn addresses(dataset: &Dataset, shape: &[u64], chunks: &[u64], bytes: u64) -> Option<Addresses> {
    let grid: Vec<_> = shape.iter().zip(chunks).map(|(extent, chunk)| 0..extent.div_ceil(*chunk)).collect();
    let address = |index: Vec<u64>| {
        let begin: Vec<u64> = index.iter().zip(chunks).map(|(index, chunk)| index * chunk).collect();
        address_of(dataset, &begin).filter(|(_, stored)| *stored == bytes).map(|(address, _)| address)
    };
    if has_chunks_in_order(dataset) && has_full_grid(dataset, shape, chunks) {
        return address(vec![0; chunks.len()]).map(Addresses::InOrder);
    }
    let n_chunks: u64 = grid.iter().map(|range| range.end).product();
    if n_chunks > MAX_LOOKED_UP {
        return None;
    }
    boxes::positions(grid).map(address).collect::<Option<_>>().map(Addresses::Listed)
}

fn has_chunks_in_order(dataset: &Dataset) -> bool {
    let mut index = 0;
    // SAFETY: a dataset's id, and a valid place for the result.
    let code = hdf5::sync::sync(|| unsafe { H5Dget_chunk_index_type(dataset.id(), &mut index) });
    code >= 0 && index == H5D_CHUNK_IDX_NONE
}

/// Whether the array has all the chunks that it may grow to: their order goes by that.
fn has_full_grid(dataset: &Dataset, shape: &[u64], chunks: &[u64]) -> bool {
    let most = dataset.space().map(|space| space.maxdims()).unwrap_or_default();
    most.len() == shape.len()
        && most.iter().zip(shape).zip(chunks).all(|((most, extent), chunk)| {
            most.is_some_and(|most| (most as u64).div_ceil(*chunk) == extent.div_ceil(*chunk))
        })
}

/// Where the chunk begins that holds the voxel at `begin`, and how many bytes it takes; `None` where it has no place.
fn address_of(dataset: &Dataset, begin: &[u64]) -> Option<(u64, u64)> {
    const UNDEFINED: u64 = u64::MAX;
    let (mut mask, mut address, mut size) = (0, UNDEFINED, 0);
    // SAFETY: a dataset's id, one coordinate for each of its axes, and valid places for the results.
    let code = hdf5::sync::sync(|| unsafe {
        H5Dget_chunk_info_by_coord(dataset.id(), begin.as_ptr(), &mut mask, &mut address, &mut size)
    });
    (code >= 0 && address != UNDEFINED).then_some((address, size))
}
