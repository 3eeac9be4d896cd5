//! Attributes, read as JSON.
//!
//! Text in a file is bytes: what calls itself ASCII or UTF-8 often is Latin-1, as older writers have it (`\xb5m`). It is read as
//! UTF-8 if it is that, and else as Latin-1; so what is written elsewhere is valid in any case.

use hdf5::types::{FixedAscii, FixedUnicode, VarLenAscii, VarLenUnicode};
use hdf5::{Attribute, Datatype, H5Type};
use hdf5_sys::h5t::{
    H5T_class_t, H5T_cset_t, H5T_sign_t, H5Tget_class, H5Tget_cset, H5Tget_sign, H5Tis_variable_str,
};
use serde_json::{Value, json};

/// Maximum length of the names of axes and units: the rest is cut off.
const MAX_LENGTH: usize = 1024;

/// Numbers and text, alone or in a list. Of an empty attribute, and of other types, null.
pub(super) fn value(attribute: &Attribute) -> hdf5::Result<Value> {
    if attribute.size() == 0 || attribute.space()?.is_null() {
        return Ok(Value::Null);
    }
    let stored = attribute.dtype()?;
    // SAFETY: a datatype's id.
    let class = hdf5::sync::sync(|| unsafe { H5Tget_class(stored.id()) });
    let values = match class {
        H5T_class_t::H5T_INTEGER if is_signed(&stored) => all(attribute, |value: i64| json!(value)),
        H5T_class_t::H5T_INTEGER => all(attribute, |value: u64| json!(value)),
        H5T_class_t::H5T_FLOAT => all(attribute, |value: f64| json!(value)),
        H5T_class_t::H5T_STRING => all_text(attribute, &stored),
        _ => return Ok(Value::Null),
    }?;
    Ok(if attribute.is_scalar() { values.into_iter().next().unwrap_or_default() } else { json!(values) })
}

fn all<T: H5Type>(attribute: &Attribute, to: impl Fn(T) -> Value) -> hdf5::Result<Vec<Value>> {
    Ok(attribute.read_raw::<T>()?.into_iter().map(to).collect())
}

fn is_signed(stored: &Datatype) -> bool {
    // SAFETY: a datatype's id.
    hdf5::sync::sync(|| unsafe { H5Tget_sign(stored.id()) }) == H5T_sign_t::H5T_SGN_2
}

/// Text of fixed or variable length. The bindings' types of text are only asked for their bytes: as `str` they would be taken
/// for valid without a look.
fn all_text(attribute: &Attribute, stored: &Datatype) -> hdf5::Result<Vec<Value>> {
    // SAFETY: a datatype's id.
    let (variable, charset) =
        hdf5::sync::sync(|| unsafe { (H5Tis_variable_str(stored.id()), H5Tget_cset(stored.id())) });
    // The library converts none of them to the other.
    match (variable > 0, charset == H5T_cset_t::H5T_CSET_UTF8) {
        (true, true) => all(attribute, |text: VarLenUnicode| json!(decoded(text.as_bytes()))),
        (true, false) => all(attribute, |text: VarLenAscii| json!(decoded(text.as_bytes()))),
        (false, true) => all(attribute, |text: FixedUnicode<MAX_LENGTH>| json!(decoded(text.as_bytes()))),
        (false, false) => all(attribute, |text: FixedAscii<MAX_LENGTH>| json!(decoded(text.as_bytes()))),
    }
}

/// The bytes as UTF-8, or, where they are none, as Latin-1, whose characters are the first 256 of Unicode.
fn decoded(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => text.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf8_or_else_latin_1() {
        for (bytes, text) in [
            (&b"nm"[..], "nm"),
            (b"\xc2\xb5m", "\u{b5}m"),
            (b"\xb5m", "\u{b5}m"),
            (b"h\xf6he", "h\u{f6}he"),
            (b"\xe2\x82", "\u{e2}\u{82}"),
            (b"", ""),
        ] {
            assert_eq!(decoded(bytes), text, "{bytes:?}");
        }
    }
}
