//! What a voxel has to be larger than.

use std::path::Path;
use std::str::FromStr;

use crate::storage::{DataType, FillValue, OpenOptions, describe_with};
use crate::tools::error::Result;

use super::error::{LabelError, ParseThresholdError};
use crate::tools::common::number::{Loss, Number};

/// A threshold, before it is known what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold(FillValue);

/// The same threshold among the values of one type: comparing takes no conversion and loses nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Above<T> {
    /// Every value is larger.
    All,
    /// No value is larger.
    None,
    /// Those larger than this one are.
    Than(T),
}

impl FromStr for Threshold {
    type Err = ParseThresholdError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        if let Ok(whole) = text.parse::<i128>() {
            return Ok(Self(FillValue::Integer(whole)));
        }
        match text.parse::<f64>() {
            Ok(value) if !value.is_nan() => Ok(Self(FillValue::Float(value))),
            _ => Err(ParseThresholdError),
        }
    }
}

impl Threshold {
    /// What voxels of a mask have to be larger than: 0, in an array of `bool` or `uint8` at `path`, of which `options` say more.
    ///
    /// # Errors
    /// An array that cannot be read, or is of another type: what belongs to a component has to be said.
    pub fn of_mask(path: &Path, options: &OpenOptions) -> Result<Self> {
        match describe_with(path, options)?.data_type {
            DataType::Bool | DataType::U8 => Ok(Self(FillValue::Integer(0))),
            other => Err(LabelError::NoMask { path: path.to_owned(), data_type: other }.into()),
        }
    }

    /// Among the values of `T`. Floats are compared with the nearest value of their type, as numpy does; integers with
    /// the largest one that is not above the threshold.
    pub fn among<T: Number>(self) -> Above<T> {
        let is_float = T::narrow(FillValue::Float(0.5), Loss::default()).is_ok();
        let value = match self.0 {
            FillValue::Float(value) if !is_float => FillValue::Float(value.floor()),
            value => value,
        };
        let round = Loss { round: true, ..Loss::default() };
        match T::narrow(value, round) {
            Ok(threshold) => Above::Than(threshold),
            Err(_) if is_negative(value) => Above::All,
            Err(_) => Above::None,
        }
    }
}

fn is_negative(value: FillValue) -> bool {
    match value {
        FillValue::Integer(whole) => whole < 0,
        FillValue::Float(value) => value < 0.0,
        FillValue::Complex(..) => false,
    }
}

impl<T: Number> Above<T> {
    /// Whether `value` is above the threshold. What is not a number is not.
    #[inline]
    pub fn holds(self, value: T) -> bool {
        match self {
            Self::All => !value.is_nan(),
            Self::None => false,
            Self::Than(threshold) => value > threshold,
        }
    }
}
