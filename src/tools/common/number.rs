//! The types of element as numbers: how one becomes another, and what may be lost on the way.

use crate::tools::error::{RequestError, Result, ToolError, ValueError};
use std::any::Any;

use crate::storage::{DataType, Element, FillValue};
use half::{bf16, f16};
use ndarray::ArrayD;
use num_complex::Complex;

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
    /// It has an imaginary part, where there is none.
    Imaginary,
}

/// A type of element that others become. [`FillValue`] holds the values of all of them exactly.
pub trait Value: Element {
    /// `value` as this type. Among floats rounding is no loss: only their range counts.
    fn narrow(value: FillValue, loss: Loss) -> Result<Self, Misfit>;
}

/// A type of element whose values have an order.
pub trait Number: Value + PartialOrd {
    /// The largest of both; not a number if one of them is not.
    fn larger(self, other: Self) -> Self;

    /// Whether this is not a number.
    fn is_nan(self) -> bool;
}

/// What has no imaginary part.
#[inline]
fn real(value: FillValue) -> Result<FillValue, Misfit> {
    value.real().ok_or(Misfit::Imaginary)
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            #[inline]
            fn narrow(value: FillValue, loss: Loss) -> Result<Self, Misfit> {
                let Some(whole) = whole(value, loss)? else { return Ok(0) };
                match Self::try_from(whole) {
                    Ok(fits) => Ok(fits),
                    Err(_) if loss.clip => Ok(if whole < 0 { Self::MIN } else { Self::MAX }),
                    Err(_) => Err(Misfit::Range),
                }
            }
        }

        impl Number for $type {
            #[inline]
            fn larger(self, other: Self) -> Self {
                self.max(other)
            }

            #[inline]
            fn is_nan(self) -> bool {
                false
            }
        }
    )*};
}

/// The whole number that `value` becomes, saturated beyond the range of any type here; `None` for what is not a number.
#[inline]
fn whole(value: FillValue, loss: Loss) -> Result<Option<i128>, Misfit> {
    match real(value)? {
        FillValue::Integer(whole) => Ok(Some(whole)),
        FillValue::Float(value) if value.is_nan() => {
            if loss.clip {
                Ok(None)
            } else {
                Err(Misfit::Range)
            }
        }
        FillValue::Float(value) => {
            let whole = value.round_ties_even();
            if whole != value && !loss.round { Err(Misfit::Inexact) } else { Ok(Some(whole as i128)) }
        }
        FillValue::Complex(..) => Err(Misfit::Imaginary),
    }
}

impl Value for bool {
    #[inline]
    fn narrow(value: FillValue, loss: Loss) -> Result<Self, Misfit> {
        match whole(value, loss)? {
            None | Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(other) if loss.clip => Ok(other > 1),
            Some(_) => Err(Misfit::Range),
        }
    }
}

impl Number for bool {
    #[inline]
    fn larger(self, other: Self) -> Self {
        self | other
    }

    #[inline]
    fn is_nan(self) -> bool {
        false
    }
}

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Value for $type {
            #[inline]
            fn narrow(value: FillValue, loss: Loss) -> Result<Self, Misfit> {
                let value = real(value)?;
                let rounded = Self::from_fill(value).ok_or(Misfit::Imaginary)?;
                let (is_finite, is_exact) = match value {
                    FillValue::Integer(whole) => (true, f64::from(rounded) as i128 == whole),
                    // Rounded anyway.
                    FillValue::Float(value) => (value.is_finite(), true),
                    FillValue::Complex(..) => return Err(Misfit::Imaginary),
                };
                if rounded.is_infinite() && is_finite {
                    return if loss.clip { Ok(Self::MAX.copysign(rounded)) } else { Err(Misfit::Range) };
                }
                if is_exact || loss.round { Ok(rounded) } else { Err(Misfit::Inexact) }
            }
        }

        impl Number for $type {
            #[inline]
            fn larger(self, other: Self) -> Self {
                if self.is_nan() || self > other { self } else { other }
            }

            #[inline]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }
    )*};
}

macro_rules! complex {
    ($($part:ty),*) => {$(
        impl Value for Complex<$part> {
            #[inline]
            fn narrow(value: FillValue, loss: Loss) -> Result<Self, Misfit> {
                match value {
                    FillValue::Complex(real, imaginary) => Ok(Self::new(
                        <$part>::narrow(FillValue::Float(real), loss)?,
                        <$part>::narrow(FillValue::Float(imaginary), loss)?,
                    )),
                    real => Ok(Self::new(<$part>::narrow(real, loss)?, 0.0)),
                }
            }
        }
    )*};
}

integers!(u8, i8, u16, i16, u32, i32, u64, i64);
floats!(f32, f64, f16, bf16);
complex!(f32, f64);

/// `data` as another type.
///
/// # Errors
/// The first value that does not fit, and the option that would make it fit.
pub fn cast<S: Value, T: Value>(data: ArrayD<S>, loss: Loss) -> Result<ArrayD<T>> {
    let mut data = Some(data);
    if let Some(same) = (&mut data as &mut dyn Any).downcast_mut::<Option<ArrayD<T>>>().and_then(Option::take)
    {
        return Ok(same);
    }
    let data = data.unwrap_or_default();
    let mut values = Vec::with_capacity(data.len());
    for &value in data.iter() {
        values.push(cast_one::<T>(value.into(), loss)?);
    }
    Ok(ArrayD::from_shape_vec(data.raw_dim(), values)?)
}

/// `value` as another type; the error names the option that would make it fit.
#[inline]
pub fn cast_one<T: Value>(value: FillValue, loss: Loss) -> Result<T, ValueError> {
    T::narrow(value, loss).map_err(|misfit| misfit.of(value, T::DATA_TYPE))
}

impl Misfit {
    /// The error of a value that does not become this type.
    fn of(self, value: FillValue, data_type: DataType) -> ValueError {
        match self {
            Self::Range => ValueError::Range { value, data_type },
            Self::Inexact => ValueError::Inexact { value, data_type },
            Self::Imaginary => ValueError::Imaginary { value, data_type },
        }
    }
}

/// The error of a tool that compares elements, which these cannot be.
pub fn without_order(data_type: DataType) -> ToolError {
    RequestError::WithoutOrder { data_type }.into()
}

/// Runs `$body` with the type alias `$T` for a `DataType`.
macro_rules! with_type {
    ($data_type:expr, $T:ident => $body:expr) => {
        $crate::tools::common::number::with_type!(@ $data_type, $T => $body,
            C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>;)
    };
    (@ $data_type:expr, $T:ident => $body:expr, $($name:ident $type:ty),*; $($other:pat => $else:expr)?) => {
        $crate::tools::common::number::with_type!(@@ $data_type, $T => $body,
            U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64, F32 f32, F64 f64,
            Bool bool, F16 half::f16, BF16 half::bf16 $(, $name $type)*; $($other => $else)?)
    };
    (@@ $data_type:expr, $T:ident => $body:expr, $($name:ident $type:ty),*; $($other:pat => $else:expr)?) => {
        match $data_type {
            $($crate::storage::DataType::$name => {
                type $T = $type;
                $body
            })*
            $($other => $else,)?
        }
    };
}
pub(crate) use with_type;

/// As `with_type`, of types whose values have an order: `$body` returns a result, which is an error for all others.
macro_rules! with_number {
    ($data_type:expr, $T:ident => $body:expr) => {{
        let data_type = $data_type;
        $crate::tools::common::number::with_type!(@ data_type, $T => $body, ;
            $crate::storage::DataType::C64 | $crate::storage::DataType::C128 =>
                Err($crate::tools::common::number::without_order(data_type)))
    }};
}
pub(crate) use with_number;
