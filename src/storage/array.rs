//! An array on disk, seen by ROI.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ndarray::{ArrayBase, ArrayD, Data, Dimension};

use crate::geometry::{Coordinate, Lattice, OnLattice, Roi, VoxelRange};
use crate::storage::backend::{Backend, Opened};
use crate::storage::error::{Result, StorageError};
use crate::storage::format;
#[cfg(all(feature = "hdf5", feature = "mpi"))]
use crate::storage::formats::hdf5::mpio::{self, MpiIo};
use crate::storage::schema::element::Element;
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::spec::ArraySpec;
use crate::storage::voxels::border::{self, AxisPlan, Border};

/// An array of `T` on disk, read and written by ROI in world units.
///
/// * [`open`](Self::open) and [`create`](Self::create) make one; every rank and thread may do so at the same time.
/// * [`roi`](Self::roi), [`voxel_size`](Self::voxel_size) and [`info`](Self::info) say what it is.
/// * [`read`](Self::read), [`read_with`](Self::read_with) and [`write`](Self::write) move data.
///
/// ROIs have the array's *spatial* axes; data have its channel axes before them. Cloning is cheap, and all methods
/// take `&self`: a clone moves into a task's function and serves all threads. A read or write runs on the thread that
/// calls it and no other: blocks are what runs in parallel.
///
/// ```
/// # #[cfg(feature = "zarr")] {
/// use bellis::{Array, ArraySpec, Border, Roi};
/// # let dir = tempfile::tempdir()?;
/// # let (input, output) = (dir.path().join("a.zarr"), dir.path().join("b.zarr"));
/// # Array::<u8>::create(&input, &ArraySpec::new([30, 40]).fill_value(7u8))?;
/// let input = Array::<u8>::open(&input)?;
/// let output = Array::<f32>::create(&output, &ArraySpec::like(&input))?;
///
/// let block = Roi::new([0, 0], [10, 10])?;
/// let data = input.read_with(&block.grow(&[1, 1].into(), &[1, 1].into())?, Border::Nearest)?;
/// assert_eq!(data.shape(), [12, 12]);
/// let centre = data.slice(ndarray::s![1..-1, 1..-1]).mapv(|v| f32::from(v) / 2.0);
/// output.write(&block, &centre)?;
/// assert_eq!(output.read(&block)?[[0, 0]], 3.5);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Safety against crashes and each other
///
/// In Zarr and N5 a chunk's file is replaced as a whole: a reader sees it as it was or as it is, and a process that is
/// killed while it writes leaves the former one. That holds for the end of a node only with
/// [`Options::sync`](crate::Options::sync). Threads that write parts of one chunk through clones of one `Array` take turns; *processes* (or arrays opened twice) do not, and must not write
/// to one chunk at the same time: see [`OnLattice`]. Tasks that declare the array see to it
/// ([`TaskBuilder::writes`](crate::TaskBuilder::writes)).
///
/// In uncompressed HDF5 each voxel has its own bytes, which are written in place: all may write at the same time, and
/// whoever is killed leaves others' voxels alone. Compressed HDF5 is for one process, and not safe against its end.
pub struct Array<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    info: ArrayInfo,
    roi: Roi,
    cell: Coordinate,
    fill_value: T,
    backend: Box<dyn Backend<T>>,
}

impl<T: Element> Array<T> {
    /// Opens the array at `path`: a directory, or a dataset such as `volume.zarr/raw` or `volume.h5/raw`.
    ///
    /// # Errors
    /// Nothing there, or no array; another type of element; metadata that cannot be read or is not supported.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::from_opened(format::of_existing(path)?.open(path)?)
    }

    /// Creates the array at `path`, with all directories above it, or opens it if it exists.
    ///
    /// The name ends in `.zarr`, `.n5` or `.h5`, or lies in something that does (`volume.zarr/raw`); in HDF5 it always
    /// does. Every rank may call this at the same
    /// time: one creates the array, all open it, and none sees it half made. An array that exists is never changed:
    /// shape, type of element, chunks, offset and voxel size must be those of `spec`; fill value, compression, names
    /// and units stay as they are.
    ///
    /// # Errors
    /// An array that exists and differs; a `spec` that makes no sense; a place that cannot be written.
    pub fn create(path: impl AsRef<Path>, spec: &ArraySpec) -> Result<Self> {
        let path = path.as_ref();
        Self::from_opened(format::of_new(path)?.create(path, spec)?)
    }

    /// As [`create`](Self::create), of an HDF5 dataset that all ranks of a communicator then read and write through the
    /// library's MPI-IO driver, whose tuning for a file system (stripes, aggregators, ROMIO hints) may be wanted.
    ///
    /// Collective: all ranks call it together with the same path and specification, and where one of them fails, all
    /// get an error. Which ranks, says [`MpiIo`]; a program that leaves MPI to bellis asks
    /// [`Runner::mpi_io`](crate::Runner::mpi_io). Reads and writes are not collective. Without it an uncompressed dataset
    /// is written directly: see [`storage`](crate::storage#hdf5-from-several-ranks).
    /// The file is never closed, as that would be collective too, and wait for a lost rank forever: what was written
    /// is in the file all the same.
    ///
    /// # Errors
    /// As [`create`](Self::create); a path to something else than HDF5; a compressed dataset.
    #[cfg(all(feature = "hdf5", feature = "mpi"))]
    pub fn create_mpio(path: impl AsRef<Path>, spec: &ArraySpec, ranks: MpiIo) -> Result<Self> {
        Self::from_opened(mpio::create_mpio(path.as_ref(), spec, ranks)?)
    }

    /// As [`open`](Self::open), for all ranks of a communicator together: see [`create_mpio`](Self::create_mpio). A
    /// compressed dataset is there to be read: writing it is an error.
    ///
    /// # Errors
    /// As [`create_mpio`](Self::create_mpio).
    #[cfg(all(feature = "hdf5", feature = "mpi"))]
    pub fn open_mpio(path: impl AsRef<Path>, ranks: MpiIo) -> Result<Self> {
        Self::from_opened(mpio::open_mpio(path.as_ref(), ranks)?)
    }

    fn from_opened(opened: Opened<T>) -> Result<Self> {
        let Opened { info, fill_value, backend } = opened;
        let (roi, cell) = (info.roi()?, info.write_cell()?);
        Ok(Self { inner: Arc::new(Inner { info, roi, cell, fill_value, backend }) })
    }

    /// Where the array is.
    pub fn path(&self) -> &Path {
        &self.inner.info.path
    }

    /// What the array is: shape, chunks, axis names, units and all the rest.
    pub fn info(&self) -> &ArrayInfo {
        &self.inner.info
    }

    /// What the array covers, in world units, over its spatial axes.
    pub fn roi(&self) -> Roi {
        self.inner.roi
    }

    /// World units per voxel, over the spatial axes.
    pub fn voxel_size(&self) -> &Coordinate {
        &self.inner.info.voxel_size
    }

    /// What voxels hold that nobody wrote.
    pub fn fill_value(&self) -> T {
        self.inner.fill_value
    }

    /// The voxels in `roi`, and the fill value past the border of the array.
    ///
    /// The result has the shape of the channel axes, then the extents of `roi` in voxels, and is in C order.
    ///
    /// # Errors
    /// A ROI with another number of axes, or that does not fall on whole voxels; a chunk that cannot be read.
    ///
    /// # Costs
    /// Each chunk that `roi` meets is read and decoded once; a ROI that reaches past the border is copied once more.
    pub fn read(&self, roi: &Roi) -> Result<ArrayD<T>> {
        self.read_with(roi, Border::Constant(self.inner.fill_value))
    }

    /// The voxels in `roi`, with the border continued as `border` says.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Costs
    /// As [`read`](Self::read); a border that mirrors voxels from outside `roi` also reads those.
    pub fn read_with(&self, roi: &Roi, border: Border<T>) -> Result<ArrayD<T>> {
        let voxels = self.voxels(roi)?;
        let shape = self.data_shape(roi, &voxels)?;
        self.require_memory(roi, &shape)?;
        if let Some(range) = self.inside(&voxels).filter(|_| !roi.is_empty()) {
            return self.inner.backend.read(&range);
        }
        let constant = match border {
            Border::Constant(value) => value,
            Border::Nearest | Border::Reflect => self.inner.fill_value,
        };
        let spatial = &self.inner.info.shape[self.inner.info.n_channel_axes()..];
        let plans =
            voxels.iter().zip(spatial).map(|(wanted, &extent)| AxisPlan::new(wanted, extent, &border));
        let Some(plans) = plans.collect::<Option<Vec<_>>>() else {
            return Ok(ArrayD::from_elem(shape, constant));
        };
        let source = self.with_channels(plans.iter().map(|plan| plan.source.clone()));
        Ok(border::fill(self.inner.backend.read(&source)?, &plans, constant))
    }

    /// Writes `data`, in any memory order, to the voxels in `roi`.
    ///
    /// `data` has the shape of the channel axes, then the extents of `roi` in voxels.
    ///
    /// # Errors
    /// A ROI with another number of axes, that does not fall on whole voxels or that reaches past the border; data of
    /// another shape; a chunk that cannot be written, or that is only partly covered and cannot be read.
    ///
    /// # Costs
    /// A chunk that `roi` covers (as far as the array does) is encoded and written; one that it covers in part is read
    /// and decoded before.
    pub fn write<S, D>(&self, roi: &Roi, data: &ArrayBase<S, D>) -> Result<()>
    where
        S: Data<Elem = T>,
        D: Dimension,
    {
        let voxels = self.voxels(roi)?;
        let expected = self.data_shape(roi, &voxels)?;
        let path = || self.path().to_path_buf();
        if data.shape() != expected {
            let data = data.shape().to_vec();
            return Err(StorageError::ShapeDiffers { path: path(), roi: *roi, data, expected });
        }
        if roi.is_empty() {
            return Ok(());
        }
        let range = self.inside(&voxels).ok_or_else(|| StorageError::OutsideArray {
            path: path(),
            roi: *roi,
            extent: self.inner.roi,
        })?;
        self.inner.backend.write(&range, data.view().into_dyn())
    }

    /// `roi` in voxels: 0 is the first one of the array.
    fn voxels(&self, roi: &Roi) -> Result<VoxelRange> {
        let info = &self.inner.info;
        if roi.n_axes() != info.offset.n_axes() {
            let array = info.offset.n_axes();
            return Err(StorageError::AxesDiffer { path: self.path().to_path_buf(), roi: *roi, array });
        }
        roi.to_voxels(&info.offset, &info.voxel_size)
            .map_err(|source| StorageError::Geometry { path: self.path().to_path_buf(), source })
    }

    /// The shape of the data of `voxels`, channel axes first.
    fn data_shape(&self, roi: &Roi, voxels: &VoxelRange) -> Result<Vec<usize>> {
        let channels = self.inner.info.channel_shape().iter().map(|&extent| usize::try_from(extent).ok());
        let spatial = voxels.iter().map(|range| usize::try_from(range.end - range.start).ok());
        let shape = channels.chain(spatial).collect::<Option<Vec<_>>>();
        // ndarray counts elements, and addresses bytes, in isize.
        let fits = |shape: &Vec<usize>| {
            let bytes =
                shape.iter().filter(|&&v| v != 0).try_fold(size_of::<T>(), |all, &v| all.checked_mul(v));
            bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok())
        };
        shape
            .filter(fits)
            .ok_or_else(|| StorageError::TooLarge { path: self.path().to_path_buf(), roi: *roi })
    }

    /// `voxels` with the channel axes, if they all lie inside the array.
    fn inside(&self, voxels: &VoxelRange) -> Option<Vec<Range<u64>>> {
        let spatial = &self.inner.info.shape[self.inner.info.n_channel_axes()..];
        let axis = |(range, &extent): (&Range<i64>, &u64)| {
            let range = u64::try_from(range.start).ok()?..u64::try_from(range.end).ok()?;
            (range.end <= extent).then_some(range)
        };
        let spatial = voxels.iter().zip(spatial).map(axis).collect::<Option<Vec<_>>>()?;
        Some(self.with_channels(spatial))
    }

    fn with_channels(&self, spatial: impl IntoIterator<Item = Range<u64>>) -> Vec<Range<u64>> {
        let channels = self.inner.info.channel_shape().iter().map(|&extent| 0..extent);
        channels.chain(spatial).collect()
    }

    /// An error, rather than an abort, where the system has no memory for so much.
    fn require_memory(&self, roi: &Roi, shape: &[usize]) -> Result<()> {
        const LARGE: usize = 1 << 28;
        let n_elements: usize = shape.iter().product();
        if n_elements > LARGE && Vec::<T>::new().try_reserve_exact(n_elements).is_err() {
            return Err(StorageError::TooLarge { path: self.path().to_path_buf(), roi: *roi });
        }
        Ok(())
    }
}

impl ArraySpec {
    /// An array of the shape, channel axes, chunks, offset, voxel size, axis names, units and fill value of `other`,
    /// whatever the type of its elements. Compression and version of the format are the defaults; shards are not
    /// copied, as only Zarr v3 has them.
    pub fn like<U: Element>(other: &Array<U>) -> Self {
        Self::from(other.info())
    }
}

impl<T> Clone for Array<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> std::fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.info.fmt(f)
    }
}

impl<T: Element> OnLattice for Array<T> {
    /// What no two may write at the same time, over the spatial axes: shards, chunks, or single voxels.
    fn lattice(&self) -> Lattice {
        Lattice { extent: self.inner.roi, cell: self.inner.cell }
    }

    fn label(&self) -> String {
        self.path().display().to_string()
    }

    /// So it is with compressed HDF5.
    fn one_process_only(&self) -> Option<String> {
        self.inner.backend.one_process_only().map(str::to_owned)
    }
}
