//! What the tools share: stats, label, downsample and convert. Each of them uses a part.
#![allow(dead_code, unused_macros, unused_imports)]

pub mod blocks;
pub mod exchange;
pub mod number;
pub mod options;
pub mod place;
pub mod rehearsal;
pub mod scratch;
pub mod source;
