//! Programs that tests start, in the company of other tests in other threads: with none of their files.
//!
//! HDF5 locks what it has open, and a lock is held until each process that has the file, or inherited it, has let go of it.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};

/// Starts a program that inherits no open file of this process. Meanwhile no other thread is in HDF5, so that no lock
/// outlives its file until the program has let go of it.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    // SAFETY: all that the new process does before the program is one call of the system.
    unsafe {
        command.pre_exec(|| {
            const FIRST: libc::c_uint = 3;
            // Kernels before 5.11 do not know it: then the program inherits what is open.
            libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
            Ok(())
        });
    }
    #[cfg(feature = "hdf5")]
    return hdf5::sync::sync(|| command.spawn());
    #[cfg(not(feature = "hdf5"))]
    command.spawn()
}

/// What such a program prints, once it has ended.
#[allow(dead_code)]
pub fn output(command: &mut Command) -> io::Result<Output> {
    spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?.wait_with_output()
}
