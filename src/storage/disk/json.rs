//! JSON as Python writes it: with `NaN` and `Infinity`, which JSON does not have.
//!
//! Attributes are where they occur, a mean of no voxels for instance. They are read as `null`; nobody asks for them.

use serde_json::Value;

/// Reads JSON.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(text).or_else(|error| match without_nan(text) {
        Some(text) => serde_json::from_slice(&text),
        None => Err(error),
    })
}

/// The same text with `null` in the place of what is no number in JSON; `None` where there is none.
pub fn without_nan(text: &[u8]) -> Option<Vec<u8>> {
    const NAMES: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    let (mut rest, mut mended, mut is_changed, mut is_in_string) = (text, Vec::new(), false, false);
    while let [first, others @ ..] = rest {
        let name = NAMES.iter().find(|name| !is_in_string && rest.starts_with(name));
        if let Some(name) = name {
            mended.extend_from_slice(b"null");
            (rest, is_changed) = (&rest[name.len()..], true);
            continue;
        }
        mended.push(*first);
        rest = others;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_python_writes() {
        let text = br#"{"a": NaN, "b\"NaN": [Infinity, -Infinity, -1, "NaN", "\\"], "c": {"d":NaN}}"#;
        let expected = json!({"a": null, "b\"NaN": [null, null, -1, "NaN", "\\"], "c": {"d": null}});
        assert_eq!(parse(text).expect("mended"), expected);
        assert_eq!(without_nan(br#"{"NaN": "Infinity"}"#), None);
        assert!(parse(b"{\"a\": nan}").is_err_and(|error| error.to_string().contains("line 1")));
        assert!(parse(b"{\"a\": \"NaN").is_err());
    }
}
