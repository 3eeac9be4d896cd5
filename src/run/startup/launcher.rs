//! Whether this process is one of several ranks: asked of the environment, before MPI is initialized.
//!
//! A program that is alone must not initialize MPI, and one that was started by a launcher must. Launchers leave
//! variables behind: Open MPI and IBM's jsrun `OMPI_COMM_WORLD_*`, MPICH, Intel MPI and Slurm's PMI `PMI_*`, MVAPICH
//! `MV2_COMM_WORLD_*`, Cray's PALS `PALS_*`, and whatever speaks PMIx `PMIX_RANK`, of which Slurm tells the size.

/// How this process was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Launcher {
    /// By hand, or as the only rank.
    Alone,
    /// As one of this many ranks, where the launcher tells.
    Ranks(Option<usize>),
}

/// Variables that hold the number of ranks.
const SIZES: [&str; 5] =
    ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "PALS_SIZE", "JSM_NAMESPACE_SIZE"];

/// Asks the environment.
pub(in crate::run) fn launcher(environment: impl Fn(&str) -> Option<String>) -> Launcher {
    let number = |name: &str| environment(name).and_then(|value| value.trim().parse::<usize>().ok());
    let size = SIZES.into_iter().find_map(number).or_else(|| {
        // A batch script has SLURM_NTASKS too, but only a step that srun started through PMIx has PMIX_RANK as well.
        let is_step = environment("PMIX_RANK").is_some();
        is_step.then(|| number("SLURM_STEP_NUM_TASKS").or_else(|| number("SLURM_NTASKS"))).flatten()
    });
    match size {
        Some(0 | 1) => Launcher::Alone,
        Some(size) => Launcher::Ranks(Some(size)),
        None if environment("PMIX_RANK").is_some() => Launcher::Ranks(None),
        None => Launcher::Alone,
    }
}

/// Variables that hold this process's rank.
const RANKS: [&str; 7] = [
    "OMPI_COMM_WORLD_RANK",
    "PMI_RANK",
    "MV2_COMM_WORLD_RANK",
    "PALS_RANKID",
    "JSM_NAMESPACE_RANK",
    "PMIX_RANK",
    "SLURM_PROCID",
];

/// This process's rank, as the launcher says; 0 where nobody does.
pub(in crate::run) fn launched_rank(environment: impl Fn(&str) -> Option<String>) -> usize {
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
        assert_eq!(with(&[]), Launcher::Alone);
        assert_eq!(with(&[("OMPI_COMM_WORLD_SIZE", "1")]), Launcher::Alone);
        assert_eq!(with(&[("OMPI_COMM_WORLD_SIZE", "4")]), Launcher::Ranks(Some(4)));
        assert_eq!(with(&[("PMI_SIZE", "8"), ("PMI_RANK", "0")]), Launcher::Ranks(Some(8)));
        assert_eq!(with(&[("PMIX_RANK", "3"), ("SLURM_STEP_NUM_TASKS", "6")]), Launcher::Ranks(Some(6)));
        assert_eq!(with(&[("PMIX_RANK", "3")]), Launcher::Ranks(None));
    }

    #[test]
    fn a_batch_script_is_alone() {
        assert_eq!(with(&[("SLURM_NTASKS", "64"), ("SLURM_PROCID", "0")]), Launcher::Alone);
    }
}
