//! LZF, which h5py has inside and everybody else lacks, undone
//! ([liblzf](http://oldhome.schmorp.de/marc/liblzf.html), `lzf_d.c`).
//!
//! A stream of runs. A first byte below 32 says how many bytes follow as they are, less 1. Any other begins a copy of what was
//! written before: its upper 3 bits are the length less 2 (7: the next byte is added), its lower 5 bits and the byte
//! after that say how far back it begins, less 1.

/// Appends what `coded` stands for to an empty buffer, `n_bytes` at most; or says why it is no such stream.
pub(super) fn decode(coded: &[u8], n_bytes: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    const LITERAL_END: u8 = 32;
    const LONG: usize = 7;
    let mut rest = coded.iter();
    let cut_short = || "an LZF stream cut short".to_owned();
    while let Some(&first) = rest.next() {
        if first < LITERAL_END {
            let length = usize::from(first) + 1;
            let run = rest.as_slice().get(..length).ok_or_else(cut_short)?;
            require_room(bytes.len(), length, n_bytes)?;
            bytes.extend_from_slice(run);
            rest = rest.as_slice()[length..].iter();
            continue;
        }
        let mut length = usize::from(first >> 5);
        if length == LONG {
            length += usize::from(*rest.next().ok_or_else(cut_short)?);
        }
        length += 2;
        let low = *rest.next().ok_or_else(cut_short)?;
        let back = (usize::from(first & 0x1F) << 8 | usize::from(low)) + 1;
        let begin = bytes.len().checked_sub(back).ok_or("an LZF copy of what lies before the begin")?;
        require_room(bytes.len(), length, n_bytes)?;
        copy(bytes, begin, length);
    }
    Ok(())
}

/// Appends `length` bytes from `begin` on, of which some may not be there before others are copied.
fn copy(bytes: &mut Vec<u8>, begin: usize, length: usize) {
    let mut missing = length;
    while missing > 0 {
        let n = missing.min(bytes.len() - begin);
        bytes.extend_from_within(begin..begin + n);
        missing -= n;
    }
}

fn require_room(done: usize, length: usize, n_bytes: usize) -> Result<(), String> {
    if length <= n_bytes - done { Ok(()) } else { Err(format!("LZF of more than {n_bytes} bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coded: &[u8], n_bytes: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        decode(coded, n_bytes, &mut bytes).map(|()| bytes)
    }

    #[test]
    fn runs_and_copies() {
        assert_eq!(decoded(&[2, b'a', b'b', b'c'], 9), Ok(b"abc".to_vec()));
        // 5 bytes from 3 back, of which the last two are copies of copies.
        assert_eq!(decoded(&[2, b'a', b'b', b'c', 3 << 5, 2], 9), Ok(b"abcabcab".to_vec()));
        // 264 bytes, and 5 more, from 1 back.
        assert_eq!(decoded(&[0, b'x', 7 << 5, 255, 0, 3 << 5, 0], 270), Ok(vec![b'x'; 270]));
        assert_eq!(decoded(&[], 9), Ok(Vec::new()));
    }

    #[test]
    fn what_is_spoilt_is_an_error() {
        for (coded, reason) in [
            (&[2, b'a'][..], "cut short"),
            (&[0, b'a', 1 << 5], "cut short"),
            (&[0, b'a', 7 << 5, 9], "cut short"),
            (&[0, b'a', 1 << 5, 1], "before the begin"),
            (&[0, b'a', 7 << 5, 255, 0], "more than 9 bytes"),
            (&[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "more than 9 bytes"),
        ] {
            let refused = decoded(coded, 9).expect_err("must be refused");
            assert!(refused.contains(reason), "{coded:?}: {refused}");
        }
    }
}
