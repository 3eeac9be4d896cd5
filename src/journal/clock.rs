//! The time of day as the files of a run directory have it.

use jiff::Timestamp;

/// Now, as `2026-11-25T07:00:00.123Z`.
pub(super) fn now() -> String {
    format!("{:.3}", Timestamp::now())
}
