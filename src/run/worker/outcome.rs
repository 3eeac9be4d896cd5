//! What a closure returned, as the outcome of its block.

use std::error::Error;
use std::io;

use crate::plan::{BlockResult, Fault, Outcome, Permanent};
use crate::run::error::one_line;
use crate::storage::{StorageError, is_place};

impl From<BlockResult> for Outcome {
    fn from(result: BlockResult) -> Self {
        match result {
            Ok(()) => Self::Success,
            Err(error) => Self::Failed { fault: fault_of(&*error), message: one_line(&*error) },
        }
    }
}

/// Whose fault an error is: the first that knows among it and what it came from.
pub(super) fn fault_of(error: &(dyn Error + 'static)) -> Fault {
    let mut next = Some(error);
    while let Some(error) = next {
        match own_fault(error) {
            Fault::Block => next = error.source(),
            fault => return fault,
        }
    }
    Fault::Block
}

fn own_fault(error: &(dyn Error + 'static)) -> Fault {
    if error.is::<Permanent>() {
        return Fault::Permanent;
    }
    if let Some(error) = error.downcast_ref::<StorageError>() {
        return match (error.is_place(), error.is_permanent()) {
            (true, _) => Fault::Place,
            (false, true) => Fault::Permanent,
            (false, false) => Fault::Block,
        };
    }
    match error.downcast_ref::<io::Error>() {
        Some(refusal) if is_place(refusal.kind()) => Fault::Place,
        _ => Fault::Block,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::plan::BoxError;

    #[derive(Debug, thiserror::Error)]
    #[error("no luck")]
    struct Outer(#[source] BoxError);

    #[test]
    fn the_fault_is_found_behind_other_errors() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let storage = || StorageError::TooLarge { path: "a".into(), roi: Roi::new([0], [1]).expect("a box") };
        for (error, fault) in [
            (BoxError::from("text"), Fault::Block),
            (Permanent::new("text").into(), Fault::Permanent),
            (full().into(), Fault::Place),
            (io::Error::from(io::ErrorKind::NotFound).into(), Fault::Block),
            (storage().into(), Fault::Permanent),
            (Outer(full().into()).into(), Fault::Place),
            (Outer(storage().into()).into(), Fault::Permanent),
            // Whoever wraps it knows better.
            (Permanent::new(full()).into(), Fault::Permanent),
        ] {
            assert_eq!(fault_of(&*error), fault, "{error:?}");
        }
        let said = Outcome::from(Err(Permanent::new(Outer("deep".into())).into()));
        assert_eq!(said, Outcome::Failed { fault: Fault::Permanent, message: "no luck: deep".to_owned() });
    }
}
