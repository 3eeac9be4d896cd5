//! What is said of options that cannot be.

use thiserror::Error;

/// An option that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A value that the option does not take.
    #[error("{name}={value:?} is not possible: use {expected}")]
    Value {
        /// The option, as an environment variable, or as the flag that it was given as.
        name: String,
        /// Its value.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// An environment variable that looks like an option and is none.
    #[error("environment variable {name} is unknown: bellis knows {known}")]
    Unknown {
        /// The variable.
        name: String,
        /// The options there are.
        known: String,
    },
}
