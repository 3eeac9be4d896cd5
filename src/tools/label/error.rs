//! Why a volume is not labelled.

use std::path::PathBuf;

use thiserror::Error;

use crate::storage::DataType;

/// Why a volume is not labelled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The labels would be no whole numbers.
    #[error("labels are whole numbers: --dtype {data_type} holds others")]
    NotWhole {
        /// The type that was asked for.
        data_type: DataType,
    },
    /// The array is no mask, so that what belongs to a component has to be said.
    #[error("{path} holds {data_type}, and is no mask (bool or uint8): say its --threshold")]
    NoMask {
        /// The array.
        path: PathBuf,
        /// What it holds.
        data_type: DataType,
    },
    /// No voxel has so many neighbours.
    #[error("--connectivity {number} is not possible in {n_axes}-D: use {faces} (faces) or {all} (all)")]
    NoConnectivity {
        /// What was asked for.
        number: u64,
        /// How many axes there are in space.
        n_axes: usize,
        /// How many neighbours share a face.
        faces: u64,
        /// How many neighbours share a face, an edge or a corner.
        all: u64,
    },
    /// Positions in a block have 32 bits.
    #[error("a block of {n_voxels} voxels is too large: 2^32 - 1 are possible")]
    BlockTooLarge {
        /// Voxels in a block.
        n_voxels: u64,
    },
    /// There are more labels than values.
    #[error("{data_type} holds no {label} labels: choose a wider --dtype")]
    TooMany {
        /// The type of the labels.
        data_type: DataType,
        /// The largest label.
        label: u64,
    },
    /// A block has other components than before.
    #[error("{path} changed while it was labelled")]
    Changed {
        /// The input.
        path: PathBuf,
    },
    /// What a block left about its neighbours does not go with what these left.
    #[error("a pair names a component that is not there")]
    NoComponent,
    /// What the merging block left is not what it leaves.
    #[error("the merging block left something else than its figures")]
    NoFigures,
}

/// Text that says no connectivity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("use faces or all, or a number such as 6 or 26")]
pub struct ParseConnectivityError;

/// Text that says no threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("use a number, such as 100 or 0.5")]
pub struct ParseThresholdError;
