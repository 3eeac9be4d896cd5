//! How a rank's process ends once its program has: decided here, from what is known on the rank, and done by `main`.

use std::error::Error;

use crate::run::error::RunError;
use crate::run::startup::membership::MpiOwner;

/// What decides how a rank's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Situation {
    /// Whether the program left a run before its end: other ranks wait for this one.
    pub left_run: bool,
    /// Who initialized MPI, and so says when it ends.
    pub owner: MpiOwner,
    /// The error that the program returned.
    pub error: Origin,
    /// Whether the process was rank 0 of its last run, or alone.
    pub is_leader: bool,
}

/// Where a program's error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// There is none.
    None,
    /// This rank; other ranks may have none, and wait for messages of the program's own that this one will not send.
    Own,
    /// A run: all its ranks get the same.
    Shared,
}

impl Origin {
    /// Where an error comes from.
    pub fn of(error: &(dyn Error + Send + Sync + 'static)) -> Self {
        match RunError::within(error) {
            Some(
                RunError::Refused { .. }
                | RunError::OneProcessOnly { .. }
                | RunError::Incomplete(_)
                | RunError::BrokenOff { .. }
                | RunError::Lost,
            ) => Self::Shared,
            _ => Self::Own,
        }
    }
}

/// How a rank's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It prints its error and ends all ranks at once: nothing else reaches those that wait for it.
    Abort,
    /// It waits for all ranks to come to their end; rank 0 prints what went wrong on any of them.
    Agree,
    /// As `Agree`, but it ends all ranks unless they come soon: they may wait for it elsewhere.
    AgreeSoon,
    /// It prints its error and fails.
    Print,
    /// It fails and keeps silent: rank 0 of its run prints the same error.
    Keep,
    /// It succeeds.
    Succeed,
}

/// How a rank's process ends:
///
/// | left a run | MPI is | error | leader | ending |
/// | --- | --- | --- | --- | --- |
/// | yes | any | any | any | Abort |
/// | no | Bellis | any | any | Agree |
/// | no | Program | None | any | Agree |
/// | no | Program | Shared | any | Agree |
/// | no | Program | Own | any | AgreeSoon |
/// | no | Finalized | None | any | Succeed |
/// | no | Finalized | Shared | yes | Print |
/// | no | Finalized | Shared | no | Keep |
/// | no | Finalized | Own | any | Print |
///
/// MPI is bellis' where bellis, or nobody, initialized it. Ranks of which some are still in a run of theirs are no
/// reason to end them, so that only an error of this rank's own makes it impatient. Once MPI is finalized nobody can be
/// asked any more, but the leader of a run has the same to say as its other ranks.
pub(super) fn ending(situation: Situation) -> Ending {
    let Situation { left_run, owner, error, is_leader } = situation;
    match (left_run, owner, error) {
        (true, _, _) => Ending::Abort,
        (false, MpiOwner::Bellis, _) | (false, MpiOwner::Program, Origin::None | Origin::Shared) => {
            Ending::Agree
        }
        (false, MpiOwner::Program, Origin::Own) => Ending::AgreeSoon,
        (false, MpiOwner::Finalized, Origin::None) => Ending::Succeed,
        (false, MpiOwner::Finalized, Origin::Shared) if !is_leader => Ending::Keep,
        (false, MpiOwner::Finalized, Origin::Shared | Origin::Own) => Ending::Print,
    }
}

/// The exit code of a run that goes on where it ended when it is started again: EX_TEMPFAIL of `sysexits.h`, "the user is
/// invited to retry".
pub(in crate::run) const RESUMABLE: u8 = 75;

/// The exit code of a process that fails: 75 when the same run goes on where it ended; 1 when blocks failed, were orphaned or
/// remain, or when the program failed after a run; 2 when something was wrong before anything ran.
pub(super) fn exit_code(is_resumable: bool, is_incomplete: bool, has_run: bool) -> u8 {
    match (is_resumable, is_incomplete || has_run) {
        (true, _) => RESUMABLE,
        (false, true) => 1,
        (false, false) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table in the documentation of [`ending`], as words.
    fn rows() -> Vec<[String; 5]> {
        let lines = include_str!("ending.rs").lines().filter_map(|line| line.strip_prefix("/// | "));
        let words = lines.map(|line| line.split('|').map(|word| word.trim().to_owned()).collect::<Vec<_>>());
        words.skip(2).map(|row| row[..5].to_vec().try_into().expect("five columns")).collect()
    }

    #[test]
    fn every_situation_ends_as_the_table_says() {
        let rows = rows();
        assert_eq!(rows.len(), 9);
        for left_run in [true, false] {
            for owner in [MpiOwner::Bellis, MpiOwner::Program, MpiOwner::Finalized] {
                for error in [Origin::None, Origin::Own, Origin::Shared] {
                    for is_leader in [true, false] {
                        let yes_or_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
                        let situation = Situation { left_run, owner, error, is_leader };
                        let words = [
                            yes_or_no(left_run),
                            format!("{owner:?}"),
                            format!("{error:?}"),
                            yes_or_no(is_leader),
                        ];
                        let fits = |row: &&[String; 5]| {
                            row.iter().zip(&words).all(|(cell, word)| cell == "any" || cell == word)
                        };
                        let fitting: Vec<_> = rows.iter().filter(fits).collect();
                        assert_eq!(fitting.len(), 1, "{situation:?}: {fitting:?}");
                        assert_eq!(format!("{:?}", ending(situation)), fitting[0][4], "{situation:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_programs_own_error_around_a_runs_error_hides_nothing() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot segment: {0}")]
        struct Mine(#[source] RunError);

        assert_eq!(Origin::of(&Mine(RunError::Lost)), Origin::Shared);
        assert_eq!(Origin::of(&Mine(RunError::WithoutMpi)), Origin::Own);
    }

    #[test]
    fn a_failure_after_a_run_is_told_from_one_before() {
        let codes = [(false, false), (false, true), (true, false), (true, true)]
            .map(|(is_incomplete, has_run)| exit_code(false, is_incomplete, has_run));
        assert_eq!(codes, [2, 1, 1, 1]);
        assert!([true, false].iter().all(|has_run| exit_code(true, true, *has_run) == 75));
    }
}
