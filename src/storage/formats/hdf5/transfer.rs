//! Boxes of voxels that the library moves between a dataset and memory.
//!
//! The bindings would do it for each type in an array of its own; here the memory is there already.
//!
//! The library leaves memory as it was for voxels that nobody wrote, where the file says not to fill them: in space or chunks
//! that are missing, in virtual datasets, whatever the filters and the byte order. So all memory is set to 0 before the library
//! gets it, here and nowhere else: no other file reads voxels by the library's own ways. A chunk that is decoded
//! without the library, and bytes that are read at their addresses, are read to the last byte or are an error.

use std::mem::MaybeUninit;
use std::ops::Range;

use hdf5::{Dataset, Dataspace, Datatype, Hyperslab, SliceOrIndex, h5check};
use hdf5_sys::h5d::{H5Dread, H5Dwrite};
use hdf5_sys::h5p::H5P_DEFAULT;

use super::stored::Stored;
use crate::geometry::VoxelBox;
use crate::storage::voxels::buffer::Voxels;
use crate::storage::voxels::uninit;

/// Reads `range`, which lies inside the dataset, to `voxels`: all of them are written. What was never written and is not to be
/// filled either is 0, as h5py and NetCDF have it.
pub(super) fn read(
    dataset: &Dataset,
    stored: &Stored,
    range: &VoxelBox,
    voxels: &mut [MaybeUninit<u8>],
) -> hdf5::Result<()> {
    let voxels = uninit::zero(voxels);
    let whole = whole_elements(stored, range);
    if whole == *range {
        return read_elements(dataset, stored, range, voxels);
    }
    let element = stored.data_type.size();
    let mut bytes = vec![0; whole.n_voxels() as usize * element];
    read_elements(dataset, stored, &whole, &mut bytes)?;
    Voxels { range: &whole, bytes: &bytes, element }.copy_to(range, range, voxels);
    Ok(())
}

/// Writes `voxels` to `range`, which lies inside the dataset.
pub(super) fn write(dataset: &Dataset, stored: &Stored, range: &VoxelBox, voxels: &[u8]) -> hdf5::Result<()> {
    let whole = whole_elements(stored, range);
    if whole == *range && !stored.is_swapped() {
        return write_elements(dataset, stored, range, voxels);
    }
    let element = stored.data_type.size();
    let mut bytes = vec![0; whole.n_voxels() as usize * element];
    if whole != *range {
        read_elements(dataset, stored, &whole, &mut bytes)?;
    }
    Voxels { range, bytes: voxels, element }.copy_to(range, &whole, &mut bytes);
    stored.swap(&mut bytes);
    write_elements(dataset, stored, &whole, &bytes)
}

/// `range` with all of each element, where elements are arrays.
fn whole_elements(stored: &Stored, range: &VoxelBox) -> VoxelBox {
    let n_outer = range.ranges().len() - stored.inner.len();
    let inner = stored.inner.iter().map(|extent| 0..*extent);
    range.ranges()[..n_outer].iter().cloned().chain(inner).collect()
}

fn read_elements(
    dataset: &Dataset,
    stored: &Stored,
    range: &VoxelBox,
    voxels: &mut [u8],
) -> hdf5::Result<()> {
    let transfer = Transfer::new(dataset, stored, range, voxels.len())?;
    let to = voxels.as_mut_ptr().cast();
    // SAFETY: ids that live as long as `transfer`, and memory of as many bytes as the selected elements take.
    let code = hdf5::sync::sync(|| unsafe {
        h5check(H5Dread(
            dataset.id(),
            transfer.data_type.id(),
            transfer.memory.id(),
            transfer.selected.id(),
            H5P_DEFAULT,
            to,
        ))
    });
    stored.swap(voxels);
    code.map(drop)
}

fn write_elements(dataset: &Dataset, stored: &Stored, range: &VoxelBox, voxels: &[u8]) -> hdf5::Result<()> {
    let transfer = Transfer::new(dataset, stored, range, voxels.len())?;
    let from = voxels.as_ptr().cast();
    // SAFETY: ids that live as long as `transfer`, and memory of as many bytes as the selected elements take.
    let code = hdf5::sync::sync(|| unsafe {
        h5check(H5Dwrite(
            dataset.id(),
            transfer.data_type.id(),
            transfer.memory.id(),
            transfer.selected.id(),
            H5P_DEFAULT,
            from,
        ))
    });
    code.map(drop)
}

/// What the library wants to know of a transfer.
struct Transfer {
    /// Of the elements in memory.
    data_type: Datatype,
    memory: Dataspace,
    /// The voxels of the dataset.
    selected: Dataspace,
}

impl Transfer {
    fn new(dataset: &Dataset, stored: &Stored, range: &VoxelBox, n_bytes: usize) -> hdf5::Result<Self> {
        let n_outer = range.ranges().len() - stored.inner.len();
        let memory = Dataspace::try_new(range.shape()[..n_outer].to_vec())?;
        let axis = |range: &Range<u64>| SliceOrIndex::from(range.start as usize..range.end as usize);
        let all = dataset.space()?;
        // A single value has no axes to select from.
        let selected = match all.ndim() {
            0 => all,
            _ => {
                all.select(Hyperslab::from(range.ranges()[..n_outer].iter().map(axis).collect::<Vec<_>>()))?
            }
        };
        let data_type = stored.in_memory(dataset)?;
        let n_elements = selected.selection_size();
        if n_elements != memory.size() || n_elements * data_type.size() != n_bytes {
            return Err(format!("{n_elements} elements selected for {n_bytes} bytes").into());
        }
        Ok(Self { data_type, memory, selected })
    }
}
