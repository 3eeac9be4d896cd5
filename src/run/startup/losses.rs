//! What becomes of a job that loses a rank: the launcher decides, and says how it was told to in the environment.

use super::launcher::{Kind, Launcher};

/// What becomes of the other ranks when one is lost: its process has ended, or its node went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Losses {
    /// There are no others.
    NoOthers,
    /// They go on, and MPI tells them at once.
    Told,
    /// They go on, and hear of it by its [silence](crate::Options::lost_after).
    Silent,
    /// The launcher ends them. A rank that is only frozen is survived.
    JobEnds,
}

/// A launcher, and what it does when a rank is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) struct Behaviour {
    /// What it is called.
    pub launcher: &'static str,
    pub losses: Losses,
    /// What to tell it so that the others go on, where it can be told.
    pub cure: Option<&'static str>,
}

/// How the launcher of this process behaves, by what it left in the environment.
pub(in crate::run) fn behaviour(
    launcher: Launcher,
    environment: impl Fn(&str) -> Option<String>,
) -> Behaviour {
    let has = |name: &str| environment(name).is_some();
    let is_on = |name: &str| {
        environment(name).is_some_and(|value| ["1", "true", "yes"].contains(&value.to_lowercase().trim()))
    };
    let ends = |launcher| Behaviour { launcher, losses: Losses::JobEnds, cure: None };
    let kind = match launcher {
        Launcher::Alone => return Behaviour { losses: Losses::NoOthers, ..ends("none") },
        Launcher::Ranks(_, kind) => kind,
    };
    match kind {
        Kind::Srun => ends("srun"),
        Kind::Flux => ends("flux run"),
        Kind::Pals => ends("PALS"),
        Kind::Mpirun if has("JSM_NAMESPACE_SIZE") => ends("jsrun"),
        Kind::Mpirun if has("PRTE_LAUNCHED") && is_on("OMPI_MCA_mpi_ft_enable") => {
            Behaviour { losses: Losses::Told, ..ends("mpirun of Open MPI 5") }
        }
        Kind::Mpirun if has("PRTE_LAUNCHED") => {
            Behaviour { cure: Some("mpirun --with-ft ulfm"), ..ends("mpirun of Open MPI 5") }
        }
        Kind::Mpirun if has("OMPI_COMM_WORLD_SIZE") && is_on("OMPI_MCA_orte_enable_recovery") => {
            Behaviour { losses: Losses::Silent, ..ends("mpirun of Open MPI 4") }
        }
        Kind::Mpirun if has("OMPI_COMM_WORLD_SIZE") => {
            Behaviour { cure: Some("mpirun --enable-recovery"), ..ends("mpirun of Open MPI 4") }
        }
        Kind::Mpirun => ends("mpiexec"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_say_how_they_were_told_to_behave() {
        let mpirun = Launcher::Ranks(Some(4), Kind::Mpirun);
        let open_mpi = ("OMPI_COMM_WORLD_SIZE", "4");
        for (launcher, variables, wanted) in [
            (Launcher::Alone, &[][..], ("none", Losses::NoOthers)),
            (mpirun, &[open_mpi][..], ("mpirun of Open MPI 4", Losses::JobEnds)),
            (
                mpirun,
                &[open_mpi, ("OMPI_MCA_orte_enable_recovery", "1")][..],
                ("mpirun of Open MPI 4", Losses::Silent),
            ),
            (mpirun, &[open_mpi, ("PRTE_LAUNCHED", "1")][..], ("mpirun of Open MPI 5", Losses::JobEnds)),
            (
                mpirun,
                &[open_mpi, ("PRTE_LAUNCHED", "1"), ("OMPI_MCA_mpi_ft_enable", "true")][..],
                ("mpirun of Open MPI 5", Losses::Told),
            ),
            (mpirun, &[("PMI_SIZE", "4")][..], ("mpiexec", Losses::JobEnds)),
            (mpirun, &[open_mpi, ("JSM_NAMESPACE_SIZE", "4")][..], ("jsrun", Losses::JobEnds)),
            // Open MPI sets variables of its own in a step of srun.
            (Launcher::Ranks(Some(4), Kind::Srun), &[open_mpi][..], ("srun", Losses::JobEnds)),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            let Behaviour { launcher, losses, .. } = behaviour(launcher, variable);
            assert_eq!((launcher, losses), wanted, "{variables:?}");
        }
    }
}
