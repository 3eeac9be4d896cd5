//! An array on disk whose type of element is a value, seen by ROI: what is true of every format and every type.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::geometry::{
    ChunkGrid, Coordinate, MaskSource, ReadSource, Roi, Source, VoxelBox, VoxelRange, WriteTarget, Writers,
};
use crate::storage::backend::{Backend, Opened};
use crate::storage::context::Context;
use crate::storage::disk::links::without_links;
use crate::storage::error::{Result, StorageError};
use crate::storage::format::{self, Format};
use crate::storage::schema::element::DataType;
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::open_options::{Channels, OpenOptions};
use crate::storage::schema::spec::ArraySpec;
use crate::storage::voxels::buffer::VoxelsMut;
use crate::storage::voxels::{plain, uninit};

/// An array on disk whose type of element is known when the program runs: bytes in, bytes out.
///
/// For what moves voxels and does not compute with them, and for other languages. [`Array`](crate::storage::Array) is its
/// typed view, and says what goes for both: [`typed`](Self::typed) makes one of it.
///
/// Voxels are bytes: [`data_type().size()`](DataType::size) for each, in this machine's byte order, whatever the file's; in
/// C order over the channel axes, then the extents of the ROI in voxels. No address need be aligned. Those of `bool` that are
/// read are 0 or 1; of those that are written, all but 0 are true.
///
/// ```
/// # #[cfg(feature = "zarr")] {
/// use bellis::storage::{ArraySpec, DataType, DynArray};
/// use bellis::Roi;
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("a.zarr");
/// let array = DynArray::create(&path, DataType::U16, &ArraySpec::new([4, 6]).fill_value(7u16))?;
/// let row = Roi::new([1, 0], [1, 3])?;
/// array.write_bytes(&row, &[1u16, 2, 3].map(u16::to_ne_bytes).concat())?;
/// assert_eq!(array.read_bytes(&row)?.len(), 3 * array.data_type().size());
/// assert_eq!(array.typed::<u16>()?.read(&Roi::new([1, 2], [1, 2])?)?, ndarray::arr2(&[[3, 7]]).into_dyn());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct DynArray {
    inner: Arc<Inner>,
}

struct Inner {
    info: ArrayInfo,
    /// What the array covers, and what no two may write at the same time.
    chunk_grid: ChunkGrid,
    /// The bytes of a voxel that nobody wrote.
    fill_value: Vec<u8>,
    backend: Arc<dyn Backend>,
    /// Which channels these are of all that the file has.
    channels: Vec<Range<u64>>,
    context: Context,
}

/// What is to be read, as far as it was checked.
pub(super) struct Request {
    /// The ROI in voxels: 0 is the first one of the array.
    pub voxels: VoxelRange,
    /// Of the result, channel axes first.
    pub shape: Vec<usize>,
    /// All that is wanted, with the channel axes, if it lies inside the array and is not empty.
    pub inside: Option<VoxelBox>,
}

/// What a ROI and the array have in common, with the channel axes.
struct Overlap {
    in_array: VoxelBox,
    /// Counted from the begin of the ROI.
    in_roi: VoxelBox,
}

impl DynArray {
    /// Opens the array at `path`: see [`Array::open`](crate::storage::Array::open).
    ///
    /// # Errors
    /// Nothing there, or no array; metadata that cannot be read or is not supported.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_in(Context::process(), path)
    }

    /// As [`open`](Self::open), in another context than the process's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_in(context: &Context, path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with_in(context, path, &OpenOptions::new())
    }

    /// Opens the array at `path`, which `options` say more of: see
    /// [`Array::open_with`](crate::storage::Array::open_with).
    ///
    /// # Errors
    /// As [`open`](Self::open); options that do not go with the array.
    pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        Self::open_with_in(Context::process(), path, options)
    }

    /// As [`open_with`](Self::open_with), in another context than the process's.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open_with_in(context: &Context, path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        let opened = format::of_existing(path)?.open(path, context, options)?;
        let array = Self::from_opened(opened, context)?;
        match &options.channels {
            Some(channels) => array.channels(channels.clone()),
            None => Ok(array),
        }
    }

    /// Creates the array of `data_type` at `path`, or opens it if it exists: see
    /// [`Array::create`](crate::storage::Array::create).
    ///
    /// # Errors
    /// An array that exists and differs; a `spec` that makes no sense; a place that cannot be written.
    pub fn create(path: impl AsRef<Path>, data_type: DataType, spec: &ArraySpec) -> Result<Self> {
        Self::create_in(Context::process(), path, data_type, spec)
    }

    /// As [`create`](Self::create), in another context than the process's.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_in(
        context: &Context,
        path: impl AsRef<Path>,
        data_type: DataType,
        spec: &ArraySpec,
    ) -> Result<Self> {
        let path = path.as_ref();
        Self::from_opened(Format::of(path)?.create(path, data_type, spec, context)?, context)
    }

    pub(super) fn from_opened(opened: Opened, context: &Context) -> Result<Self> {
        let Opened { info, mut fill_value, backend } = opened;
        if info.data_type == DataType::Bool {
            plain::make_bool(&mut fill_value);
        }
        let chunk_grid = info.chunk_grid()?;
        let channels = info.channel_shape().iter().map(|&extent| 0..extent).collect();
        let (backend, context) = (Arc::from(backend), context.clone());
        Ok(Self { inner: Arc::new(Inner { info, chunk_grid, fill_value, backend, channels, context }) })
    }

    /// The same array, of which only these channels are seen: see [`Array::channels`](crate::storage::Array::channels).
    ///
    /// # Errors
    /// Not one range for each channel axis, or one that is empty or reaches past the end.
    pub fn channels(&self, channels: impl Into<Channels>) -> Result<Self> {
        let of = &*self.inner;
        let wanted = of.info.channel_ranges(&channels.into())?;
        let info = of.info.of_channels(&wanted);
        let in_file =
            |(all, wanted): (&Range<u64>, Range<u64>)| all.start + wanted.start..all.start + wanted.end;
        Ok(Self {
            inner: Arc::new(Inner {
                info,
                chunk_grid: of.chunk_grid,
                fill_value: of.fill_value.clone(),
                backend: of.backend.clone(),
                channels: of.channels.iter().zip(wanted).map(in_file).collect(),
                context: of.context.clone(),
            }),
        })
    }

    /// The context that it was opened in.
    pub fn context(&self) -> &Context {
        &self.inner.context
    }

    /// Where the array is.
    pub fn path(&self) -> &Path {
        &self.inner.info.path
    }

    /// What the array is: shape, chunks, axis names, units and all the rest.
    pub fn info(&self) -> &ArrayInfo {
        &self.inner.info
    }

    /// The type of its elements.
    pub fn data_type(&self) -> DataType {
        self.inner.info.data_type
    }

    /// What the array covers, in world units, over its spatial axes.
    pub fn roi(&self) -> Roi {
        self.inner.chunk_grid.extent
    }

    /// World units per voxel, over the spatial axes.
    pub fn voxel_size(&self) -> &Coordinate {
        &self.inner.info.voxel_size
    }

    /// The bytes of a voxel that nobody wrote.
    pub fn fill_value(&self) -> &[u8] {
        &self.inner.fill_value
    }

    /// The voxels in `roi`, and the fill value past the border of the array.
    ///
    /// # Errors
    /// A ROI with another number of axes, or that does not fall on whole voxels; a chunk that cannot be read.
    ///
    /// # Costs
    /// Each chunk that `roi` meets is read and decoded once; a ROI that reaches past the border is copied once more.
    pub fn read_bytes(&self, roi: &Roi) -> Result<Vec<u8>> {
        let Request { voxels, shape, inside } = self.request(roi)?;
        if let Some(range) = inside {
            return self.read_range(&range);
        }
        let n_bytes = shape.iter().product::<usize>() * self.data_type().size();
        if n_bytes == 0 {
            return Ok(Vec::new());
        }
        let result: VoxelBox = shape.iter().map(|&extent| 0..extent as u64).collect();
        let overlap = self.overlap(&voxels);
        let inner = overlap.as_ref().map(|overlap| self.read_range(&overlap.in_array)).transpose()?;
        let mut bytes = Vec::new();
        let fill = |bytes: &mut [_]| -> Result<()> {
            let mut to = VoxelsMut { range: &result, bytes, element: self.data_type().size() };
            to.fill(&result, self.fill_value());
            if let (Some(inner), Some(Overlap { in_roi, .. })) = (&inner, &overlap) {
                to.copy_from(in_roi, in_roi, inner);
            }
            Ok(())
        };
        // SAFETY: the fill value goes everywhere.
        unsafe { uninit::fill_up(&mut bytes, n_bytes, fill) }?;
        Ok(bytes)
    }

    /// Writes `voxels` to `roi`.
    ///
    /// # Errors
    /// A ROI with another number of axes, that does not fall on whole voxels or that reaches past the border; more or less
    /// bytes than it takes; a chunk that cannot be written, or that is only partly covered and cannot be read.
    ///
    /// # Costs
    /// A chunk that `roi` covers (as far as the array does) is encoded and written; one that it covers in part is read
    /// and decoded before.
    pub fn write_bytes(&self, roi: &Roi, voxels: &[u8]) -> Result<()> {
        let range = self.voxels(roi)?;
        let expected = self.data_shape(roi, &range)?.iter().product::<usize>() * self.data_type().size();
        if voxels.len() != expected {
            let (path, actual) = (self.path().to_path_buf(), voxels.len());
            return Err(StorageError::SizeDiffers { path, roi: *roi, actual, expected });
        }
        match self.range_inside(roi, &range)? {
            Some(range) if self.data_type() == DataType::Bool => {
                let mut voxels = voxels.to_vec();
                plain::make_bool(&mut voxels);
                self.backend().write(&range, &voxels)
            }
            Some(range) => self.backend().write(&range, voxels),
            None => Ok(()),
        }
    }

    /// Whether anything is stored of voxels, as far as the file says so, or the first of them do, which are read: whether one
    /// is not the fill value.
    pub(super) fn is_stored(&self, voxels: &VoxelRange) -> Result<bool> {
        const MAX_READ: u64 = 1 << 15;
        let Some(Overlap { in_array, .. }) = self.overlap(voxels) else { return Ok(false) };
        if let Some(is_stored) = self.backend().is_stored(&in_array) {
            return Ok(is_stored);
        }
        let mut ranges = in_array.ranges().to_vec();
        let mut left = MAX_READ;
        for range in ranges.iter_mut().rev() {
            range.end = range.end.min(range.start + left.max(1));
            left /= range.end - range.start;
        }
        let bytes = self.read_range(&ranges.into_iter().collect())?;
        Ok(bytes.chunks(self.data_type().size()).any(|voxel| voxel != self.fill_value()))
    }

    pub(super) fn backend(&self) -> &dyn Backend {
        &*self.inner.backend
    }

    /// What reading `roi` asks for.
    pub(super) fn request(&self, roi: &Roi) -> Result<Request> {
        let voxels = self.voxels(roi)?;
        let shape = self.data_shape(roi, &voxels)?;
        self.require_memory(roi, &shape)?;
        let inside = self.inside(&voxels).filter(|_| !roi.is_empty());
        Ok(Request { voxels, shape, inside })
    }

    /// Where data of `shape` that are written to `roi` go; `None` where there are none.
    pub(super) fn range_to_write(&self, roi: &Roi, shape: &[usize]) -> Result<Option<VoxelBox>> {
        let voxels = self.voxels(roi)?;
        let expected = self.data_shape(roi, &voxels)?;
        if shape != expected {
            let (path, data) = (self.path().to_path_buf(), shape.to_vec());
            return Err(StorageError::ShapeDiffers { path, roi: *roi, data, expected });
        }
        self.range_inside(roi, &voxels)
    }

    /// A range of voxels with the channel axes before it, as the file has them.
    pub(super) fn with_channels(&self, spatial: impl IntoIterator<Item = Range<u64>>) -> VoxelBox {
        self.inner.channels.iter().cloned().chain(spatial).collect()
    }

    /// The voxels of a range, which lies inside the array.
    fn read_range(&self, range: &VoxelBox) -> Result<Vec<u8>> {
        let n_bytes = range.n_voxels() as usize * self.data_type().size();
        let mut bytes = Vec::new();
        // SAFETY: what every backend promises.
        unsafe { uninit::fill_up(&mut bytes, n_bytes, |voxels| self.backend().read(range, voxels)) }?;
        if self.data_type() == DataType::Bool {
            plain::make_bool(&mut bytes);
        }
        Ok(bytes)
    }

    /// `voxels` of `roi` with the channel axes; `None` where there are none.
    fn range_inside(&self, roi: &Roi, voxels: &VoxelRange) -> Result<Option<VoxelBox>> {
        if roi.is_empty() {
            return Ok(None);
        }
        let outside =
            || StorageError::OutsideArray { path: self.path().to_path_buf(), roi: *roi, extent: self.roi() };
        self.inside(voxels).map(Some).ok_or_else(outside)
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
            let mut extents = shape.iter().filter(|&&extent| extent != 0);
            let bytes = extents.try_fold(self.data_type().size(), |all, &extent| all.checked_mul(extent));
            bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok())
        };
        shape
            .filter(fits)
            .ok_or_else(|| StorageError::TooLarge { path: self.path().to_path_buf(), roi: *roi })
    }

    /// `voxels` with the channel axes, if they all lie inside the array.
    fn inside(&self, voxels: &VoxelRange) -> Option<VoxelBox> {
        let axis = |(range, &extent): (&Range<i64>, &u64)| {
            let range = u64::try_from(range.start).ok()?..u64::try_from(range.end).ok()?;
            (range.end <= extent).then_some(range)
        };
        let spatial = voxels.iter().zip(self.inner.info.spatial_shape());
        spatial.map(axis).collect::<Option<Vec<_>>>().map(|spatial| self.with_channels(spatial))
    }

    /// What `voxels` and the array have in common, if anything.
    fn overlap(&self, voxels: &VoxelRange) -> Option<Overlap> {
        let axis = |(wanted, &extent): (&Range<i64>, &u64)| {
            let begin = wanted.start.max(0);
            // An extent beyond i64 reaches past all that can be wanted.
            let end = wanted.end.min(i64::try_from(extent).unwrap_or(i64::MAX));
            let from = |first: i64| (begin - first).unsigned_abs()..(end - first).unsigned_abs();
            (begin < end).then(|| (from(0), from(wanted.start)))
        };
        let both = voxels.iter().zip(self.inner.info.spatial_shape()).map(axis);
        let (in_array, in_roi): (Vec<_>, Vec<_>) = both.collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let channels = self.inner.info.channel_shape().iter().map(|&extent| 0..extent);
        let in_roi = channels.chain(in_roi).collect();
        Some(Overlap { in_array: self.with_channels(in_array), in_roi })
    }

    /// An error, rather than an abort, where the system has no memory for so much.
    fn require_memory(&self, roi: &Roi, shape: &[usize]) -> Result<()> {
        const LARGE: usize = 1 << 28;
        let n_elements: usize = shape.iter().product();
        let n_bytes = n_elements * self.data_type().size();
        if n_elements > LARGE && Vec::<u8>::new().try_reserve_exact(n_bytes).is_err() {
            return Err(StorageError::TooLarge { path: self.path().to_path_buf(), roi: *roi });
        }
        Ok(())
    }
}

impl ArraySpec {
    /// What [`DynArray::create`], or [`Array::create`](crate::storage::Array::create) of this type, would return at `path`,
    /// without making it: for whoever must know before, such as which blocks may write it.
    ///
    /// ```
    /// # #[cfg(feature = "hdf5")] {
    /// use bellis::storage::{ArraySpec, Compression, DataType, Writers};
    /// let spec = ArraySpec::new([100, 200]).compression(Compression::Gzip { level: 1 });
    /// let info = spec.resolve("nothing-there.h5/raw", DataType::U16)?;
    /// assert_eq!((info.format, info.chunks), ("HDF5", vec![100, 200]));
    /// assert!(matches!(info.writers, Writers::OneProcess { .. }));
    /// # }
    /// # Ok::<(), bellis::storage::StorageError>(())
    /// ```
    ///
    /// # Errors
    /// Why it would be refused: as `create`, as far as that can be seen before anything is written.
    pub fn resolve(&self, path: impl AsRef<Path>, data_type: DataType) -> Result<ArrayInfo> {
        let path = path.as_ref();
        Format::of(path)?.resolve(path, data_type, self)
    }
}

impl std::fmt::Debug for DynArray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.info.fmt(f)
    }
}

impl WriteTarget for DynArray {
    /// What no two may write at the same time, over the spatial axes: shards, chunks, or single voxels.
    fn chunk_grid(&self) -> ChunkGrid {
        self.inner.chunk_grid
    }

    fn label(&self) -> String {
        self.path().display().to_string()
    }

    fn writers(&self) -> Writers {
        self.inner.info.writers.clone()
    }

    /// The path without links, as far as it leads outside of a file.
    fn identity(&self) -> String {
        without_links(self.path()).display().to_string()
    }

    fn voxel_size(&self) -> Option<Coordinate> {
        Some(*self.voxel_size())
    }
}

impl ReadSource for DynArray {
    fn source(&self) -> Source {
        let (label, identity) = (self.label(), self.identity());
        Source { label, identity, extent: self.roi(), voxel_size: *self.voxel_size() }
    }
}

impl MaskSource for DynArray {
    /// Whatever is not 0, also what is not a number, of any channel.
    fn something(
        &self,
        roi: &Roi,
    ) -> std::result::Result<Vec<bool>, Box<dyn std::error::Error + Send + Sync>> {
        let (bytes, size) = (self.read_bytes(roi)?, self.data_type().size());
        // Of a float, -0 is nothing either: it is the sign alone. A complex number is two.
        let float_size = match self.data_type() {
            DataType::F16 | DataType::BF16 => Some(2),
            DataType::F32 | DataType::C64 => Some(4),
            DataType::F64 | DataType::C128 => Some(8),
            _ => None,
        };
        let sign_at = |float_size| if cfg!(target_endian = "little") { float_size - 1 } else { 0 };
        let is_something = |element: &[u8]| match float_size {
            None => element.iter().any(|byte| *byte != 0),
            Some(float_size) => element.iter().enumerate().any(|(at, byte)| {
                let sign = if at % float_size == sign_at(float_size) { 0x80 } else { 0 };
                byte & !sign != 0
            }),
        };
        let n_channels = self.info().channel_shape().iter().product::<u64>() as usize;
        let mut something = vec![false; bytes.len() / size / n_channels.max(1)];
        for (index, element) in bytes.chunks_exact(size).enumerate() {
            // Channels come first.
            let at = index % something.len();
            something[at] |= is_something(element);
        }
        Ok(something)
    }
}
