//! The numbers an array can hold.

use std::fmt;

/// A number that an [`Array`](crate::storage::Array) can hold: the integers of 8 to 64 bits, `f32` and `f64`.
///
/// Sealed: the formats know how to store these and no others.
pub trait Element:
    Copy + Default + PartialEq + fmt::Debug + Into<FillValue> + Send + Sync + 'static + sealed::Element
{
    /// The type as it is called on disk.
    const DATA_TYPE: DataType;

    /// `value` as this type: exact among integers, rounded to the nearest where this is a float.
    #[doc(hidden)]
    fn from_fill(value: FillValue) -> Option<Self>;
}

mod sealed {
    /// Keeps [`Element`](super::Element) closed.
    pub trait Element: bytemuck::Pod {}
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
}

impl DataType {
    /// All of them.
    pub const ALL: [Self; 10] = [
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
        }
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
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
}

impl FillValue {
    /// The value of an element of `data_type` whose bytes, in this machine's order, these are.
    pub(crate) fn of_bytes(bytes: &[u8], data_type: DataType) -> Self {
        fn value_of<T: Element>(bytes: &[u8]) -> FillValue {
            bytemuck::pod_read_unaligned::<T>(bytes).into()
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
        }
    }
}

macro_rules! integer_elements {
    ($($type:ty => $data_type:ident),*) => {$(
        impl sealed::Element for $type {}

        impl Element for $type {
            const DATA_TYPE: DataType = DataType::$data_type;

            fn from_fill(value: FillValue) -> Option<Self> {
                match value {
                    FillValue::Integer(value) => value.try_into().ok(),
                    // 2^100 lies beyond every integer type, and below it a whole float is an i128.
                    FillValue::Float(value) if value.fract() == 0.0 && value.abs() < 2f64.powi(100) => {
                        (value as i128).try_into().ok()
                    }
                    FillValue::Float(_) => None,
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
    ($($type:ty => $data_type:ident),*) => {$(
        impl sealed::Element for $type {}

        impl Element for $type {
            const DATA_TYPE: DataType = DataType::$data_type;

            fn from_fill(value: FillValue) -> Option<Self> {
                Some(match value {
                    FillValue::Integer(value) => value as Self,
                    FillValue::Float(value) => value as Self,
                })
            }
        }

        impl From<$type> for FillValue {
            fn from(value: $type) -> Self {
                Self::Float(value.into())
            }
        }
    )*};
}

integer_elements!(u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32, i64 => I64);
float_elements!(f32 => F32, f64 => F64);

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
    }

    #[test]
    fn names_round_trip() {
        for data_type in DataType::ALL {
            assert_eq!(DataType::from_name(data_type.name()), Some(data_type));
        }
        assert_eq!(DataType::from_name("bool"), None);
    }
}
