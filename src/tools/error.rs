//! What a tool returns.

use crate::plan::BoxError;

/// What a tool returns; `?` turns every error into it.
pub type Result<T = (), E = BoxError> = std::result::Result<T, E>;
