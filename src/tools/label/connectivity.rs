//! Which voxels are neighbours.

use std::str::FromStr;

use super::error::{LabelError, ParseConnectivityError};

/// Which voxels are neighbours, as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// By name.
    Named(Neighbours),
    /// By number: what it means depends on the number of axes.
    Number(u64),
}

/// Which voxels are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbours {
    /// Those that share a face: 6 in 3-D.
    Faces,
    /// Those that share a face, an edge or a corner: 26 in 3-D.
    All,
}

impl FromStr for Connectivity {
    type Err = ParseConnectivityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "faces" => Ok(Self::Named(Neighbours::Faces)),
            "all" => Ok(Self::Named(Neighbours::All)),
            _ => text.parse().map(Self::Number).map_err(|_| ParseConnectivityError),
        }
    }
}

impl Connectivity {
    /// In space of so many axes.
    pub fn among(self, n_axes: usize) -> Result<Neighbours, LabelError> {
        let faces = 2 * n_axes as u64;
        let all = 3u64.pow(n_axes as u32) - 1;
        match self {
            Self::Named(neighbours) => Ok(neighbours),
            Self::Number(number) if number == faces => Ok(Neighbours::Faces),
            Self::Number(number) if number == all => Ok(Neighbours::All),
            Self::Number(number) => Err(LabelError::NoConnectivity { number, n_axes, faces, all }),
        }
    }
}

impl Neighbours {
    /// How far a neighbour may lie aside, along axes other than the one it follows on.
    pub fn aside(self) -> i64 {
        match self {
            Self::Faces => 0,
            Self::All => 1,
        }
    }

    /// The steps to half of the neighbours, those that come later, last axis fastest: with their opposites, all.
    pub fn later_steps(self, n_axes: usize) -> Vec<Vec<i64>> {
        let all = (0..3usize.pow(n_axes as u32)).map(|number| {
            let digit = |axis: usize| (number / 3usize.pow((n_axes - 1 - axis) as u32) % 3) as i64 - 1;
            (0..n_axes).map(digit).collect::<Vec<i64>>()
        });
        let is_later = |step: &Vec<i64>| step.iter().find(|along| **along != 0) == Some(&1);
        let is_near =
            |step: &Vec<i64>| self == Self::All || step.iter().filter(|along| **along != 0).count() == 1;
        all.filter(|step| is_later(step) && is_near(step)).collect()
    }
}
