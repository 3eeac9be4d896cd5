//! What can be set about a run: by the program, over it by the environment of the job, and over both by what the program
//! was told when it was started.
//!
//! The `table` defines each option once. What the environment may say, the flags of the program `bellis`, their help and the
//! README's table follow from it.

mod durability;
mod error;
mod reading;
mod table;
#[cfg(test)]
mod tests;
mod values;

pub use durability::Durability;
pub use error::OptionsError;
pub use table::RunOption;
pub use values::Options;
