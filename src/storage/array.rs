//! An array on disk of one type of element, seen by ROI.

use std::marker::PhantomData;
use std::path::Path;

use ndarray::{ArrayBase, ArrayD, Data, Dimension};

use crate::geometry::{
    ChunkGrid, Coordinate, MaskSource, ReadSource, Roi, Source, VoxelBox, WriteTarget, Writers,
};
use crate::storage::context::Context;
use crate::storage::dyn_array::{DynArray, Request};
use crate::storage::error::{Result, StorageError};
#[cfg(all(feature = "hdf5", feature = "mpi"))]
use crate::storage::formats::hdf5::mpio::{self, MpiIo};
use crate::storage::schema::element::Element;
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::open_options::{Channels, OpenOptions};
use crate::storage::schema::spec::ArraySpec;
use crate::storage::voxels::border::{self, AxisPlan, Border};
use crate::storage::voxels::uninit;

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
/// [`Durability::Block`](crate::Durability::Block). Threads that write parts of one chunk through clones of one `Array` take turns;
/// *processes* (or arrays opened twice) do not, and must not write to one chunk at the same time: see [`WriteTarget`]. Tasks
/// that declare the array see to it ([`TaskBuilder::writes`](crate::TaskBuilder::writes)).
///
/// In uncompressed HDF5 each voxel has its own bytes, which are written in place: all may write at the same time, and
/// whoever is killed leaves others' voxels alone. Compressed HDF5 is for one process, and not safe against its end.
pub struct Array<T> {
    array: DynArray,
    element: PhantomData<fn() -> T>,
}

impl<T: Element> Array<T> {
    /// Opens the array at `path`: a directory, or a dataset such as `volume.zarr/raw` or `volume.h5/raw`.
    ///
    /// # Errors
    /// Nothing there, or no array; another type of element; metadata that cannot be read or is not supported.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        DynArray::open(path)?.typed()
    }

    /// Opens the array at `path`, which `options` say more of: where it lies, what its file does not say or says wrongly, which of its axes are
    /// channels, and which channels are wanted. The file stays as it is.
    ///
    /// # Errors
    /// As [`open`](Self::open); options that do not go with the array.
    pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        DynArray::open_with(path, options)?.typed()
    }

    /// As [`open_with`](Self::open_with), in another context than the process's.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open_with_in(context: &Context, path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        DynArray::open_with_in(context, path, options)?.typed()
    }

    /// As [`open`](Self::open), in another context than the process's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_in(context: &Context, path: impl AsRef<Path>) -> Result<Self> {
        DynArray::open_in(context, path)?.typed()
    }

    /// Creates the array at `path`, with all directories above it, or opens it if it exists.
    ///
    /// The name ends in `.zarr`, `.n5` or `.h5`, or lies in something that does (`volume.zarr/raw`); in HDF5 it always
    /// does. Every rank may call this at the same time: one creates the array, all open it, and none sees it half made. An
    /// array that exists is never changed: shape, type of element, chunks, offset and voxel size must be those of `spec`; fill value, compression, names
    /// and units stay as they are.
    ///
    /// # Errors
    /// An array that exists and differs; a `spec` that makes no sense; a place that cannot be written.
    pub fn create(path: impl AsRef<Path>, spec: &ArraySpec) -> Result<Self> {
        DynArray::create(path, T::DATA_TYPE, spec)?.typed()
    }

    /// As [`create`](Self::create), in another context than the process's.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_in(context: &Context, path: impl AsRef<Path>, spec: &ArraySpec) -> Result<Self> {
        DynArray::create_in(context, path, T::DATA_TYPE, spec)?.typed()
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
        Self::create_mpio_in(Context::process(), path, spec, ranks)
    }

    /// As [`create_mpio`](Self::create_mpio), in another context than the process's.
    ///
    /// # Errors
    /// As [`create_mpio`](Self::create_mpio).
    #[cfg(all(feature = "hdf5", feature = "mpi"))]
    pub fn create_mpio_in(
        context: &Context,
        path: impl AsRef<Path>,
        spec: &ArraySpec,
        ranks: MpiIo,
    ) -> Result<Self> {
        let opened = mpio::create_mpio(context, path.as_ref(), T::DATA_TYPE, spec, ranks)?;
        DynArray::from_opened(opened, context)?.typed()
    }

    /// As [`open`](Self::open), for all ranks of a communicator together: see [`create_mpio`](Self::create_mpio). A
    /// compressed dataset is there to be read: writing it is an error.
    ///
    /// # Errors
    /// As [`create_mpio`](Self::create_mpio).
    #[cfg(all(feature = "hdf5", feature = "mpi"))]
    pub fn open_mpio(path: impl AsRef<Path>, ranks: MpiIo) -> Result<Self> {
        Self::open_mpio_in(Context::process(), path, ranks)
    }

    /// As [`open_mpio`](Self::open_mpio), in another context than the process's.
    ///
    /// # Errors
    /// As [`open_mpio`](Self::open_mpio).
    #[cfg(all(feature = "hdf5", feature = "mpi"))]
    pub fn open_mpio_in(context: &Context, path: impl AsRef<Path>, ranks: MpiIo) -> Result<Self> {
        let opened = mpio::open_mpio(context, path.as_ref(), T::DATA_TYPE, ranks)?;
        DynArray::from_opened(opened, context)?.typed()
    }

    /// The same array, of which only these channels are seen, read and written: a range for each channel axis, or one number. Cheap, so that
    /// the function of a task may ask for one channel or time point after the other.
    ///
    /// ```
    /// # #[cfg(feature = "zarr")] {
    /// use bellis::{Array, ArraySpec};
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("a.zarr");
    /// let movie = Array::<u8>::create(&path, &ArraySpec::new([50, 2, 30, 40]).channel_axes(2))?;
    /// let frame = movie.channels([7..8, 0..2])?;
    /// assert_eq!(frame.read(&movie.roi())?.shape(), [1, 2, 30, 40]);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Chunks that hold several channels stay what no two may write at the same time, whichever channels each writes.
    ///
    /// # Errors
    /// Not one range for each channel axis, or one that is empty or reaches past the end.
    pub fn channels(&self, channels: impl Into<Channels>) -> Result<Self> {
        Ok(Self { array: self.array.channels(channels)?, element: PhantomData })
    }

    /// The context that it was opened in.
    pub fn context(&self) -> &Context {
        self.array.context()
    }

    /// The array that this is the typed view of.
    pub fn as_dyn(&self) -> &DynArray {
        &self.array
    }

    /// Where the array is.
    pub fn path(&self) -> &Path {
        self.array.path()
    }

    /// What the array is: shape, chunks, axis names, units and all the rest.
    pub fn info(&self) -> &ArrayInfo {
        self.array.info()
    }

    /// What the array covers, in world units, over its spatial axes.
    pub fn roi(&self) -> Roi {
        self.array.roi()
    }

    /// World units per voxel, over the spatial axes.
    pub fn voxel_size(&self) -> &Coordinate {
        self.array.voxel_size()
    }

    /// What voxels hold that nobody wrote.
    pub fn fill_value(&self) -> T {
        T::of_bytes(self.array.fill_value())
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
        self.read_with(roi, Border::Constant(self.fill_value()))
    }

    /// The voxels in `roi`, with the border continued as `border` says.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Costs
    /// As [`read`](Self::read); a border that mirrors voxels from outside `roi` also reads those.
    pub fn read_with(&self, roi: &Roi, border: Border<T>) -> Result<ArrayD<T>> {
        let Request { voxels, shape, inside } = self.array.request(roi)?;
        if let Some(range) = inside {
            return self.read_range(&range);
        }
        let constant = match border {
            Border::Constant(value) => value,
            Border::Nearest | Border::Reflect => self.fill_value(),
        };
        let extents = self.array.info().spatial_shape();
        let plans =
            voxels.iter().zip(extents).map(|(wanted, &extent)| AxisPlan::new(wanted, extent, &border));
        let Some(plans) = plans.collect::<Option<Vec<_>>>() else {
            return Ok(ArrayD::from_elem(shape, constant));
        };
        let source = self.array.with_channels(plans.iter().map(|plan| plan.source.clone()));
        Ok(border::fill(self.read_range(&source)?, &plans, constant))
    }

    /// The voxels of a range, which lies inside the array.
    fn read_range(&self, range: &VoxelBox) -> Result<ArrayD<T>> {
        // SAFETY: what every backend promises.
        unsafe { uninit::filled(&range.shape(), |voxels| self.array.backend().read(range, voxels)) }
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
        let Some(range) = self.array.range_to_write(roi, data.shape())? else { return Ok(()) };
        let data = data.as_standard_layout();
        let voxels: &[u8] = data.as_slice().map_or(&[], bytemuck::cast_slice);
        self.array.backend().write(&range, voxels)
    }
}

impl DynArray {
    /// The array as one of `T`, which it must hold.
    ///
    /// # Errors
    /// Another type of element.
    pub fn typed<T: Element>(self) -> Result<Array<T>> {
        if self.data_type() != T::DATA_TYPE {
            let (path, on_disk) = (self.path().to_path_buf(), self.data_type());
            return Err(StorageError::DataTypeDiffers { path, on_disk, asked: T::DATA_TYPE });
        }
        Ok(Array { array: self, element: PhantomData })
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
        Self { array: self.array.clone(), element: PhantomData }
    }
}

impl<T> std::fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.array.fmt(f)
    }
}

impl<T: Element> WriteTarget for Array<T> {
    /// What no two may write at the same time, over the spatial axes: shards, chunks, or single voxels.
    fn chunk_grid(&self) -> ChunkGrid {
        self.array.chunk_grid()
    }

    fn label(&self) -> String {
        self.array.label()
    }

    fn writers(&self) -> Writers {
        self.array.writers()
    }

    fn identity(&self) -> String {
        self.array.identity()
    }

    fn voxel_size(&self) -> Option<Coordinate> {
        Some(*self.array.voxel_size())
    }
}

impl<T: Element> ReadSource for Array<T> {
    fn source(&self) -> Source {
        self.array.source()
    }
}

impl<T: Element> MaskSource for Array<T> {
    fn something(
        &self,
        roi: &Roi,
    ) -> std::result::Result<Vec<bool>, Box<dyn std::error::Error + Send + Sync>> {
        self.array.something(roi)
    }
}

#[cfg(all(test, feature = "zarr"))]
mod tests {
    use super::*;
    use crate::storage::context::Statistics;

    #[test]
    fn something_is_what_is_not_zero_of_any_channel() -> Result<()> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let spec = ArraySpec::new([2, 4]).channel_axes(1);
        let array = Array::<f32>::create(dir.path().join("a.zarr"), &spec)?;
        array.write(&array.roi(), &ndarray::arr2(&[[0.0, -0.0, f32::NAN, 0.0], [0.0, -0.0, 0.0, -1e-45]]))?;
        assert_eq!(array.something(&array.roi()).ok(), Some(vec![false, false, true, true]));
        let part = Roi::new([1], [2]).expect("a box");
        assert_eq!(array.something(&part).ok(), Some(vec![false, true]));
        Ok(())
    }

    #[test]
    fn contexts_see_nothing_of_each_other() -> Result<()> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a.zarr");
        let (first, second) = (Context::new(), Context::new());
        let writer = Array::<u8>::create_in(&first, &path, &ArraySpec::new([8]).chunks([8]))?;
        let voxels = ndarray::arr1(&[1, 2, 3, 4, 5, 6, 7, 8]);
        writer.write(&writer.roi(), &voxels)?;
        let part = Roi::new([2], [3]).expect("a box");
        let counted = |n_hits, n_misses| {
            Some(Statistics { n_hits, n_misses, bytes_read: 3, bytes_decoded: 8 * n_misses })
        };
        writer.read(&part)?;
        assert_eq!((first.take_statistics(), second.take_statistics()), (counted(0, 1), None));
        // What the first keeps is decoded again in the second.
        let reader = Array::<u8>::open_in(&second, &path)?;
        reader.read(&part)?;
        assert_eq!((first.take_statistics(), second.take_statistics()), (None, counted(0, 1)));
        // Nor does it lose what it keeps when the second forgets.
        second.set_cache_bytes(0);
        second.set_sync(true);
        reader.read(&part)?;
        writer.read(&part)?;
        assert_eq!(first.take_statistics(), counted(1, 0));
        assert_eq!(second.take_statistics().map(|reads| (reads.n_hits, reads.n_misses)), Some((0, 1)));
        assert_eq!((first.cache_bytes(), first.is_synced()), (512 << 20, false));
        assert_eq!((second.cache_bytes(), second.is_synced()), (0, true));
        Ok(())
    }
}
