//! Whether this process is one of several ranks: asked of the environment, before MPI is initialized.
//!
//! A program that is alone must not initialize MPI, and one that was started by a launcher must. Launchers leave
//! variables behind: Open MPI and IBM's jsrun `OMPI_COMM_WORLD_*`, MPICH, Intel MPI and Slurm's PMI `PMI_*`, MVAPICH
//! `MV2_COMM_WORLD_*`, Cray's PALS `PALS_*`, whatever speaks PMIx `PMIX_RANK`, Flux `FLUX_JOB_SIZE`, and `srun`, whatever it
//! was told about MPI, `SLURM_STEP_NUM_TASKS`. Copies that do not see each other would all write the same output.

/// How this process was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Launcher {
    /// By hand, or as the only rank.
    Alone,
    /// As one of this many ranks, where the launcher tells.
    Ranks(Option<usize>, Kind),
}

/// What started several ranks, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Kind {
    /// `mpirun` or `mpiexec`, or something that behaves like them.
    Mpirun,
    /// `srun`.
    Srun,
    /// `flux run`.
    Flux,
    /// Cray's PALS, or Slurm in its stead.
    Pals,
}

impl Kind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mpirun => "mpirun (or mpiexec, or jsrun)",
            Self::Srun => "srun",
            Self::Flux => "flux run",
            Self::Pals => "PALS (mpiexec or aprun), or srun in its stead",
        }
    }

    /// The flag that makes its ranks see each other, where it is not the library that is the wrong one.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Mpirun => "take the mpirun of the MPI library that this program was built with",
            Self::Srun => {
                "try srun --mpi=pmix, or --mpi=pmi2 with MPICH (srun --mpi=list shows what there is)"
            }
            Self::Flux => "try flux run -o pmi=pmix, or -o pmi=cray-pals",
            Self::Pals => "try srun --mpi=cray_shasta, or mpiexec --pmi=cray",
        }
    }
}

/// Variables that hold the number of ranks, and what sets them. A batch script has `SLURM_NTASKS`, but only a step that
/// `srun` started has `SLURM_STEP_NUM_TASKS`.
const SIZES: [(&str, Kind); 7] = [
    ("OMPI_COMM_WORLD_SIZE", Kind::Mpirun),
    ("PMI_SIZE", Kind::Mpirun),
    ("MV2_COMM_WORLD_SIZE", Kind::Mpirun),
    ("PALS_SIZE", Kind::Pals),
    ("JSM_NAMESPACE_SIZE", Kind::Mpirun),
    ("SLURM_STEP_NUM_TASKS", Kind::Srun),
    ("FLUX_JOB_SIZE", Kind::Flux),
];

/// Asks the environment.
pub(in crate::run) fn launcher(environment: impl Fn(&str) -> Option<String>) -> Launcher {
    let number = |name: &str| environment(name).and_then(|value| value.trim().parse::<usize>().ok());
    let has = |name: &str| environment(name).is_some();
    let sized = SIZES.into_iter().find_map(|(name, kind)| Some((number(name)?, kind)));
    // A step of an old srun; a batch script has the number of tasks too, but speaks no PMIx.
    let sized = sized.or_else(|| Some((number("SLURM_NTASKS").filter(|_| has("PMIX_RANK"))?, Kind::Srun)));
    match sized {
        Some((0 | 1, _)) => Launcher::Alone,
        Some((size, kind)) => Launcher::Ranks(Some(size), kind),
        None if has("PMIX_RANK") => Launcher::Ranks(None, Kind::Mpirun),
        None if has("PALS_RANKID") => Launcher::Ranks(None, Kind::Pals),
        None => Launcher::Alone,
    }
}

/// Variables that hold this process's rank.
const RANKS: [&str; 8] = [
    "OMPI_COMM_WORLD_RANK",
    "PMI_RANK",
    "MV2_COMM_WORLD_RANK",
    "PALS_RANKID",
    "JSM_NAMESPACE_RANK",
    "PMIX_RANK",
    "SLURM_PROCID",
    "FLUX_TASK_RANK",
];

/// This process's rank, as the launcher says; 0 where nobody does.
pub(in crate::run) fn rank_said(environment: impl Fn(&str) -> Option<String>) -> usize {
    let number = |name: &str| environment(name).and_then(|value| value.trim().parse().ok());
    RANKS.into_iter().find_map(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Launcher {
        launcher(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn launchers_are_told_apart() {
        let ranks = |size, kind| Launcher::Ranks(Some(size), kind);
        assert_eq!(with(&[]), Launcher::Alone);
        assert_eq!(with(&[("OMPI_COMM_WORLD_SIZE", "1")]), Launcher::Alone);
        assert_eq!(with(&[("OMPI_COMM_WORLD_SIZE", "4")]), ranks(4, Kind::Mpirun));
        assert_eq!(with(&[("PMI_SIZE", "8"), ("PMI_RANK", "0")]), ranks(8, Kind::Mpirun));
        assert_eq!(with(&[("PMIX_RANK", "3"), ("SLURM_STEP_NUM_TASKS", "6")]), ranks(6, Kind::Srun));
        assert_eq!(with(&[("PMIX_RANK", "3"), ("SLURM_NTASKS", "6")]), ranks(6, Kind::Srun));
        assert_eq!(with(&[("PMIX_RANK", "3")]), Launcher::Ranks(None, Kind::Mpirun));
    }

    #[test]
    fn ranks_that_mpi_may_not_know_of_are_launched_all_the_same() {
        let srun = [("SLURM_STEP_NUM_TASKS", "4"), ("SLURM_PROCID", "2"), ("SLURM_NTASKS", "4")];
        assert_eq!(with(&srun), Launcher::Ranks(Some(4), Kind::Srun));
        let flux = [("PALS_RANKID", "1"), ("FLUX_TASK_RANK", "1"), ("FLUX_JOB_SIZE", "4")];
        assert_eq!(with(&flux), Launcher::Ranks(Some(4), Kind::Flux));
        assert_eq!(with(&[("PALS_RANKID", "1")]), Launcher::Ranks(None, Kind::Pals));
        // mpirun in a step of its own size, and of one rank in a step of several.
        let inner = [("SLURM_STEP_NUM_TASKS", "2"), ("OMPI_COMM_WORLD_SIZE", "8")];
        assert_eq!(with(&inner), Launcher::Ranks(Some(8), Kind::Mpirun));
        assert_eq!(with(&[("SLURM_STEP_NUM_TASKS", "2"), ("OMPI_COMM_WORLD_SIZE", "1")]), Launcher::Alone);
        assert_eq!(with(&[("SLURM_STEP_NUM_TASKS", "1"), ("PALS_RANKID", "0")]), Launcher::Alone);
    }

    #[test]
    fn a_batch_script_is_alone() {
        assert_eq!(with(&[("SLURM_NTASKS", "64"), ("SLURM_PROCID", "0")]), Launcher::Alone);
    }
}
