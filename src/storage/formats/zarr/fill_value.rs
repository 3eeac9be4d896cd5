//! Fill values as other writers spell them, in the one way that Zarr v3 has for each: `"0"`, `0.0` and `false` for an integer,
//! `"7"`, `"nan"` and `-inf` for a float.
//!
//! zarr-python, tensorstore and Java's libraries read these of each other. What no element can hold stays an error.

use serde_json::{Number, Value, json};

use crate::storage::schema::element::{DataType, FillValue};

/// The fill value of elements of the type of this name, as Zarr v3 spells it; `None` where the type has no such value.
/// Types that bellis does not know by name keep what there is.
pub(super) fn canonical(value: &Value, type_name: &str) -> Option<Value> {
    if type_name == "bool" {
        return boolean(value);
    }
    if let Some(n_bits) = float_bits(type_name) {
        return float(value, n_bits);
    }
    if let Some(n_bits) = complex_bits(type_name) {
        return complex(value, n_bits);
    }
    if !type_name.starts_with("int") && !type_name.starts_with("uint") {
        return Some(value.clone());
    }
    let value = number(value)?;
    // That the type holds it is what matters.
    value.to_bytes(DataType::from_name(type_name)?)?;
    match value {
        FillValue::Integer(value) => Some(integer(value)),
        // A float that is no integer of the type was refused, and beyond 2^100 there is none.
        FillValue::Float(value) => Some(integer(value as i128)),
        FillValue::Complex(..) => None,
    }
}

fn float_bits(type_name: &str) -> Option<usize> {
    match type_name {
        "float16" | "bfloat16" => Some(16),
        "float32" => Some(32),
        "float64" => Some(64),
        _ => None,
    }
}

/// Of each of the two floats.
fn complex_bits(type_name: &str) -> Option<usize> {
    match type_name {
        "complex64" => Some(32),
        "complex128" => Some(64),
        _ => None,
    }
}

/// Two floats, or a real number alone.
fn complex(value: &Value, n_bits: usize) -> Option<Value> {
    match value.as_array().map(Vec::as_slice) {
        Some([real, imaginary]) => Some(json!([float(real, n_bits)?, float(imaginary, n_bits)?])),
        Some(_) => None,
        None => Some(json!([float(value, n_bits)?, 0.0])),
    }
}

fn boolean(value: &Value) -> Option<Value> {
    match number(value)? {
        FillValue::Integer(0) => Some(json!(false)),
        FillValue::Integer(1) => Some(json!(true)),
        FillValue::Float(value) if value == 0.0 || value == 1.0 => Some(json!(value == 1.0)),
        _ => None,
    }
}

fn float(value: &Value, n_bits: usize) -> Option<Value> {
    // The bytes themselves, for what is not a number in some special way.
    if let Some(digits) = value.as_str().and_then(|text| text.strip_prefix("0x"))
        && digits.len() == n_bits / 4
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        return Some(value.clone());
    }
    Some(match number(value)? {
        FillValue::Integer(value) => json!(value as f64),
        FillValue::Float(value) if value.is_nan() => json!("NaN"),
        FillValue::Float(value) => match Number::from_f64(value) {
            Some(number) => Value::Number(number),
            None if value > 0.0 => json!("Infinity"),
            None => json!("-Infinity"),
        },
        FillValue::Complex(..) => return None,
    })
}

fn integer(value: i128) -> Value {
    // Every integer type lies within these two.
    match u64::try_from(value) {
        Ok(value) => json!(value),
        Err(_) => json!(i64::try_from(value).unwrap_or(i64::MIN)),
    }
}

/// What a number, a truth value or a text that holds one of them means.
fn number(value: &Value) -> Option<FillValue> {
    match value {
        Value::Bool(value) => Some(FillValue::Integer(i128::from(*value))),
        Value::Number(number) => {
            let integer = number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from));
            integer.map(FillValue::Integer).or_else(|| number.as_f64().map(FillValue::Float))
        }
        Value::String(text) => of_text(text.trim()),
        _ => None,
    }
}

fn of_text(text: &str) -> Option<FillValue> {
    match text {
        "true" | "True" => Some(FillValue::Integer(1)),
        "false" | "False" => Some(FillValue::Integer(0)),
        // Rust's numbers are Python's, but for `_` between digits: `nan`, `-inf` and `Infinity` in any case among them.
        text => {
            let integer = text.parse().ok().map(FillValue::Integer);
            integer.or_else(|| text.parse().ok().map(FillValue::Float))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (value, name, expected) in [
            (json!("0"), "uint8", json!(0)),
            (json!(0.0), "uint8", json!(0)),
            (json!(1e3), "int16", json!(1000)),
            (json!("1e3"), "int16", json!(1000)),
            (json!(" -7 "), "int8", json!(-7)),
            (json!("+7"), "int8", json!(7)),
            (json!(5.0), "int32", json!(5)),
            (json!(true), "int32", json!(1)),
            (json!("18446744073709551615"), "uint64", json!(u64::MAX)),
            (json!(u64::MAX), "uint64", json!(u64::MAX)),
            (json!(i64::MIN), "int64", json!(i64::MIN)),
            (json!(-0.0), "uint16", json!(0)),
        ] {
            assert_eq!(canonical(&value, name), Some(expected), "{value} for {name}");
        }
        for (value, name) in [
            (json!(256), "uint8"),
            (json!("-1"), "uint8"),
            (json!(0.5), "int32"),
            (json!("NaN"), "int32"),
            (json!(""), "int32"),
            (json!("zero"), "int32"),
            (json!(null), "int32"),
            (json!([0]), "int32"),
            (json!(1e300), "int64"),
            (json!(u64::MAX), "int64"),
        ] {
            assert_eq!(canonical(&value, name), None, "{value} for {name}");
        }
    }

    #[test]
    fn floats_and_truth_values() {
        for (value, name, expected) in [
            (json!("7"), "float32", json!(7.0)),
            (json!("1e-3"), "float64", json!(0.001)),
            (json!("nan"), "float32", json!("NaN")),
            (json!("-nan"), "float32", json!("NaN")),
            (json!("NaN"), "float64", json!("NaN")),
            (json!("-inf"), "float64", json!("-Infinity")),
            (json!("Infinity"), "float64", json!("Infinity")),
            (json!(false), "float64", json!(0.0)),
            (json!(-0.0), "float64", json!(-0.0)),
            (json!("0x7fc00001"), "float32", json!("0x7fc00001")),
            (json!("0x7e01"), "float16", json!("0x7e01")),
            (json!(0), "bool", json!(false)),
            (json!(1.0), "bool", json!(true)),
            (json!("true"), "bool", json!(true)),
            (json!(true), "bool", json!(true)),
            (json!([1, "NaN"]), "complex64", json!([1.0, "NaN"])),
            (json!("2"), "complex128", json!([2.0, 0.0])),
            (json!("x"), "string", json!("x")),
        ] {
            assert_eq!(canonical(&value, name), Some(expected), "{value} for {name}");
        }
        for (value, name) in [
            (json!("0x7fc00001"), "float64"),
            (json!(null), "float32"),
            (json!("abc"), "float32"),
            (json!(2), "bool"),
            (json!([1.0]), "complex64"),
        ] {
            assert_eq!(canonical(&value, name), None, "{value} for {name}");
        }
    }
}
