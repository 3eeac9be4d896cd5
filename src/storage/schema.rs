//! What an array is: its specification, how that is filled in, and what files say of it.

pub mod attributes;
pub mod element;
pub mod info;
pub mod names;
pub mod open_options;
pub mod placement;
pub mod resolve;
pub mod rounding;
pub mod spec;
