//! The numbers an array can hold.

use std::fmt;

use half::{bf16, f16};
use num_complex::Complex;

use super::rounding;
use crate::storage::voxels::plain::Plain;

/// A value that an [`Array`](crate::storage::Array) can hold: the integers of 8 to 64 bits, floats of 16 to 64 (those of 16 are
/// `f16` and `bf16` of crate `half`), `bool`, and complex numbers of two `f32` or `f64` (`Complex` of crate `num-complex`).
///
/// Sealed: the formats know how to store these and no others.
pub trait Element:
    Copy + Default + PartialEq + fmt::Debug + Into<FillValue> + Send + Sync + 'static + Plain
{
    /// The type as it is called on disk.
    const DATA_TYPE: DataType;

    /// `value` as this type: exact among integers, rounded to the nearest where this is a float.
    #[doc(hidden)]
    fn from_fill(value: FillValue) -> Option<Self>;
}

/// The type of an array's elements, as the file says it. Displayed with numpy's name, such as `uint8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataType {
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// 8-bit signed integer.
    I8,
    /// 16-bit signed integer.
    I16,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// True or false: one byte, 1 or 0.
    Bool,
    /// 16-bit float of IEEE 754: 5 bits of exponent, 10 of fraction.
    F16,
    /// 16-bit float with the exponent of one of 32 bits: 8 bits of exponent, 7 of fraction.
    BF16,
    /// Complex number of two 32-bit floats, the real part first.
    C64,
    /// Complex number of two 64-bit floats, the real part first.
    C128,
}

impl DataType {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::F32,
        Self::F64,
        Self::Bool,
        Self::F16,
        Self::BF16,
        Self::C64,
        Self::C128,
    ];

    /// numpy's and Zarr v3's name, such as `uint8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::Bool => "bool",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::C64 => "complex64",
            Self::C128 => "complex128",
        }
    }

    /// Rust's name, such as `u8`.
    pub fn rust_name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bool => "bool",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::C64 => "Complex<f32>",
            Self::C128 => "Complex<f64>",
        }
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::C64 => 8,
            Self::C128 => 16,
        }
    }

    /// Bytes that another byte order turns around: of an element, or of each part of a complex one.
    pub(crate) fn size_of_part(self) -> usize {
        match self {
            Self::C64 | Self::C128 => self.size() / 2,
            whole => whole.size(),
        }
    }

    /// The type with this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| data_type.name() == name)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What voxels hold that nobody wrote, before it is known which type they have.
///
/// Made from any number: `FillValue::from(255u8)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FillValue {
    /// A whole number.
    Integer(i128),
    /// A floating-point number; it may be infinite or not a number.
    Float(f64),
    /// A complex number: its real and its imaginary part.
    Complex(f64, f64),
}

impl FillValue {
    /// The same without an imaginary part; `None` where it has one.
    pub(crate) fn real(self) -> Option<Self> {
        match self {
            Self::Complex(real, imaginary) => (imaginary == 0.0).then_some(Self::Float(real)),
            real => Some(real),
        }
    }

    /// The value of an element of `data_type` whose bytes, in this machine's order, these are.
    pub(crate) fn of_bytes(bytes: &[u8], data_type: DataType) -> Self {
        fn value_of<T: Element>(bytes: &[u8]) -> FillValue {
            T::of_bytes(bytes).into()
        }
        dispatch!(data_type, value_of(bytes))
    }

    /// The bytes of an element of `data_type` with this value, in this machine's order: exact among integers, rounded to the
    /// nearest where the type is a float. `None` where no element has this value.
    pub(crate) fn to_bytes(self, data_type: DataType) -> Option<Vec<u8>> {
        fn bytes_of<T: Element>(value: FillValue) -> Option<Vec<u8>> {
            T::from_fill(value).map(|element| bytemuck::bytes_of(&element).to_vec())
        }
        dispatch!(data_type, bytes_of(self))
    }
}

impl fmt::Display for FillValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Complex(real, imaginary) => write!(f, "{real}{imaginary:+}i"),
        }
    }
}

macro_rules! integer_elements {
    ($($type:ty => $data_type:ident),*) => {$(
        impl Element for $type {
            const DATA_TYPE: DataType = DataType::$data_type;

            #[inline]
            fn from_fill(value: FillValue) -> Option<Self> {
                match value.real()? {
                    FillValue::Integer(value) => value.try_into().ok(),
                    // 2^100 lies beyond every integer type, and below it a whole float is an i128.
                    FillValue::Float(value) if value.fract() == 0.0 && value.abs() < 2f64.powi(100) => {
                        (value as i128).try_into().ok()
                    }
                    _ => None,
                }
            }
        }

        impl From<$type> for FillValue {
            fn from(value: $type) -> Self {
                Self::Integer(value.into())
            }
        }
    )*};
}

macro_rules! float_elements {
    ($($type:ty => $data_type:ident, $of_integer:expr, $of_float:expr);*) => {$(
        impl Element for $type {
            const DATA_TYPE: DataType = DataType::$data_type;

            #[inline]
            fn from_fill(value: FillValue) -> Option<Self> {
                match value.real()? {
                    FillValue::Integer(value) => Some($of_integer(value)),
                    FillValue::Float(value) => Some($of_float(value)),
                    FillValue::Complex(..) => None,
                }
            }
        }

        impl From<$type> for FillValue {
            fn from(value: $type) -> Self {
                Self::Float(value.into())
            }
        }
    )*};
}

macro_rules! complex_elements {
    ($($part:ty => $data_type:ident),*) => {$(
        impl Element for Complex<$part> {
            const DATA_TYPE: DataType = DataType::$data_type;

            #[inline]
            fn from_fill(value: FillValue) -> Option<Self> {
                Some(match value {
                    FillValue::Complex(real, imaginary) => Self::new(real as $part, imaginary as $part),
                    real => Self::new(<$part>::from_fill(real)?, 0.0),
                })
            }
        }

        impl From<Complex<$part>> for FillValue {
            fn from(value: Complex<$part>) -> Self {
                Self::Complex(value.re.into(), value.im.into())
            }
        }
    )*};
}

integer_elements!(u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32, i64 => I64);
float_elements!(
    f32 => F32, |value| value as f32, |value| value as f32;
    f64 => F64, |value| value as f64, |value| value;
    f16 => F16, |value| f16::from_f32(rounding::of_integer(value)), |value| f16::from_f32(rounding::of_float(value));
    bf16 => BF16, |value| bf16::from_f32(rounding::of_integer(value)), |value| bf16::from_f32(rounding::of_float(value))
);
complex_elements!(f32 => C64, f64 => C128);

impl Element for bool {
    const DATA_TYPE: DataType = DataType::Bool;

    fn from_fill(value: FillValue) -> Option<Self> {
        match u8::from_fill(value)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl From<bool> for FillValue {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

/// Calls `$f::<T>($args)` with the `T` of a [`DataType`].
macro_rules! dispatch {
    ($data_type:expr, $f:ident($($arg:expr),*)) => {
        match $data_type {
            $crate::storage::schema::element::DataType::U8 => $f::<u8>($($arg),*),
            $crate::storage::schema::element::DataType::U16 => $f::<u16>($($arg),*),
            $crate::storage::schema::element::DataType::U32 => $f::<u32>($($arg),*),
            $crate::storage::schema::element::DataType::U64 => $f::<u64>($($arg),*),
            $crate::storage::schema::element::DataType::I8 => $f::<i8>($($arg),*),
            $crate::storage::schema::element::DataType::I16 => $f::<i16>($($arg),*),
            $crate::storage::schema::element::DataType::I32 => $f::<i32>($($arg),*),
            $crate::storage::schema::element::DataType::I64 => $f::<i64>($($arg),*),
            $crate::storage::schema::element::DataType::F32 => $f::<f32>($($arg),*),
            $crate::storage::schema::element::DataType::F64 => $f::<f64>($($arg),*),
            $crate::storage::schema::element::DataType::Bool => $f::<bool>($($arg),*),
            $crate::storage::schema::element::DataType::F16 => $f::<half::f16>($($arg),*),
            $crate::storage::schema::element::DataType::BF16 => $f::<half::bf16>($($arg),*),
            $crate::storage::schema::element::DataType::C64 => $f::<num_complex::Complex<f32>>($($arg),*),
            $crate::storage::schema::element::DataType::C128 => $f::<num_complex::Complex<f64>>($($arg),*),
        }
    };
}
pub(crate) use dispatch;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_values_convert_only_where_nothing_is_lost() {
        assert_eq!(u64::from_fill(u64::MAX.into()), Some(u64::MAX));
        assert_eq!(i64::from_fill(i64::MIN.into()), Some(i64::MIN));
        assert_eq!(u8::from_fill(256i32.into()), None);
        assert_eq!(u8::from_fill((-1i8).into()), None);
        assert_eq!(u8::from_fill(7.0f32.into()), Some(7));
        assert_eq!(u8::from_fill(7.5f64.into()), None);
        assert_eq!(i64::from_fill(f64::NAN.into()), None);
        assert_eq!(i64::from_fill(f64::INFINITY.into()), None);
        assert_eq!(f32::from_fill(255u8.into()), Some(255.0));
        assert!(f64::from_fill(f32::NAN.into()).is_some_and(f64::is_nan));
        assert_eq!(bool::from_fill(1.0f32.into()), Some(true));
        assert_eq!(bool::from_fill(2u8.into()), None);
        assert_eq!(u8::from_fill(true.into()), Some(1));
        assert_eq!(f16::from_fill(0.1f64.into()), Some(f16::from_f32(0.1)));
        // Just above halfway between two: by way of 32 bits it would be halfway.
        assert_eq!(
            f16::from_fill((1.0 + 2f64.powi(-11) + 2f64.powi(-40)).into()),
            Some(f16::from_bits(0x3C01))
        );
        assert_eq!(bf16::from_fill(f32::MAX.into()), Some(bf16::INFINITY));
        assert_eq!(u8::from_fill(Complex::new(7.0f32, 0.0).into()), Some(7));
        assert_eq!(u8::from_fill(Complex::new(7.0f32, 1.0).into()), None);
        assert_eq!(Complex::from_fill(7u8.into()), Some(Complex::new(7.0f64, 0.0)));
        assert_eq!(FillValue::from(Complex::new(0.5f64, -2.0)).to_string(), "0.5-2i");
    }

    #[test]
    fn names_round_trip() {
        for data_type in DataType::ALL {
            assert_eq!(DataType::from_name(data_type.name()), Some(data_type));
        }
        assert_eq!(DataType::from_name("text"), None);
    }
}
