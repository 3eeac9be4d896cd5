//! What can go wrong with bulk data.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::geometry::{GeometryError, Roi};
use crate::storage::schema::element::DataType;

/// The result of an operation on arrays.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// An array that cannot be opened, created, read or written. Each names the place, and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// There is nothing at the path.
    #[error("{path} does not exist{}: check the path, or create the array first", nearby(.nearest, .arrays))]
    NotFound {
        /// The path.
        path: PathBuf,
        /// The longest part of it that exists.
        nearest: PathBuf,
        /// The arrays that lie in there, if it is a group.
        arrays: Vec<String>,
    },
    /// There is something else than an array at the path.
    #[error("{path} is no array but {found}{}", instead(.path, .arrays))]
    NotAnArray {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: String,
        /// The arrays below it.
        arrays: Vec<String>,
    },
    /// No format goes with the name of the path.
    #[error(
        "cannot tell the format of {path}: end the name of the file in .zarr, .n5 or .h5, as in {path}.zarr"
    )]
    UnknownFormat {
        /// The path.
        path: PathBuf,
    },
    /// The array is in a format that this build cannot handle.
    #[error(
        "{path} is in format {format}, which is not available here: bellis was built without feature {feature}, build it with --features {feature}"
    )]
    FormatUnavailable {
        /// The path.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// The Cargo feature that brings it.
        feature: &'static str,
    },
    /// The array holds another type of element.
    #[error(
        "{path} holds {on_disk} but was opened as Array<{}>: open it as Array<{}>",
        .asked.rust_name(), .on_disk.rust_name()
    )]
    DataTypeDiffers {
        /// The path.
        path: PathBuf,
        /// What the file holds.
        on_disk: DataType,
        /// What the program asked for.
        asked: DataType,
    },
    /// The array holds elements that no [`Element`](crate::storage::Element) stands for.
    #[error(
        "{path} holds {data_type}, which bellis does not handle: convert it to one that it does, such as uint8 to uint64, int8 to \
         int64, bool, float16 to float64, complex64"
    )]
    UnsupportedDataType {
        /// The path.
        path: PathBuf,
        /// The type in the file.
        data_type: String,
    },
    /// `create` found an array that is not the one asked for.
    #[error(
        "{path} exists with {property} {existing} but {wanted} is asked for: remove it or choose another path"
    )]
    Differs {
        /// The path.
        path: PathBuf,
        /// What differs.
        property: &'static str,
        /// As it is.
        existing: String,
        /// As it should be.
        wanted: String,
    },
    /// An [`ArraySpec`](crate::storage::ArraySpec) that no array can meet.
    #[error("cannot create {path}: {property} is {value} but must be {rule}")]
    InvalidSpec {
        /// The path.
        path: PathBuf,
        /// Which part of the specification.
        property: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// [`OpenOptions`](crate::storage::OpenOptions) that the array cannot be opened with.
    #[error("cannot open {path} like that: its {property} is said to be {value} but must be {rule}")]
    InvalidOptions {
        /// The path.
        path: PathBuf,
        /// What was said of it.
        property: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        rule: String,
    },
    /// An attribute that makes no sense.
    #[error("{path}: attribute {name} is {value} but must {rule}")]
    Attribute {
        /// The array's path.
        path: PathBuf,
        /// The attribute.
        name: &'static str,
        /// Its value, as JSON.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// Metadata that cannot be read: not JSON, or asking for what is not supported.
    #[error("metadata {path} cannot be used ({reason}): repair the file, or write the array again")]
    Metadata {
        /// The metadata file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Chunks that are coded in a way that bellis does not know.
    #[error(
        "{path} is coded with {codec}, which bellis does not have: read it with a library that does, such as zarr-python, and \
         write it again with zstd, gzip or blosc"
    )]
    UnsupportedCodec {
        /// The array.
        path: PathBuf,
        /// The codec, or what is not known of it.
        codec: String,
    },
    /// Something that the format has, and bellis has not.
    #[error(
        "{path} has {what}, which bellis does not handle: write it again without, with a library that does"
    )]
    Unsupported {
        /// The array.
        path: PathBuf,
        /// What it has.
        what: String,
    },
    /// More axes than coordinates have.
    #[error(
        "{path} has {n_axes} spatial axes, and bellis handles at most 8: say how many of them are channels \
         (--channel-axes, or OpenOptions), or mark those in its attribute axis_names, as in c^"
    )]
    TooManyAxes {
        /// The array.
        path: PathBuf,
        /// How many it has beside channel axes.
        n_axes: usize,
    },
    /// A chunk that cannot be decoded.
    #[error("chunk {path} is corrupt ({reason}): restore it, or remove it and compute its blocks again")]
    CorruptChunk {
        /// The chunk's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A chunk inside an HDF5 file that cannot be decoded, or metadata that fail their checksum.
    #[error("{path} is corrupt ({reason}): restore its file, or remove it and compute it again")]
    CorruptDataset {
        /// The dataset, or the file.
        path: PathBuf,
        /// What the library says.
        reason: String,
    },
    /// What should be an HDF5 file, and does not begin like one.
    #[error(
        "{path} is no HDF5 file, or little is left of it ({reason}): restore it, or remove it and compute it again"
    )]
    NotHdf5 {
        /// The file.
        path: PathBuf,
        /// What the library says.
        reason: String,
    },
    /// The HDF5 library refused.
    #[error("cannot {action} {path}: {reason}")]
    Hdf5 {
        /// What was tried.
        action: &'static str,
        /// On which file or dataset.
        path: PathBuf,
        /// What the library says.
        reason: String,
    },
    /// An HDF5 dataset that needs a filter, such as a compression, that the library does not have.
    #[error(
        "{path} is stored with HDF5 filter {filter}, which the library here lacks: set HDF5_PLUGIN_PATH to the directory of \
         its plug-in, or remove it by h5repack -f NONE where the filter is installed"
    )]
    MissingFilter {
        /// The dataset.
        path: PathBuf,
        /// The filter's number, and its name, if the file has one.
        filter: String,
    },
    /// An HDF5 dataset whose voxels lie in another file, of no format, that is not there.
    #[error(
        "{path} keeps its voxels in {file}, which cannot be read ({source}): bring that file{}",
        where_from(.file)
    )]
    MissingRawFile {
        /// The dataset.
        path: PathBuf,
        /// The other file.
        file: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// An HDF5 file that is open for writing elsewhere, or on a file system without locks.
    #[error(
        "cannot {action} {path}: the file is locked ({reason}). Close it in the program that has it open; or, where the \
         file system knows no locks and nobody else writes, set HDF5_USE_FILE_LOCKING=FALSE"
    )]
    Locked {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the library says.
        reason: String,
    },
    /// A compressed HDF5 dataset, where several ranks are to write.
    #[error(
        "{path} is compressed, and compressed HDF5 cannot be written by several ranks: write Zarr, with shards if few \
         files are wanted, or HDF5 without compression"
    )]
    CompressedInParallel {
        /// The dataset.
        path: PathBuf,
    },
    /// Ranks that make different collective calls.
    #[error("this rank asks to {mine}, and rank 0 to {first}: make the same calls on all ranks")]
    RanksDiffer {
        /// What this rank asks for.
        mine: String,
        /// What rank 0 asks for.
        first: String,
    },
    /// Another rank could not do its part of a collective call.
    #[error("rank {rank} failed: {message}")]
    OtherRank {
        /// Which one.
        rank: usize,
        /// What it said.
        message: String,
    },
    /// An HDF5 file that ends before what it should hold.
    #[error(
        "{path} is cut short: its data should end at byte {expected}, the file ends at byte {actual}; restore it, or remove it and compute it again"
    )]
    CutShort {
        /// The dataset, or the file.
        path: PathBuf,
        /// How long the file must be at least.
        expected: u64,
        /// How long it is.
        actual: u64,
    },
    /// A ROI that has another number of axes than the array.
    #[error("{path} has {array} spatial axes but ROI {roi} has {}: use a ROI of {array} axes", .roi.n_axes())]
    AxesDiffer {
        /// The array's path.
        path: PathBuf,
        /// The ROI.
        roi: Roi,
        /// The array's number of spatial axes.
        array: usize,
    },
    /// A ROI that does not fall on whole voxels, or coordinates beyond 64 bits.
    #[error("{path}: {source}")]
    Geometry {
        /// The array's path.
        path: PathBuf,
        /// What is wrong.
        source: GeometryError,
    },
    /// A write that would go past the border.
    #[error(
        "cannot write ROI {roi} to {path}, which covers {extent}: intersect the ROI with the array's first"
    )]
    OutsideArray {
        /// The array's path.
        path: PathBuf,
        /// The ROI.
        roi: Roi,
        /// The array's ROI.
        extent: Roi,
    },
    /// Data of another shape than the ROI it is to be written to.
    #[error("cannot write data of shape {data:?} to ROI {roi} of {path}: that ROI takes shape {expected:?}")]
    ShapeDiffers {
        /// The array's path.
        path: PathBuf,
        /// The ROI.
        roi: Roi,
        /// The shape of the data.
        data: Vec<usize>,
        /// The shape of the ROI: channel axes, then voxels.
        expected: Vec<usize>,
    },
    /// Another number of bytes than the ROI takes that they are to be written to.
    #[error("cannot write {actual} bytes to ROI {roi} of {path}: that ROI takes {expected}")]
    SizeDiffers {
        /// The array's path.
        path: PathBuf,
        /// The ROI.
        roi: Roi,
        /// How many there are.
        actual: usize,
        /// How many the ROI takes, channels included.
        expected: usize,
    },
    /// A ROI that no memory can hold.
    #[error("ROI {roi} of {path} does not fit into memory: read it in smaller pieces")]
    TooLarge {
        /// The array's path.
        path: PathBuf,
        /// The ROI.
        roi: Roi,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}{}", remedy(.source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl StorageError {
    /// Wraps what the operating system said about `path`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// What there is where the path leads to nothing.
fn nearby(nearest: &Path, arrays: &[String]) -> String {
    match (nearest.as_os_str().is_empty(), arrays) {
        (true, _) => String::new(),
        (false, []) => format!(" ({} does)", nearest.display()),
        (false, arrays) => format!(" (arrays in {}: {})", nearest.display(), arrays.join(", ")),
    }
}

/// From where the path of a raw file counts.
fn where_from(file: &Path) -> &'static str {
    match file.is_absolute() {
        true => "",
        false => ", or set HDF5_EXTFILE_PREFIX to its directory: its path counts from the working directory",
    }
}

/// What to do when the operating system refuses.
fn remedy(refusal: &io::Error) -> &'static str {
    match refusal.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose another path, or ask who may use this one"
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "; check the path",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room, or choose another path",
        _ => "",
    }
}

/// Which arrays could have been meant.
fn instead(path: &Path, arrays: &[String]) -> String {
    match arrays {
        [] => ": give the path of an array".to_owned(),
        [first, ..] => {
            let example = path.join(first);
            format!(
                ", with arrays {} below it: open one of them, as in {}",
                arrays.join(", "),
                example.display()
            )
        }
    }
}
