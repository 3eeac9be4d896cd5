//! Whole numbers of more than 64 bits in JSON.

use std::fmt::Display;

use serde_json::Value;

/// JSON numbers have any number of digits, serde's values have 64 bits.
const LONG: &str = "integer ";

/// A whole number of up to 128 bits.
pub fn integer(value: &(impl Display + Clone)) -> Value {
    let text = value.to_string();
    text.parse::<i64>().map(Value::from).unwrap_or_else(|_| format!("{LONG}{text}").into())
}

/// As JSON, with whole numbers of any length as numbers.
pub fn unquoted(value: &Value) -> String {
    match value.as_str().and_then(|text| text.strip_prefix(LONG)) {
        Some(digits) => digits.to_owned(),
        None => value.to_string(),
    }
}
