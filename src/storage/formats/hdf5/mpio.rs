//! Datasets that several ranks have open together, through the library's MPI-IO driver.
//!
//! What survives a lost rank, tried out: one rank creates the dataset with the ordinary driver, its space allocated at
//! once, and closes the file. Then all open it with MPI-IO, which is collective, and read and write independently,
//! which is not. Nothing in the file's structure changes any more, so nothing is lost when nobody closes it: closing
//! is collective and would wait for a lost rank forever.

use std::ffi::{c_int, c_void};
use std::fs::OpenOptions;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::path::Path;

use hdf5::{Dataset, File, FileBuilder, OpenMode};
use mpi::traits::{AsRaw, Communicator};

use super::create::Wanted;
use super::failure::failed;
use super::handle::Handle;
use super::location::Location;
use super::metadata::Metadata;
use super::stored::Stored;
use super::{array, reachable, transfer};
use crate::geometry::{VoxelBox, Writers};
use crate::storage::backend::{Backend, Opened};
use crate::storage::context::Context;
use crate::storage::disk::files;
use crate::storage::error::{Result, StorageError};
use crate::storage::format::{self, Format};
use crate::storage::schema::element::DataType;
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::open_options;
use crate::storage::schema::spec::{ArraySpec, Compression};

/// The ranks that have HDF5 files open together.
#[derive(Debug, Clone, Copy)]
pub struct MpiIo {
    comm: mpi_sys::MPI_Comm,
}

// SAFETY: a communicator's handle may be used from any thread; when, is what MPI's thread level says (see `of`), and all
// calls here are made by the thread that creates or opens an array, or under the library's lock.
unsafe impl Send for MpiIo {}
// SAFETY: as above.
unsafe impl Sync for MpiIo {}

impl MpiIo {
    /// All ranks of the job; `None` where MPI is not initialized, or finalized. [`Runner::mpi_io`](crate::Runner::mpi_io)
    /// initializes it where a launcher started several ranks.
    pub fn world() -> Option<Self> {
        let (mut initialized, mut finalized) = (0, 0);
        // SAFETY: both may be called at any time, and the results are valid places.
        unsafe {
            mpi_sys::MPI_Initialized(&mut initialized);
            mpi_sys::MPI_Finalized(&mut finalized);
        }
        // SAFETY: a constant of the MPI library.
        let comm = unsafe { mpi_sys::RSMPI_COMM_WORLD };
        (initialized != 0 && finalized == 0).then_some(Self { comm })
    }

    /// The ranks of a communicator, such as the one that a runner was given.
    ///
    /// Collective. The communicator is duplicated, and the duplicate stays as long as MPI does: arrays never outlive it.
    /// Where other threads than the one that initialized MPI process blocks, it has to provide `MPI_THREAD_MULTIPLE`.
    pub fn of<C: Communicator + AsRaw<Raw = mpi_sys::MPI_Comm>>(communicator: &C) -> Self {
        // SAFETY: rsmpi holds a communicator as long as it is borrowed.
        unsafe { Self::duplicate_of(communicator.as_raw()) }
    }

    /// As [`of`](Self::of).
    ///
    /// # Safety
    /// MPI is initialized, and `comm` is a communicator of it.
    pub(crate) unsafe fn duplicate_of(comm: mpi_sys::MPI_Comm) -> Self {
        // SAFETY: a constant of the MPI library, overwritten below.
        let mut duplicate = unsafe { mpi_sys::RSMPI_COMM_NULL };
        // SAFETY: a communicator, as the caller promises, and a valid place for the result.
        unsafe { mpi_sys::MPI_Comm_dup(comm, &mut duplicate) };
        Self { comm: duplicate }
    }

    fn rank(&self) -> c_int {
        let mut rank = 0;
        // SAFETY: a communicator, and a valid place for the result.
        unsafe { mpi_sys::MPI_Comm_rank(self.comm, &mut rank) };
        rank
    }

    fn size(&self) -> c_int {
        let mut size = 1;
        // SAFETY: a communicator, and a valid place for the result.
        unsafe { mpi_sys::MPI_Comm_size(self.comm, &mut size) };
        size
    }

    /// What rank `root` has in `text`.
    fn broadcast(&self, root: c_int, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let mut length = bytes.len() as u64;
        // SAFETY: `length` is one u64 on all ranks, and `bytes` holds as many bytes as the root says.
        unsafe {
            mpi_sys::MPI_Bcast(
                (&raw mut length).cast::<c_void>(),
                1,
                mpi_sys::RSMPI_UINT64_T,
                root,
                self.comm,
            );
            bytes.resize(length as usize, 0);
            let data = bytes.as_mut_ptr().cast::<c_void>();
            mpi_sys::MPI_Bcast(data, length as c_int, mpi_sys::RSMPI_UINT8_T, root, self.comm);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// All ranks' results made one: that of each where all succeed, an error everywhere where one fails.
    fn agree<R>(&self, mine: Result<R>) -> Result<R> {
        let size = self.size();
        let first_failed = if mine.is_err() { self.rank() } else { size };
        let mut lowest = first_failed;
        // SAFETY: one int to send and one to receive on all ranks.
        unsafe {
            mpi_sys::MPI_Allreduce(
                (&raw const first_failed).cast::<c_void>(),
                (&raw mut lowest).cast::<c_void>(),
                1,
                mpi_sys::RSMPI_INT32_T,
                mpi_sys::RSMPI_MIN,
                self.comm,
            );
        }
        if lowest == size {
            return mine;
        }
        let text = mine.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let message = self.broadcast(lowest, &text);
        mine.and(Err(StorageError::OtherRank { rank: usize::try_from(lowest).unwrap_or(0), message }))
    }

    /// An error everywhere unless all ranks ask for the same: what follows is collective.
    fn require_same(&self, path: &Path, call: &'static str) -> Result<()> {
        let mine = format!("{call} {}", path.display());
        let first = self.broadcast(0, &mine);
        self.agree(if first == mine { Ok(()) } else { Err(StorageError::RanksDiffer { mine, first }) })
    }
}

/// Creates the dataset at `path` unless it exists, and opens it on all ranks.
pub fn create_mpio(
    context: &Context,
    path: &Path,
    data_type: DataType,
    spec: &ArraySpec,
    ranks: MpiIo,
) -> Result<Opened> {
    ranks.require_same(path, "create")?;
    let at = Location::of(path);
    let wanted = ranks.agree(describe_new(&at, data_type, spec))?;
    let made = if ranks.rank() == 0 {
        Wanted::of(&at, data_type, spec).and_then(|wanted| wanted.create(&at))
    } else {
        Ok(())
    };
    ranks.agree(made)?;
    ranks.agree(
        array::describe(path, &open_options::OpenOptions::new())
            .and_then(|made| made.require_matches(&wanted)),
    )?;
    let candidate =
        ranks.agree(inspect(Location::of(path), data_type).and_then(Candidate::require_writable))?;
    open_collectively(context, candidate, ranks)
}

/// What is to be created, as far as one rank can tell.
fn describe_new(at: &Location, data_type: DataType, spec: &ArraySpec) -> Result<ArrayInfo> {
    require_hdf5("create", &at.path, Format::of(&at.path)?)?;
    if spec.compression.is_some_and(|compression| compression != Compression::None) {
        return Err(StorageError::CompressedInParallel { path: at.path.clone() });
    }
    Ok(Wanted::of(at, data_type, spec)?.info)
}

/// Opens the dataset at `path`, of elements of `data_type`, on all ranks.
pub fn open_mpio(context: &Context, path: &Path, data_type: DataType, ranks: MpiIo) -> Result<Opened> {
    ranks.require_same(path, "open")?;
    let candidate = ranks.agree(inspect(Location::of(path), data_type))?;
    open_collectively(context, candidate, ranks)
}

/// A dataset that is there, and that all ranks may open together if all of them see it so.
struct Candidate {
    at: Location,
    info: ArrayInfo,
    fill_value: Vec<u8>,
    stored: Stored,
}

impl Candidate {
    fn require_writable(self) -> Result<Self> {
        if self.is_writable() {
            Ok(self)
        } else {
            Err(StorageError::CompressedInParallel { path: self.at.path })
        }
    }

    /// Whether several ranks may write it: compressed chunks have no fixed place.
    fn is_writable(&self) -> bool {
        self.info.writers == Writers::Any
    }
}

/// Opens what all ranks found. Each of them has tried all that it can alone before they do it together: what a rank has
/// open and others have not could never be closed.
fn open_collectively(context: &Context, candidate: Candidate, ranks: MpiIo) -> Result<Opened> {
    let is_writable = candidate.is_writable();
    let Candidate { at, info, fill_value, stored } = candidate;
    let mut builder = FileBuilder::new();
    builder.with_fapl(|fapl| fapl.mpio(ranks.comm, None));
    let mode = if is_writable { OpenMode::ReadWrite } else { OpenMode::Read };
    let opened = builder.open_as(&at.file, mode).map_err(failed("open", &at.file));
    // Not to be dropped where another rank fails, either.
    let file = ranks.agree(opened.map(ManuallyDrop::new))?;
    let dataset = file.dataset(&at.dataset).map_err(failed("open", &at.path));
    let dataset = ranks.agree(dataset.map(ManuallyDrop::new))?;
    let context = context.clone();
    let backend = Box::new(MpioArray { at, stored, is_writable, context, _file: file, dataset });
    Ok(Opened { info, fill_value, backend })
}

/// Where and what the dataset is, by the ordinary driver, if this rank may write the file; or read it, where that is all that
/// several ranks can do.
fn inspect(at: Location, data_type: DataType) -> Result<Candidate> {
    require_hdf5("open", &at.path, format::of_existing(&at.path)?)?;
    let at = array::resolve_link(at)?;
    let handle = Handle::of(&at.file);
    let metadata = handle.with(&at, |dataset| {
        reachable::require(&at, dataset)?;
        Metadata::of(&at, dataset)
    })?;
    handle.close();
    let info = metadata.info(&at, &open_options::OpenOptions::new())?;
    if metadata.stored.data_type != data_type {
        let (path, on_disk) = (at.path.clone(), metadata.stored.data_type);
        return Err(StorageError::DataTypeDiffers { path, on_disk, asked: data_type });
    }
    let candidate = Candidate { at, info, fill_value: metadata.fill_value, stored: metadata.stored };
    if candidate.is_writable() {
        let opened = OpenOptions::new().read(true).write(true).open(&candidate.at.file);
        opened.map_err(StorageError::io("write", &candidate.at.file))?;
    }
    Ok(candidate)
}

fn require_hdf5(action: &'static str, path: &Path, format: Format) -> Result<()> {
    if format == Format::Hdf5 {
        return Ok(());
    }
    let reason = "with MPI-IO it must be HDF5, as in x.h5/raw; all other formats go without".to_owned();
    Err(StorageError::Hdf5 { action, path: path.to_path_buf(), reason })
}

/// An array that all ranks have open.
struct MpioArray {
    at: Location,
    stored: Stored,
    is_writable: bool,
    context: Context,
    // Never closed: see the module's text.
    dataset: ManuallyDrop<Dataset>,
    _file: ManuallyDrop<File>,
}

// SAFETY: a transfer writes all of the memory.
unsafe impl Backend for MpioArray {
    fn read(&self, range: &VoxelBox, voxels: &mut [MaybeUninit<u8>]) -> Result<()> {
        transfer::read(&self.dataset, &self.stored, range, voxels).map_err(failed("read", &self.at.path))
    }

    fn write(&self, range: &VoxelBox, voxels: &[u8]) -> Result<()> {
        if !self.is_writable {
            return Err(StorageError::CompressedInParallel { path: self.at.path.clone() });
        }
        let written = transfer::write(&self.dataset, &self.stored, range, voxels);
        written.map_err(failed("write", &self.at.path))?;
        self.context.note_written(&self.at.file);
        if self.context.is_synced() {
            files::sync(&self.at.file).map_err(StorageError::io("write", &self.at.path))?;
        }
        Ok(())
    }
}
