//! Why a tool did not do what was asked: each kind of reason as a type of its own.
//!
//! What comes from below is kept as the source, with its own words: [`main`](crate::main) finds there how the process ends.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::downsample::error::DownsampleError;
use super::label::error::LabelError;
use super::smooth::error::SmoothError;
use super::stats::error::StatsError;
use crate::geometry::GeometryError;
use crate::plan::{BoxError, Permanent, PlanError, TaskProblem};
use crate::run::{OptionsError, RunError};
use crate::storage::{DataType, FillValue, StorageError};

/// What a tool returns.
pub type Result<T = (), E = ToolError> = std::result::Result<T, E>;

/// Why a tool did not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The run did not begin, broke off, or did not complete its blocks.
    #[error("{0}")]
    Run(#[from] RunError),
    /// An array cannot be read, made or written.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// Blocks of this shape do not tile the array.
    #[error("{0}")]
    Blocks(#[from] TaskProblem),
    /// Numbers of the array or of what was asked for are too large to compute with.
    #[error("{0}")]
    Geometry(#[from] GeometryError),
    /// There are more voxels than memory has places.
    #[error("{0}")]
    Size(#[from] std::num::TryFromIntError),
    /// Voxels do not fill their shape.
    #[error("{0}")]
    Shape(#[from] ndarray::ShapeError),
    /// What was asked for does not go with the array.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// A value does not fit the type that it becomes.
    #[error("{0}")]
    Value(#[from] ValueError),
    /// The fill value of the input does not fit the type of the output.
    #[error("the fill value of {path}: {source}")]
    FillValue {
        /// The input.
        path: PathBuf,
        /// Why not.
        source: ValueError,
    },
    /// What blocks leave for each other is not there.
    #[error("{0}")]
    Scratch(#[from] ScratchError),
    /// Making a pyramid failed.
    #[error("{0}")]
    Downsample(#[from] DownsampleError),
    /// Labelling failed.
    #[error("{0}")]
    Label(#[from] LabelError),
    /// Smoothing failed.
    #[error("{0}")]
    Smooth(#[from] SmoothError),
    /// Measuring failed.
    #[error("{0}")]
    Stats(#[from] StatsError),
}

impl ToolError {
    /// As the error of a block, which is not tried again where that would change nothing.
    pub(super) fn of_block(self) -> BoxError {
        match self {
            Self::Value(_) | Self::Label(LabelError::TooMany { .. }) => Permanent::new(self).into(),
            other => other.into(),
        }
    }
}

impl From<PlanError> for ToolError {
    fn from(error: PlanError) -> Self {
        Self::Run(error.into())
    }
}

impl From<OptionsError> for ToolError {
    fn from(error: OptionsError) -> Self {
        Self::Run(error.into())
    }
}

/// What was asked for does not go with the array, whatever the tool.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The output is the input.
    #[error("{path} is input and output: choose another output")]
    SameArray {
        /// The output.
        path: PathBuf,
    },
    /// Another number of extents than there are axes in space.
    #[error(
        "{option} has {n_given} numbers, but {path} has {n_axes} {}: give one for each",
        if *n_axes == 1 { "axis" } else { "axes" }
    )]
    Axes {
        /// What they were given for, as on the command line.
        option: &'static str,
        /// How many were given.
        n_given: usize,
        /// The array.
        path: PathBuf,
        /// How many axes it has.
        n_axes: usize,
    },
    /// Nothing can be made of an array without voxels.
    #[error("{path} has no voxels, its shape is {shape:?}: there is nothing to do")]
    NoVoxels {
        /// The array.
        path: PathBuf,
        /// Its shape.
        shape: Vec<u64>,
    },
    /// Two blocks would write one chunk, or shard.
    #[error(
        "--block {given} cuts the {pieces} of {path} ({piece}), and two blocks would write one: use {fitting}, or \
         --share-chunks, which lets them wait for each other"
    )]
    CutsChunks {
        /// The shape of the blocks in voxels, as on the command line.
        given: String,
        /// Chunks or shards.
        pieces: &'static str,
        /// The output.
        path: PathBuf,
        /// The shape of one of these.
        piece: String,
        /// The next shape that does not cut them.
        fitting: String,
    },
    /// The tool compares values, and these have no order.
    #[error("{data_type} has no order, which this tool needs: bellis convert and bellis stats take it")]
    WithoutOrder {
        /// The type of the elements.
        data_type: DataType,
    },
}

/// A value that does not fit the type that it becomes, and the option that would make it fit.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// It lies beyond the range.
    #[error("the value {} lies beyond {data_type}: choose a wider type, or --clip", short(.value))]
    Range {
        /// The value.
        value: FillValue,
        /// The type that it would become.
        data_type: DataType,
    },
    /// It lies between two values.
    #[error("{data_type} cannot hold the value {} exactly: choose another type, or --round", short(.value))]
    Inexact {
        /// The value.
        value: FillValue,
        /// The type that it would become.
        data_type: DataType,
    },
    /// It has an imaginary part.
    #[error(
        "{data_type} has no imaginary part, and the value {} has one: choose complex64 or complex128",
        short(.value)
    )]
    Imaginary {
        /// The value.
        value: FillValue,
        /// The type that it would become.
        data_type: DataType,
    },
}

/// Large numbers without all their digits.
fn short(value: &FillValue) -> String {
    match value {
        FillValue::Float(value) if value.is_finite() && value.abs() >= 1e16 => format!("{value:e}"),
        value => value.to_string(),
    }
}

/// What blocks leave for each other is not there, or cannot be left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScratchError {
    /// The folder for it cannot be made.
    #[error("cannot make the scratch folder {folder}: {source}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What a block leaves cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What a block left cannot be read.
    #[error("cannot read {path}: {source} (all ranks must see the same --scratch folder)")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
