//! Where in the file a dataset's bytes lie.

use hdf5::Dataset;
use hdf5::dataset::Layout;
use hdf5_sys::h5d::{H5D_chunk_index_t, H5Dget_chunk_index_type, H5Dget_chunk_info_by_coord};

use crate::geometry::VoxelGrid;

/// The library's own name is missing from its bindings: chunks lie one after the other, and there is no index.
const H5D_CHUNK_IDX_NONE: H5D_chunk_index_t = 2;

/// Maximum number of chunks that are looked up one by one: the library walks through all of them for each.
const MAX_LOOKED_UP: u64 = 4096;

/// Where the bytes of a dataset lie that is not filtered and whose space is allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ByteLayout {
    /// One after the other, in C order, from this byte on.
    Contiguous {
        /// The first byte.
        begin: u64,
    },
    /// In chunks, each in C order, at its full shape also at the end of the array.
    Chunked {
        /// The chunks, whose number fits into 64 bits.
        grid: VoxelGrid,
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

impl ByteLayout {
    /// Where the bytes of `dataset`, whose elements have `element` bytes, lie, if they all have their address.
    pub(super) fn of(
        dataset: &Dataset,
        layout: Layout,
        shape: &[u64],
        chunks: Option<&[u64]>,
        element: u64,
    ) -> Option<Self> {
        // With a user block ahead of the data, releases of the library differ in what they count from.
        if dataset.file().ok()?.userblock() != 0 {
            return None;
        }
        match (layout, chunks) {
            (Layout::Contiguous, _) => dataset.offset().map(|begin| Self::Contiguous { begin }),
            (Layout::Chunked, Some(chunks)) => {
                let grid = VoxelGrid::new(shape, chunks);
                let addresses = addresses(dataset, &grid, element)?;
                Some(Self::Chunked { grid, addresses })
            }
            _ => None,
        }
    }
}

fn addresses(dataset: &Dataset, grid: &VoxelGrid, element: u64) -> Option<Addresses> {
    let n_chunks = grid.n_chunks()?;
    let bytes = grid.chunk_shape().iter().product::<u64>() * element;
    let address = |index: Vec<u64>| {
        let found = address_of(dataset, &grid.chunk(&index).begin());
        found.filter(|(_, stored)| *stored == bytes).map(|(address, _)| address)
    };
    if has_chunks_in_order(dataset) && has_full_grid(dataset, grid) {
        return address(vec![0; grid.chunk_shape().len()]).map(Addresses::InOrder);
    }
    if n_chunks > MAX_LOOKED_UP {
        return None;
    }
    grid.chunks().map(address).collect::<Option<_>>().map(Addresses::Listed)
}

fn has_chunks_in_order(dataset: &Dataset) -> bool {
    let mut index = 0;
    // SAFETY: a dataset's id, and a valid place for the result.
    let code = hdf5::sync::sync(|| unsafe { H5Dget_chunk_index_type(dataset.id(), &mut index) });
    code >= 0 && index == H5D_CHUNK_IDX_NONE
}

/// Returns whether the array has all the chunks that it may grow to: their order goes by that.
fn has_full_grid(dataset: &Dataset, grid: &VoxelGrid) -> bool {
    let most = dataset.space().map(|space| space.maxdims()).unwrap_or_default();
    let most: Option<Vec<u64>> = most.iter().map(|most| most.map(|most| most as u64)).collect();
    most.is_some_and(|most| VoxelGrid::new(&most, grid.chunk_shape()).shape() == grid.shape())
}

/// Where the chunk begins that holds the voxel at `begin`, and how many bytes it takes; `None` where it has no address.
fn address_of(dataset: &Dataset, begin: &[u64]) -> Option<(u64, u64)> {
    const UNDEFINED: u64 = u64::MAX;
    let (mut mask, mut address, mut size) = (0, UNDEFINED, 0);
    // SAFETY: a dataset's id, one coordinate for each of its axes, and valid places for the results.
    let code = hdf5::sync::sync(|| unsafe {
        H5Dget_chunk_info_by_coord(dataset.id(), begin.as_ptr(), &mut mask, &mut address, &mut size)
    });
    (code >= 0 && address != UNDEFINED).then_some((address, size))
}
