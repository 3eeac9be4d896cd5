//! What people run first: conversions, pyramids, labels, figures and smoothing of whole volumes, as a library.
//!
//! Each tool is a struct of what can be said about it, and a `run` that every rank calls with the same. The program `bellis`
//! is these, with a command line around them; other programs call them as they call [`run`](crate::run()).
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use bellis::tools::{Convert, Output, Stats};
//! use bellis::{Array, ArraySpec};
//! # let folder = tempfile::tempdir()?;
//! # let (raw, copy) = (folder.path().join("raw.zarr"), folder.path().join("copy.n5/raw"));
//!
//! Array::<u8>::create(&raw, &ArraySpec::new([64, 64]).fill_value(7u8))?;
//! let output = Output { chunks: Some(vec![32, 32]), ..Output::default() };
//! Convert { output, ..Convert::new(&raw, &copy) }.run()?;
//! let figures = Stats { scratch: Some(folder.path().into()), ..Stats::new(&copy) }.run()?;
//! assert_eq!(figures.expect("there are no other ranks").fields()["mean"], 7.0);
//! # Ok(())
//! # }
//! ```

mod common;
mod convert;
mod downsample;
mod error;
mod info;
mod label;
mod smooth;
mod stats;

pub use common::blocks::Blocks;
pub use common::output::Output;
pub use convert::{Convert, Converted};
pub use downsample::error::DownsampleError;
pub use downsample::level::Odd;
pub use downsample::method::Method;
pub use downsample::{Downsample, Downsampled};
pub use error::{RequestError, ScratchError, ToolError, ValueError};
pub use info::{Described, Info, Tree};
pub use label::connectivity::{Connectivity, Neighbours};
pub use label::error::{LabelError, ParseConnectivityError, ParseThresholdError};
pub use label::threshold::Threshold;
pub use label::{Label, Labelled};
pub use smooth::error::SmoothError;
pub use smooth::{Smooth, Smoothed};
pub use stats::Stats;
pub use stats::error::StatsError;
pub use stats::summary::Summary;
