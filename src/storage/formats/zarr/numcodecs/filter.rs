//! Filters: numbers to numbers of the same or another type, with the arithmetic that numpy does them in, and bytes that only
//! change places.

use serde_json::{Map, Value};

use super::number::{Number, NumberType, bytes, elements, with_number};
use crate::storage::schema::element::FillValue;

/// A filter with its parameters.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    /// Differences to the number before.
    Delta(Types),
    /// `(number - offset) * scale`, rounded.
    FixedScaleOffset {
        types: Types,
        offset: FillValue,
        scale: FillValue,
    },
    /// Multiples of a power of two that keeps so many decimal digits.
    Quantize {
        types: Types,
        scale: f64,
    },
    AsType(Types),
    /// Floats with so many bits less.
    BitRound {
        number: NumberType,
        n_dropped: Option<u32>,
    },
    /// Eight truth values a byte.
    PackBits,
    /// First bytes of all elements first.
    Shuffle {
        element: usize,
    },
}

/// What a filter makes numbers of, and what it makes of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Types {
    decoded: NumberType,
    encoded: NumberType,
}

impl Filter {
    /// The filter called `id`, if it is one, or what cannot be meant.
    pub(super) fn of(id: &str, configuration: &Map<String, Value>) -> Option<Result<Self, String>> {
        let reader = Reader { id, configuration };
        Some(match id {
            "delta" => reader.types("dtype", "astype").map(Self::Delta),
            "fixedscaleoffset" => reader.fixed_scale_offset(),
            "quantize" => reader.quantize(),
            // As it names the types, from the array's side and from the file's.
            "astype" => reader.types("decode_dtype", "encode_dtype").map(Self::AsType),
            "bitround" => reader.bit_round(),
            "packbits" => Ok(Self::PackBits),
            "shuffle" => reader.shuffle(),
            _ => return None,
        })
    }

    pub(super) fn encode(&self, input: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Delta(types) => types.encode(input, Encoding::Delta),
            Self::AsType(types) => types.encode(input, Encoding::Map(&|value| value)),
            Self::Quantize { types, scale } => types.encode(input, Encoding::Rounded { scale: *scale }),
            Self::FixedScaleOffset { types, offset, scale } => {
                types.encode(input, Encoding::Scaled { offset: *offset, scale: *scale })
            }
            Self::BitRound { number, n_dropped: Some(n_dropped) } => {
                Ok(bit_rounded(input, *number, *n_dropped))
            }
            Self::BitRound { n_dropped: None, .. } => Err("bitround of what are no floats".to_owned()),
            Self::PackBits => Ok(packed(input)),
            Self::Shuffle { element } => shuffled(input, *element, false),
        }
    }

    pub(super) fn decode(&self, input: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Delta(types) => types.decode(input, Decoding::Sums),
            Self::AsType(types) | Self::Quantize { types, .. } => types.decode(input, Decoding::Cast),
            Self::FixedScaleOffset { types, offset, scale } => {
                types.decode(input, Decoding::Unscaled { offset: as_float(*offset), scale: as_float(*scale) })
            }
            Self::BitRound { .. } => Ok(input.to_vec()),
            Self::PackBits => unpacked(input),
            Self::Shuffle { element } => shuffled(input, *element, true),
        }
    }

    /// Bytes of what is encoded from so many.
    pub(super) fn encoded_length(&self, length: u64) -> u64 {
        match self {
            Self::Delta(types)
            | Self::AsType(types)
            | Self::Quantize { types, .. }
            | Self::FixedScaleOffset { types, .. } => {
                length / types.decoded.data_type.size() as u64 * types.encoded.data_type.size() as u64
            }
            Self::PackBits => 1 + length.div_ceil(8),
            Self::BitRound { .. } | Self::Shuffle { .. } => length,
        }
    }
}

/// Reads the parameters of a filter.
struct Reader<'a> {
    id: &'a str,
    configuration: &'a Map<String, Value>,
}

impl Reader<'_> {
    fn types(&self, decoded: &str, encoded: &str) -> Result<Types, String> {
        let Self { id, configuration } = self;
        let text = |name: &str| configuration.get(name).and_then(Value::as_str);
        let decoded_text = text(decoded).ok_or_else(|| format!("{id} without {decoded}"))?;
        let encoded_text = text(encoded).unwrap_or(decoded_text);
        let number = |text| NumberType::of(text).map_err(|what| format!("{id} of {what}"));
        Ok(Types { decoded: number(decoded_text)?, encoded: number(encoded_text)? })
    }

    fn number(&self, name: &str) -> Result<FillValue, String> {
        let value = self.configuration.get(name);
        let integer = value.and_then(Value::as_i64).map(|value| FillValue::Integer(value.into()));
        let float = || value.and_then(Value::as_f64).map(FillValue::Float);
        integer.or_else(float).ok_or_else(|| format!("{} without a number {name}", self.id))
    }

    fn fixed_scale_offset(&self) -> Result<Filter, String> {
        let types = self.types("dtype", "astype")?;
        Ok(Filter::FixedScaleOffset { types, offset: self.number("offset")?, scale: self.number("scale")? })
    }

    /// The scale is [numcodecs' own](https://github.com/zarr-developers/numcodecs/blob/main/src/numcodecs/quantize.py).
    fn quantize(&self) -> Result<Filter, String> {
        let types = self.types("dtype", "astype")?;
        if !types.decoded.is_float() || !types.encoded.is_float() {
            return Err("quantize of what are no floats".to_owned());
        }
        let exponent = 10f64.powf(-as_float(self.number("digits")?)).log10();
        let exponent = if exponent < 0.0 { exponent.floor() } else { exponent.ceil() };
        let n_bits = 10f64.powf(-exponent).log2().ceil();
        Ok(Filter::Quantize { types, scale: n_bits.exp2() })
    }

    fn bit_round(&self) -> Result<Filter, String> {
        let number = self.types("dtype", "dtype")?.decoded;
        if !number.is_float() {
            return Ok(Filter::BitRound { number, n_dropped: None });
        }
        let n_bits = if number.data_type.size() == 4 { 23 } else { 52 };
        let n_kept = self.configuration.get("keepbits").and_then(Value::as_u64);
        let n_kept = n_kept.and_then(|n_kept| u32::try_from(n_kept).ok()).filter(|n_kept| *n_kept <= n_bits);
        let n_kept = n_kept.ok_or_else(|| format!("bitround without keepbits from 0 to {n_bits}"))?;
        Ok(Filter::BitRound { number, n_dropped: Some(n_bits - n_kept) })
    }

    fn shuffle(&self) -> Result<Filter, String> {
        const DEFAULT: u64 = 4;
        let element = match self.configuration.get("elementsize") {
            None | Some(Value::Null) => Some(DEFAULT),
            Some(size) => size.as_u64(),
        };
        let element = element.and_then(|size| usize::try_from(size).ok());
        let element = element.ok_or("shuffle of an elementsize that is no number")?;
        Ok(Filter::Shuffle { element: element.max(1) })
    }
}

/// How numbers become others.
enum Encoding<'a> {
    Delta,
    Map(&'a dyn Fn(FillValue) -> FillValue),
    Rounded { scale: f64 },
    Scaled { offset: FillValue, scale: FillValue },
}

/// How they become what they were.
enum Decoding {
    Sums,
    Cast,
    Unscaled { offset: f64, scale: f64 },
}

impl Types {
    fn encode(self, input: &[u8], how: Encoding<'_>) -> Result<Vec<u8>, String> {
        let Self { decoded, encoded } = self;
        whole(input, decoded)?;
        let other = || Err("numbers of another type".to_owned());
        with_number!(decoded.data_type, T => with_number!(encoded.data_type, U => {
            let numbers = elements::<T>(input, decoded.is_swapped);
            let cast = |value: T| U::cast(value.into());
            Ok(match how {
                Encoding::Delta => {
                    // The first one is stored as it is, and a difference to 0 is that.
                    let mut former = T::default();
                    let step = |value: T| {
                        let difference = value.minus(former);
                        former = value;
                        cast(difference)
                    };
                    bytes(numbers.map(step), encoded.is_swapped)
                }
                Encoding::Map(f) => bytes(numbers.map(|value| U::cast(f(value.into()))), encoded.is_swapped),
                Encoding::Rounded { scale } => {
                    bytes(numbers.map(|value| U::cast(rounded(value, scale))), encoded.is_swapped)
                }
                Encoding::Scaled { offset, scale } => {
                    bytes(numbers.map(|value| U::cast(scaled(value, offset, scale))), encoded.is_swapped)
                }
            })
        }, other()), other())
    }

    fn decode(self, input: &[u8], how: Decoding) -> Result<Vec<u8>, String> {
        let Self { decoded, encoded } = self;
        whole(input, encoded)?;
        let other = || Err("numbers of another type".to_owned());
        with_number!(decoded.data_type, T => with_number!(encoded.data_type, U => {
            let numbers = elements::<U>(input, encoded.is_swapped);
            let cast = |value: U| T::cast(value.into());
            Ok(match how {
                Decoding::Sums => {
                    // The first one is added to nothing, which keeps a first -0.0.
                    let mut sum = None;
                    let step = |value: U| {
                        let next = sum.map_or(cast(value), |sum: T| sum.plus(cast(value)));
                        sum = Some(next);
                        next
                    };
                    bytes(numbers.map(step), decoded.is_swapped)
                }
                Decoding::Cast => bytes(numbers.map(cast), decoded.is_swapped),
                Decoding::Unscaled { offset, scale } => {
                    bytes(numbers.map(|value| T::cast(unscaled(value, offset, scale))), decoded.is_swapped)
                }
            })
        }, other()), other())
    }
}

fn whole(input: &[u8], number: NumberType) -> Result<(), String> {
    let size = number.data_type.size();
    match input.len().is_multiple_of(size) {
        true => Ok(()),
        false => Err(format!("{} bytes, which are no elements of {size}", input.len())),
    }
}

fn as_float(value: FillValue) -> f64 {
    match value {
        FillValue::Integer(value) => value as f64,
        FillValue::Float(value) | FillValue::Complex(value, _) => value,
    }
}

/// `(value - offset) * scale`: of integers as integers, as long as offset and scale are.
fn scaled<T: Number>(value: T, offset: FillValue, scale: FillValue) -> FillValue {
    let value: FillValue = value.into();
    if T::IS_SINGLE {
        let (offset, scale) = (as_float(offset) as f32, as_float(scale) as f32);
        let scaled = (as_float(value) as f32 - offset) * scale;
        return FillValue::Float(scaled.round_ties_even().into());
    }
    let shifted = match (value, offset) {
        (FillValue::Integer(value), FillValue::Integer(offset)) => {
            T::cast(FillValue::Integer(value - offset)).into()
        }
        (value, offset) => FillValue::Float(as_float(value) - as_float(offset)),
    };
    match (shifted, scale) {
        (FillValue::Integer(value), FillValue::Integer(scale)) => {
            T::cast(FillValue::Integer(value * scale)).into()
        }
        (value, scale) => FillValue::Float((as_float(value) * as_float(scale)).round_ties_even()),
    }
}

/// `value / scale + offset`, in the precision of what is stored: that of 64 bits for integers.
fn unscaled<U: Number>(value: U, offset: f64, scale: f64) -> FillValue {
    let value = as_float(value.into());
    FillValue::Float(if U::IS_SINGLE {
        (value as f32 / scale as f32 + offset as f32).into()
    } else {
        value / scale + offset
    })
}

fn rounded<T: Number>(value: T, scale: f64) -> FillValue {
    let value = as_float(value.into());
    FillValue::Float(if T::IS_SINGLE {
        let scale = scale as f32;
        ((scale * value as f32).round_ties_even() / scale).into()
    } else {
        (scale * value).round_ties_even() / scale
    })
}

/// Rounds the last bits of floats away, halves to even.
fn bit_rounded(input: &[u8], number: NumberType, n_dropped: u32) -> Vec<u8> {
    macro_rules! rounded {
        ($type:ty) => {{
            let half = ((1 as $type) << (n_dropped - 1)) - 1;
            let mask = <$type>::MAX >> n_dropped << n_dropped;
            let round = |bits: $type| bits.wrapping_add((bits >> n_dropped & 1) + half) & mask;
            bytes(elements::<$type>(input, number.is_swapped).map(round), number.is_swapped)
        }};
    }
    match (n_dropped, number.data_type.size()) {
        (0, _) => input.to_vec(),
        (_, 4) => rounded!(u32),
        _ => rounded!(u64),
    }
}

/// The number of bits that are missing in the last byte, then the bits.
fn packed(input: &[u8]) -> Vec<u8> {
    let n_missing = (8 - input.len() % 8) % 8;
    let byte = |values: &[u8]| {
        let bit = |(at, value): (usize, &u8)| u8::from(*value != 0) << (7 - at);
        values.iter().enumerate().map(bit).fold(0, |all, bit| all | bit)
    };
    std::iter::once(n_missing as u8).chain(input.chunks(8).map(byte)).collect()
}

fn unpacked(input: &[u8]) -> Result<Vec<u8>, String> {
    let (&n_missing, bits) = input.split_first().ok_or("packed bits without their number")?;
    let bit = |byte: u8| (0..8).rev().map(move |at| byte >> at & 1);
    let mut values: Vec<u8> = bits.iter().flat_map(|&byte| bit(byte)).collect();
    let length = values.len().checked_sub(n_missing.into());
    values.truncate(length.ok_or_else(|| format!("{n_missing} bits too many of {}", values.len()))?);
    Ok(values)
}

fn shuffled(input: &[u8], element: usize, is_back: bool) -> Result<Vec<u8>, String> {
    if element <= 1 {
        return Ok(input.to_vec());
    }
    if !input.len().is_multiple_of(element) {
        return Err(format!("{} bytes, which are no elements of {element}", input.len()));
    }
    let n_elements = input.len() / element;
    let (outer, inner) = if is_back { (n_elements, element) } else { (element, n_elements) };
    Ok((0..outer).flat_map(|a| (0..inner).map(move |b| input[b * outer + a])).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(id: &str, configuration: Value) -> Result<Filter, String> {
        let Value::Object(configuration) = configuration else { panic!("the test's own") };
        Filter::of(id, &configuration).expect("known")
    }

    fn round_trip(id: &str, configuration: Value, decoded: &[u8], encoded: &[u8]) {
        let filter = filter(id, configuration).expect("valid");
        assert_eq!(filter.encode(decoded).as_deref(), Ok(encoded), "{filter:?}");
        assert_eq!(filter.decode(encoded).as_deref(), Ok(decoded), "{filter:?}");
        assert_eq!(filter.encoded_length(decoded.len() as u64), encoded.len() as u64, "{filter:?}");
    }

    #[test]
    fn what_numcodecs_makes() {
        let numbers = [3i16, 5, 4, -7].map(i16::to_le_bytes).concat();
        round_trip("delta", json!({"dtype": "<i2", "astype": "|i1"}), &numbers, &[3, 2, 255, 245]);
        let turned = [3i16, 2, -1, -11].map(i16::to_be_bytes).concat();
        round_trip("delta", json!({"dtype": "<i2", "astype": ">i2"}), &numbers, &turned);
        let floats = [1000.0f64, 1000.1, 1000.2].map(f64::to_le_bytes).concat();
        let fixed = json!({"offset": 1000, "scale": 10, "dtype": "<f8", "astype": "|u1"});
        round_trip("fixedscaleoffset", fixed, &floats, &[0, 1, 2]);
        round_trip("astype", json!({"encode_dtype": "u1", "decode_dtype": "<i2"}), &[7, 0, 9, 0], &[7, 9]);
        round_trip("packbits", json!({}), &[1, 0, 1, 1, 0, 0, 0, 0, 1, 1], &[6, 0b1011_0000, 0b1100_0000]);
        round_trip("packbits", json!({}), &[0, 0, 0, 0, 0, 0, 0, 1], &[0, 1]);
        round_trip("shuffle", json!({"elementsize": 3}), &[1, 2, 3, 4, 5, 6], &[1, 4, 2, 5, 3, 6]);
        round_trip("shuffle", json!({"elementsize": 0}), &[1, 2, 3], &[1, 2, 3]);
    }

    /// Half of what is dropped goes to the even neighbour.
    #[test]
    fn rounded_bits() {
        let rounded = |value: f32, n_kept: u32| {
            let filter = filter("bitround", json!({"dtype": ">f4", "keepbits": n_kept})).expect("valid");
            let encoded = filter.encode(&value.to_be_bytes()).expect("one element");
            f32::from_be_bytes([encoded[0], encoded[1], encoded[2], encoded[3]])
        };
        assert_eq!([rounded(1.25, 1), rounded(1.75, 1), rounded(1.3, 1)], [1.0, 2.0, 1.5]);
        assert_eq!(rounded(1.2345, 23), 1.2345);
    }

    #[test]
    fn nonsense_is_named() {
        for (id, configuration, named) in [
            ("delta", json!({}), "without dtype"),
            ("delta", json!({"dtype": "<U4"}), "<U4"),
            ("fixedscaleoffset", json!({"dtype": "f4", "scale": 1}), "offset"),
            ("quantize", json!({"dtype": "i4", "digits": 1}), "no floats"),
            ("bitround", json!({"dtype": "f4", "keepbits": 24}), "0 to 23"),
            ("shuffle", json!({"elementsize": "x"}), "elementsize"),
        ] {
            let refused = filter(id, configuration).expect_err("must be refused");
            assert!(refused.contains(named), "{refused}");
        }
        let of_integers = filter("bitround", json!({"dtype": "u1", "keepbits": 3})).expect("can be decoded");
        assert_eq!(of_integers.decode(&[32, 64]).as_deref(), Ok(&[32, 64][..]));
        assert!(of_integers.encode(&[33]).is_err());
        let delta = filter("delta", json!({"dtype": "<i4"})).expect("valid");
        assert!(delta.decode(&[1, 2, 3]).is_err_and(|reason| reason.contains("elements of 4")));
        assert!(unpacked(&[]).is_err() && unpacked(&[9, 1]).is_err());
    }
}
