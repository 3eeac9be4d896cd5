//! Bytes as numbers of a type that is known when the program runs, with numpy's arithmetic.

use crate::storage::formats::zarr::numpy_type::NumpyType;
use crate::storage::schema::element::{DataType, Element, FillValue};

/// `$body` with `$T` as the number that `$data_type` stands for, or `$other` where it is none.
macro_rules! with_number {
    ($data_type:expr, $T:ident => $body:expr, $other:expr) => {{
        macro_rules! arm {
            ($type:ty) => {{
                type $T = $type;
                $body
            }};
        }
        #[allow(unreachable_patterns)]
        match $data_type {
            $crate::storage::schema::element::DataType::U8 => arm!(u8),
            $crate::storage::schema::element::DataType::U16 => arm!(u16),
            $crate::storage::schema::element::DataType::U32 => arm!(u32),
            $crate::storage::schema::element::DataType::U64 => arm!(u64),
            $crate::storage::schema::element::DataType::I8 => arm!(i8),
            $crate::storage::schema::element::DataType::I16 => arm!(i16),
            $crate::storage::schema::element::DataType::I32 => arm!(i32),
            $crate::storage::schema::element::DataType::I64 => arm!(i64),
            $crate::storage::schema::element::DataType::F32 => arm!(f32),
            $crate::storage::schema::element::DataType::F64 => arm!(f64),
            _ => $other,
        }
    }};
}
pub(super) use with_number;

/// A number that filters compute with.
pub(super) trait Number: Element + bytemuck::Pod {
    /// Whether it is a float of 32 bits, in which arithmetic then is.
    const IS_SINGLE: bool = false;

    /// `value` as this type, as C casts: integers lose their high bits, floats their fraction.
    fn cast(value: FillValue) -> Self;

    /// The sum, which wraps around.
    fn plus(self, other: Self) -> Self;

    /// The difference, which wraps around.
    fn minus(self, other: Self) -> Self;

    /// The bytes in another order, if `is_swapped`.
    fn from_bytes(bytes: &[u8], is_swapped: bool) -> Self {
        let mut element = bytemuck::pod_read_unaligned::<Self>(bytes);
        if is_swapped {
            bytemuck::bytes_of_mut(&mut element).reverse();
        }
        element
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn cast(value: FillValue) -> Self {
                match value {
                    FillValue::Integer(value) => value as Self,
                    // C leaves open what lies beyond the type; the usual machines drop its high bits.
                    FillValue::Float(value) | FillValue::Complex(value, _) => value as i128 as Self,
                }
            }

            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
        }
    )*};
}

macro_rules! floats {
    ($($type:ty: $is_single:expr),*) => {$(
        impl Number for $type {
            const IS_SINGLE: bool = $is_single;

            fn cast(value: FillValue) -> Self {
                match value {
                    FillValue::Integer(value) => value as Self,
                    FillValue::Float(value) | FillValue::Complex(value, _) => value as Self,
                }
            }

            fn plus(self, other: Self) -> Self {
                self + other
            }

            fn minus(self, other: Self) -> Self {
                self - other
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);
floats!(f32: true, f64: false);

/// A type that filters compute with, and the order of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberType {
    pub(super) data_type: DataType,
    /// Whether bytes are in another order than this machine's.
    pub(super) is_swapped: bool,
}

impl NumberType {
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let numpy = NumpyType::of(text);
        let data_type =
            numpy.as_ref().and_then(NumpyType::data_type).filter(|data_type| is_number(*data_type));
        match (numpy, data_type) {
            (Some(numpy), Some(data_type)) => {
                Ok(Self { data_type, is_swapped: numpy.is_big_endian != cfg!(target_endian = "big") })
            }
            _ => Err(format!("numbers of type {text}, which bellis does not compute with")),
        }
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self.data_type, DataType::F32 | DataType::F64)
    }
}

fn is_number(data_type: DataType) -> bool {
    with_number!(data_type, T => size_of::<T>() > 0, false)
}

/// The elements that `bytes` are.
pub(super) fn elements<T: Number>(bytes: &[u8], is_swapped: bool) -> impl ExactSizeIterator<Item = T> {
    bytes.chunks_exact(size_of::<T>()).map(move |bytes| T::from_bytes(bytes, is_swapped))
}

/// The bytes of elements.
pub(super) fn bytes<T: Number>(elements: impl Iterator<Item = T>, is_swapped: bool) -> Vec<u8> {
    let mut all = Vec::with_capacity(elements.size_hint().0 * size_of::<T>());
    for mut element in elements {
        if is_swapped {
            bytemuck::bytes_of_mut(&mut element).reverse();
        }
        all.extend_from_slice(bytemuck::bytes_of(&element));
    }
    all
}
