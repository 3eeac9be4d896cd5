//! JSON as other writers have it: Python's, with `NaN` and `Infinity`, which JSON does not have, and text behind a byte
//! order mark, as programs on Windows write it.
//!
//! A `NaN` becomes the text that stands for it in Zarr (`"NaN"`, `"Infinity"`, `"-Infinity"`), and so does a number beyond
//! every float, which Python reads as infinite: what was said is never lost.

use std::borrow::Cow;

use serde_json::Value;

const NAMES: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];

/// Reads JSON.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    let text = in_utf8(text);
    serde_json::from_slice(&text).or_else(|error| match with_named_numbers(&text) {
        Some(text) => serde_json::from_slice(&text),
        None => Err(error),
    })
}

/// Returns whether this is JSON but for numbers that JSON does not have.
pub fn has_other_numbers(text: &[u8]) -> bool {
    with_named_numbers(&in_utf8(text)).is_some()
}

/// The text without its byte order mark, and in UTF-8.
fn in_utf8(text: &[u8]) -> Cow<'_, [u8]> {
    let decoded = |of_bytes: fn([u8; 2]) -> u16, text: &[u8]| {
        let (units, _) = text.as_chunks::<2>();
        String::from_utf16_lossy(&units.iter().map(|unit| of_bytes(*unit)).collect::<Vec<_>>()).into_bytes()
    };
    match text {
        [0xEF, 0xBB, 0xBF, text @ ..] => Cow::Borrowed(text),
        [0xFF, 0xFE, text @ ..] => Cow::Owned(decoded(u16::from_le_bytes, text)),
        [0xFE, 0xFF, text @ ..] => Cow::Owned(decoded(u16::from_be_bytes, text)),
        text => Cow::Borrowed(text),
    }
}

/// The same text with strings in the place of what is no number in JSON; `None` where there is none.
fn with_named_numbers(text: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut mended, mut is_changed, mut is_in_string) = (text, Vec::new(), false, false);
    while let [first, others @ ..] = rest {
        let found = if is_in_string { None } else { other_number(rest) };
        if let Some((length, name)) = found {
            mended.extend([b"\"", name, b"\""].concat());
            (rest, is_changed) = (&rest[length..], true);
            continue;
        }
        // Numbers are taken as a whole, or their ends would be numbers of their own.
        let length = if is_in_string { 1 } else { number_length(rest).max(1) };
        mended.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
        match (first, others) {
            (b'"', _) => is_in_string = !is_in_string,
            // What follows ends no string.
            (b'\\', [escaped, others @ ..]) if is_in_string => {
                mended.push(*escaped);
                rest = others;
            }
            _ => {}
        }
    }
    is_changed.then_some(mended)
}

/// The length of what is no number in JSON, where the text begins with such a thing, and what it is called.
fn other_number(text: &[u8]) -> Option<(usize, &'static [u8])> {
    if let Some(name) = NAMES.into_iter().find(|name| text.starts_with(name)) {
        return Some((name.len(), name));
    }
    let length = number_length(text);
    let value: f64 = str::from_utf8(&text[..length]).ok()?.parse().ok()?;
    value.is_infinite().then_some((length, if value > 0.0 { b"Infinity" } else { b"-Infinity" }))
}

fn number_length(text: &[u8]) -> usize {
    let is_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    match text {
        [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => {
            text.iter().position(|byte| !is_of_number(byte)).unwrap_or(text.len())
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_python_writes() {
        let text = br#"{"a": NaN, "b\"NaN": [Infinity, -Infinity, -1, "NaN", "\\"], "c": {"d":NaN}}"#;
        let expected = json!({"a": "NaN", "b\"NaN": ["Infinity", "-Infinity", -1, "NaN", "\\"],
            "c": {"d": "NaN"}});
        assert_eq!(parse(text).expect("mended"), expected);
        assert!(has_other_numbers(text));
        assert!(!has_other_numbers(br#"{"NaN": "Infinity", "1e999": "1e999", "a": [1e308, -2]}"#));
        assert!(parse(b"{\"a\": nan}").is_err_and(|error| error.to_string().contains("line 1")));
        assert!(parse(b"{\"a\": \"NaN").is_err());
    }

    #[test]
    fn numbers_beyond_every_float_are_infinite() {
        let text = br#"[1e400, -1.5E+999, 1e308, "1e400", 12e-400, 3]"#;
        let expected = json!(["Infinity", "-Infinity", 1e308, "1e400", 0.0, 3]);
        assert_eq!(parse(text).expect("mended"), expected);
    }

    #[test]
    fn byte_order_marks() {
        let text = "{\"unit\": \"\u{b5}m\"}";
        let expected = json!({"unit": "\u{b5}m"});
        let utf8 = [&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat();
        let utf16 = |of_unit: fn(u16) -> [u8; 2]| {
            std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(of_unit).collect::<Vec<_>>()
        };
        for text in [utf8, utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)] {
            assert_eq!(parse(&text).expect("JSON"), expected);
        }
        assert!(parse(&[0xFF, 0xFE, b'{']).is_err());
    }
}
