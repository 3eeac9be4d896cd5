//! Whose fault an error is: what a second try may change, and what not.

use std::io;

use super::error::StorageError;

impl StorageError {
    /// Returns whether trying again would change nothing: what was asked for cannot be, or what lies on the disk is broken.
    pub fn is_permanent(&self) -> bool {
        // All but what depends on the moment: the system, a library that does not say why, other programs, other ranks.
        !matches!(
            self,
            Self::Io { .. }
                | Self::Hdf5 { .. }
                | Self::Locked { .. }
                | Self::MissingRawFile { .. }
                | Self::NotFound { .. }
                | Self::RanksDiffer { .. }
                | Self::OtherRank { .. }
        )
    }

    /// Returns whether the place is at fault that is written to, and neither the data nor the program: no room, no rights, a
    /// server that is gone. Whatever else is written there would fail too, until the place is mended.
    pub fn is_place(&self) -> bool {
        match self {
            Self::Io { action, source, .. } => {
                is_place(source.kind())
                    || (is_writing(action) && source.kind() == io::ErrorKind::PermissionDenied)
            }
            _ => false,
        }
    }
}

/// Returns whether a refusal of the operating system is about the place: no room, not to be written, gone.
pub(crate) fn is_place(refusal: io::ErrorKind) -> bool {
    matches!(
        refusal,
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StaleNetworkFileHandle
    )
}

fn is_writing(action: &str) -> bool {
    ["write", "create", "remove", "open for writing", "replace", "rename", "sync"]
        .iter()
        .any(|verb| action.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_at_fault() {
        let refused = |action, kind: io::ErrorKind| StorageError::io(action, "a")(kind.into());
        for (error, is_permanent, is_place) in [
            (refused("write chunk", io::ErrorKind::StorageFull), false, true),
            (refused("write chunk", io::ErrorKind::PermissionDenied), false, true),
            // One file of the input, maybe.
            (refused("read chunk", io::ErrorKind::PermissionDenied), false, false),
            (refused("read chunk", io::ErrorKind::StaleNetworkFileHandle), false, true),
            (refused("read chunk", io::ErrorKind::TimedOut), false, false),
            (StorageError::CorruptChunk { path: "a".into(), reason: "short".into() }, true, false),
            (StorageError::CutShort { path: "a".into(), expected: 2, actual: 1 }, true, false),
        ] {
            assert_eq!((error.is_permanent(), error.is_place()), (is_permanent, is_place), "{error}");
        }
    }
}
