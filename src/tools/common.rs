//! What the tools share.

pub mod blocks;
pub mod exchange;
pub mod number;
pub mod output;
pub mod place;
pub mod scratch;
pub mod source;
