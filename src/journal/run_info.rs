//! What a run says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a run says of itself when it opens a run directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The program and its arguments.
    pub command_line: Vec<String>,
    /// The versions of what it is made of, by name: bellis, HDF5, zarrs.
    pub versions: BTreeMap<String, String>,
    /// The machines that it runs on.
    pub hosts: Vec<String>,
    /// The MPI library, if there is one.
    pub mpi: Option<String>,
    /// The batch system's name for the job.
    pub job_id: Option<String>,
    /// How often the batch system started the job before.
    pub restart_count: Option<u64>,
}
