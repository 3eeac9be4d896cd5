//! The ten types of element as numbers: how one becomes another, and what may be lost on the way.

use crate::tools::error::Result;
use std::any::Any;

use crate::storage::{Element, FillValue};
use ndarray::ArrayD;

/// What may be lost where a value does not fit the type that it becomes. Nothing unless said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loss {
    /// Beyond the range: the nearest end of it, and 0 for what is not a number.
    pub clip: bool,
    /// Between two values: the nearer one, and halfway the even one.
    pub round: bool,
}

/// Why a value does not become another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It lies beyond the range.
    Range,
    /// It lies between two values.
    Inexact,
}

/// A type of element, as a number. [`FillValue`] holds the values of all of them exactly.
pub trait Number: Element + PartialOrd {
    /// How many values there are, where they are few enough to be counted one by one; else 0.
    const N_VALUES: usize;

    /// `value` as this type. Among floats rounding is no loss: only their range counts.
    fn narrow(value: FillValue, loss: Loss) -> Result<Self, Misfit>;

    /// The largest of both; not a number if one of them is not.
    fn larger(self, other: Self) -> Self;

    /// For each value, a place in the order of values: 0 for the smallest. Where [`N_VALUES`](Self::N_VALUES) is not 0.
    fn place(self) -> usize;

    /// Whether this is not a number.
    fn is_nan(self) -> bool;
}

macro_rules! integers {
    ($($type:ty: $n_values:expr),*) => {$(
        impl Number for $type {
            const N_VALUES: usize = $n_values;

            #[inline]
            fn narrow(value: FillValue, loss: Loss) -> Result<Self, Misfit> {
                let whole = match value {
                    FillValue::Integer(whole) => whole,
                    FillValue::Float(value) if value.is_nan() => {
                        return if loss.clip { Ok(0) } else { Err(Misfit::Range) };
                    }
                    FillValue::Float(value) => {
                        let whole = value.round_ties_even();
                        if whole != value && !loss.round {
                            return Err(Misfit::Inexact);
                        }
                        // Saturates, beyond the range of any type here.
                        whole as i128
                    }
                };
                match Self::try_from(whole) {
                    Ok(fits) => Ok(fits),
                    Err(_) if loss.clip => Ok(if whole < 0 { Self::MIN } else { Self::MAX }),
                    Err(_) => Err(Misfit::Range),
                }
            }

            #[inline]
            fn larger(self, other: Self) -> Self {
                self.max(other)
            }

            #[inline]
            fn place(self) -> usize {
                // The wider types are not counted one by one.
                (i128::from(self) - i128::from(Self::MIN)) as usize
            }

            #[inline]
            fn is_nan(self) -> bool {
                false
            }
        }
    )*};
}

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Number for $type {
            const N_VALUES: usize = 0;

            #[inline]
            fn narrow(value: FillValue, loss: Loss) -> Result<Self, Misfit> {
                match value {
                    FillValue::Integer(whole) => {
                        let rounded = whole as Self;
                        if loss.round || rounded as i128 == whole { Ok(rounded) } else { Err(Misfit::Inexact) }
                    }
                    FillValue::Float(value) => {
                        let rounded = value as Self;
                        match rounded.is_infinite() && value.is_finite() {
                            false => Ok(rounded),
                            true if loss.clip => Ok(Self::MAX.copysign(rounded)),
                            true => Err(Misfit::Range),
                        }
                    }
                }
            }

            #[inline]
            fn larger(self, other: Self) -> Self {
                if self.is_nan() || self > other { self } else { other }
            }

            fn place(self) -> usize {
                0
            }

            #[inline]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }
    )*};
}

integers!(u8: 1 << 8, i8: 1 << 8, u16: 1 << 16, i16: 1 << 16, u32: 0, i32: 0, u64: 0, i64: 0);
floats!(f32, f64);

/// `data` as another type.
///
/// # Errors
/// The first value that does not fit, and the option that would make it fit.
pub fn cast<S: Number, T: Number>(data: ArrayD<S>, loss: Loss) -> Result<ArrayD<T>> {
    let data: Box<dyn Any> = Box::new(data);
    let data = match data.downcast::<ArrayD<T>>() {
        Ok(same) => return Ok(*same),
        Err(other) => other.downcast::<ArrayD<S>>().map_err(|_| "data are neither of two types")?,
    };
    let mut values = Vec::with_capacity(data.len());
    for &value in data.iter() {
        values.push(cast_one::<T>(value.into(), loss)?);
    }
    Ok(ArrayD::from_shape_vec(data.raw_dim(), values)?)
}

/// `value` as another type; the error names the option that would make it fit.
#[inline]
pub fn cast_one<T: Number>(value: FillValue, loss: Loss) -> Result<T, String> {
    T::narrow(value, loss).map_err(|misfit| misfit.explain(value, T::DATA_TYPE))
}

impl Misfit {
    fn explain(self, value: FillValue, data_type: crate::storage::DataType) -> String {
        // Large numbers without all their digits.
        let value = match value {
            FillValue::Float(value) if value.is_finite() && value.abs() >= 1e16 => format!("{value:e}"),
            value => value.to_string(),
        };
        match self {
            Self::Range => {
                format!("the value {value} lies beyond {data_type}: choose a wider type, or --clip")
            }
            Self::Inexact => {
                format!("{data_type} cannot hold the value {value} exactly: choose another type, or --round")
            }
        }
    }
}

/// Runs `$body` with the type alias `$T` for a `DataType`.
macro_rules! with_type {
    ($data_type:expr, $T:ident => $body:expr) => {
        with_type!(@ $data_type, $T => $body,
            U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64, F32 f32, F64 f64)
    };
    (@ $data_type:expr, $T:ident => $body:expr, $($name:ident $type:ty),*) => {
        match $data_type {
            $($crate::storage::DataType::$name => {
                type $T = $type;
                $body
            })*
        }
    };
}
pub(crate) use with_type;
