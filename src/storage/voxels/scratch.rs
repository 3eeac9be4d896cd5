//! Memory that is used again for each chunk: what is allocated anew each time, the system has to clear page by page.

use std::cell::RefCell;

/// Maximum number of buffers that a thread keeps: for a shard and its file, a chunk in it and its code.
const MAX_BUFFERS: usize = 4;
/// Maximum size of a buffer that is kept, in bytes: what is kept is never given back.
const MAX_BYTES: usize = 32 << 20;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with an empty buffer.
pub fn with<R>(f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.clear();
    let result = f(&mut buffer);
    if buffer.capacity() <= MAX_BYTES {
        BUFFERS.with_borrow_mut(|kept| {
            if kept.len() < MAX_BUFFERS {
                kept.push(buffer);
            }
        });
    }
    result
}
