//! What launchers tell a rank before it has initialized MPI.

/// Which rank of how many this process is: rank 0 of 1 where no launcher started it.
pub fn rank_and_size() -> (usize, usize) {
    // Open MPI; MPICH's hydra and `srun --mpi=pmi2`; `srun --mpi=pmix`.
    let rank = first_number(&["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"]);
    let size = first_number(&["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"]);
    (rank.unwrap_or(0), size.unwrap_or(1))
}

fn first_number(names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| std::env::var(name).ok()?.parse().ok())
}
