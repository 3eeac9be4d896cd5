//! MPI's own life: who initialized it, who finalizes it, how many threads may call it.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use ::mpi::environment::{Universe, initialize_with_threading, is_finalized, threading_support};
use ::mpi::{Threading, ffi};

use super::communicator::{Communicator, is_any_open};
use super::error::MpiError;

/// How this process stands with MPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Environment {
    /// Whether several threads may call MPI at the same time.
    pub is_multiple: bool,
}

/// Whether bellis initialized MPI in this process.
static OURS: OnceLock<()> = OnceLock::new();

/// Initializes MPI if nobody has, for several threads at once, and tells how things stand. What is initialized here
/// is finalized when the process exits, so that a program can run one pipeline after another.
///
/// # Errors
/// MPI is finalized already.
pub fn environment() -> Result<Environment, MpiError> {
    if is_finalized() {
        return Err(MpiError::Finalized);
    }
    if let Some((universe, _)) = initialize_with_threading(Threading::Multiple) {
        OURS.get_or_init(|| finalize_at_exit(universe));
    }
    Ok(Environment { is_multiple: threading_support() >= Threading::Multiple })
}

/// The MPI library in its own words, the first line of them; MPI need not be initialized. `None` in a build without MPI.
pub fn library_version() -> Option<String> {
    let version = ::mpi::environment::library_version().ok()?;
    version.lines().next().map(|line| line.trim_matches(['\0', ' ']).to_owned())
}

/// Returns whether MPI is initialized and not finalized.
pub fn is_initialized() -> bool {
    ::mpi::environment::is_initialized() && !is_finalized()
}

/// Returns whether the program initialized MPI itself; it may have finalized it as well.
pub fn is_foreign() -> bool {
    ::mpi::environment::is_initialized() && OURS.get().is_none()
}

/// Whether MPI is left unfinalized.
static IS_FORGONE: AtomicBool = AtomicBool::new(false);

/// Leaves MPI unfinalized at the end of the process: `MPI_Finalize` would wait for ranks that are lost.
pub fn forgo_finalizing() {
    IS_FORGONE.store(true, Ordering::Relaxed);
}

/// Lets go of what C code of this process has printed.
pub fn flush_c() {
    // SAFETY: a null pointer stands for all streams.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Ends this process at once, without what is registered for its end.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: it does not return, and nothing is left to be done in this process.
    unsafe { libc::_exit(code) }
}

/// Ends all ranks of the job at once.
pub fn abort(code: i32) -> ! {
    Communicator::abort_world(code);
    // MPI_Abort does not return; should it, `exit` would call `finalize` again.
    std::process::abort()
}

/// Hands the duty to finalize MPI over from rsmpi's guard to the end of the process: dropping the guard after a run
/// would leave none for the next.
fn finalize_at_exit(universe: Universe) {
    std::mem::forget(universe);
    if register_for_exit() != 0 {
        log::warn!("MPI will not be finalized when the program ends: the system has no room to remember it");
    }
}

/// Has the end of the process call `finalize`, with the exit code where the system tells; 0 when it will.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn register_for_exit() -> c_int {
    unsafe extern "C" {
        fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }
    extern "C" fn finalize_with(status: c_int, _: *mut c_void) {
        finalize(status);
    }
    // SAFETY: the signature that the GNU C library gives `on_exit`; `finalize_with` does not unwind.
    unsafe { on_exit(finalize_with, std::ptr::null_mut()) }
}

/// Has the end of the process call `finalize`; 0 when it will.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn register_for_exit() -> c_int {
    extern "C" fn finalize_anyhow() {
        finalize(0);
    }
    // SAFETY: `finalize_anyhow` is an `extern "C" fn()` that does not unwind.
    unsafe { libc::atexit(finalize_anyhow) }
}

/// Whether all ranks have come to the end of their programs, with any exit code.
static HAVE_ALL_ENDED: AtomicBool = AtomicBool::new(false);

/// All ranks have come to the end of their programs, so that finalizing waits for nobody, whatever the exit code.
pub fn all_have_ended() {
    HAVE_ALL_ENDED.store(true, Ordering::Relaxed);
}

fn finalize(status: c_int) {
    if is_finalized() || IS_FORGONE.load(Ordering::Relaxed) {
        return;
    }
    if is_any_open() {
        // The others wait for this rank within a run, and MPI_Finalize would wait for them.
        log::error!("the program has ended within a run: all ranks are ended");
        abort(if status == 0 { 1 } else { status });
    }
    if status != 0 && !HAVE_ALL_ENDED.load(Ordering::Relaxed) {
        // They may be in a run, or start one, and MPI_Finalize would wait for them.
        log::error!(
            "the program has ended with exit code {status} while other ranks go on: all ranks are ended"
        );
        abort(status);
    }
    // SAFETY: MPI is initialized and not finalized. Every run has closed its communicator.
    unsafe { ffi::MPI_Finalize() };
}
