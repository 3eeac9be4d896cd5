//! Which processes MPI says have ended: by ULFM (user-level failure mitigation), where the library has it.
//!
//! Its functions are no part of MPI 4, so that they are looked up by name when first wanted: a program that was built with
//! Open MPI 4 uses them under Open MPI 5, and needs none of them to start.

use std::ffi::{CStr, c_int, c_void};
use std::sync::OnceLock;

use ::mpi::ffi;

use super::request::to_usize;

type Acknowledge = unsafe extern "C" fn(ffi::MPI_Comm) -> c_int;
type GetAcknowledged = unsafe extern "C" fn(ffi::MPI_Comm, *mut ffi::MPI_Group) -> c_int;

/// The functions of ULFM that are used.
#[derive(Debug, Clone, Copy)]
struct Ulfm {
    /// From here on, receiving from anybody means from anybody who is left.
    acknowledge: Acknowledge,
    /// Who has ended, of those that were acknowledged.
    get_acknowledged: GetAcknowledged,
}

fn ulfm() -> Option<Ulfm> {
    static ULFM: OnceLock<Option<Ulfm>> = OnceLock::new();
    *ULFM.get_or_init(|| {
        let acknowledge = find(c"MPIX_Comm_failure_ack")?;
        let get_acknowledged = find(c"MPIX_Comm_failure_get_acked")?;
        // SAFETY: the signatures that ULFM gives the functions of these names.
        unsafe {
            Some(Ulfm {
                acknowledge: std::mem::transmute::<*mut c_void, Acknowledge>(acknowledge),
                get_acknowledged: std::mem::transmute::<*mut c_void, GetAcknowledged>(get_acknowledged),
            })
        }
    })
}

/// A function of the program or of its libraries.
fn find(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a plain look-up of a name that ends with a zero.
    let function = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!function.is_null()).then_some(function)
}

/// The ranks of a communicator whose processes have ended, as far as MPI knows and tells. It gives errors back, and
/// receiving goes on without them.
pub(super) fn ended_ranks(comm: ffi::MPI_Comm) -> Vec<usize> {
    let Some(Ulfm { acknowledge, get_acknowledged }) = ulfm() else { return Vec::new() };
    // SAFETY: a constant of the MPI library, overwritten below.
    let mut ended = unsafe { ffi::RSMPI_GROUP_NULL };
    // SAFETY: `comm` is a communicator, and `ended` a valid place.
    let codes = unsafe { (acknowledge(comm), get_acknowledged(comm, &mut ended)) };
    if codes != (0, 0) {
        return Vec::new();
    }
    let ranks = ranks_of(ended, comm).unwrap_or_default();
    // SAFETY: a group that was just made, which nobody uses from here on.
    unsafe { ffi::MPI_Group_free(&mut ended) };
    ranks
}

/// The ranks in `comm` of a group's processes; `None` where MPI refuses.
fn ranks_of(group: ffi::MPI_Group, comm: ffi::MPI_Comm) -> Option<Vec<usize>> {
    let mut size = 0;
    // SAFETY: a group, and a valid place.
    let code = unsafe { ffi::MPI_Group_size(group, &mut size) };
    let in_group: Vec<c_int> = (0..size).collect();
    let mut in_comm = vec![0; in_group.len()];
    // SAFETY: a constant of the MPI library, overwritten below.
    let mut all = unsafe { ffi::RSMPI_GROUP_NULL };
    // SAFETY: a communicator, and a valid place.
    if code != 0 || unsafe { ffi::MPI_Comm_group(comm, &mut all) } != 0 {
        return None;
    }
    // SAFETY: two groups, and two lists of `size` ranks.
    let code =
        unsafe { ffi::MPI_Group_translate_ranks(group, size, in_group.as_ptr(), all, in_comm.as_mut_ptr()) };
    // SAFETY: a group that was just made, which nobody uses from here on.
    unsafe { ffi::MPI_Group_free(&mut all) };
    (code == 0).then(|| in_comm.into_iter().map(to_usize).collect())
}
