//! Memory that is used again for each chunk: what is allocated anew each time, the system has to clear page by page.

use std::cell::RefCell;

/// As many buffers a thread keeps: for a shard and its file, a chunk in it and its code.
const MAX_KEPT: usize = 4;
/// No larger ones: what is kept is never given back.
const MAX_BYTES: usize = 32 << 20;

thread_local! {
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with an empty buffer.
pub fn with<R>(f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.clear();
    let result = f(&mut buffer);
    if buffer.capacity() <= MAX_BYTES {
        KEPT.with_borrow_mut(|kept| {
            if kept.len() < MAX_KEPT {
                kept.push(buffer);
            }
        });
    }
    result
}
