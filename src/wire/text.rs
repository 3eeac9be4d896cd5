//! Texts of bounded size: what went wrong may be long, and a message must not be.

/// Maximum length of a text in a message, in bytes.
pub const MAX_TEXT: usize = 4096;

/// The text, shortened to [`MAX_TEXT`] bytes where it is longer.
pub fn shorten(mut text: String) -> String {
    const ELLIPSIS: char = '…';
    if text.len() > MAX_TEXT {
        let last = MAX_TEXT - ELLIPSIS.len_utf8();
        let end = (0..=last).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push(ELLIPSIS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_once() {
        let long = shorten("ä".repeat(MAX_TEXT));
        assert!(long.len() <= MAX_TEXT && long.ends_with('…'));
        assert_eq!(shorten(long.clone()), long);
        assert_eq!(shorten("short".to_owned()), "short");
    }
}
