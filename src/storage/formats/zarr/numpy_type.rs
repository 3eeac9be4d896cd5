//! Types of elements as numpy spells them, and codecs and Zarr v2 after it: `<f4`, `|u1`, `>u1`, `float32`.

use std::borrow::Cow;

use crate::storage::schema::element::DataType;

/// Types that have a name and a size, whether or not bellis has them as elements.
const OTHERS: [&str; 5] = ["bool", "float16", "bfloat16", "complex64", "complex128"];

/// A type of element, and the order of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumpyType {
    /// numpy's name, such as `uint8`, also of types that bellis does not handle.
    pub(super) name: Cow<'static, str>,
    pub(super) is_big_endian: bool,
}

impl NumpyType {
    /// The type that `text` means; `None` where it has no name in Zarr v3.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (order, rest) = match text.as_bytes().first()? {
            order @ (b'<' | b'>' | b'|' | b'=') => (*order, &text[1..]),
            _ => (b'=', text),
        };
        let is_big_endian = order == b'>' || (order == b'=' && cfg!(target_endian = "big"));
        let known = DataType::ALL.map(DataType::name).into_iter().chain(OTHERS).find(|name| *name == rest);
        if let Some(name) = known {
            return Some(Self { name: name.into(), is_big_endian });
        }
        if rest == "?" {
            return Some(Self { name: "bool".into(), is_big_endian });
        }
        let (kind, n_bytes) = rest.split_at_checked(1)?;
        let n_bytes: usize = n_bytes.parse().ok()?;
        let family = match (kind, n_bytes) {
            ("b", 1) => return Some(Self { name: "bool".into(), is_big_endian }),
            ("u", 1 | 2 | 4 | 8) => "uint",
            ("i", 1 | 2 | 4 | 8) => "int",
            ("f", 2 | 4 | 8) => "float",
            ("c", 8 | 16) => "complex",
            _ => return None,
        };
        Some(Self { name: format!("{family}{}", 8 * n_bytes).into(), is_big_endian })
    }

    /// Bytes of an element.
    pub(super) fn size(&self) -> usize {
        let n_bits = self.name.trim_start_matches(|c: char| !c.is_ascii_digit());
        n_bits.parse::<usize>().map_or(1, |n_bits| n_bits / 8)
    }

    /// As [`of`](Self::of) reads it.
    pub(super) fn text(&self) -> String {
        format!("{}{}", if self.is_big_endian { '>' } else { '<' }, self.name)
    }

    /// The type, if bellis computes with it.
    pub(super) fn data_type(&self) -> Option<DataType> {
        DataType::from_name(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (text, name, size) in [
            ("<f4", "float32", 4),
            (">u1", "uint8", 1),
            ("<u1", "uint8", 1),
            ("|i1", "int8", 1),
            ("i8", "int64", 8),
            ("float64", "float64", 8),
            ("=u2", "uint16", 2),
            ("|b1", "bool", 1),
            ("?", "bool", 1),
            ("<f2", "float16", 2),
            (">c16", "complex128", 16),
        ] {
            let found = NumpyType::of(text).expect(text);
            assert_eq!((&*found.name, found.size()), (name, size), "{text}");
            assert_eq!(found.is_big_endian, text.starts_with('>'), "{text}");
            assert_eq!(NumpyType::of(&found.text()), Some(found), "{text}");
        }
        for text in ["", "<", "<i3", "|S5", "<U4", "<M8[ns]", "|O", "|V8", "i", "\u{b5}8"] {
            assert_eq!(NumpyType::of(text), None, "{text}");
        }
    }
}
