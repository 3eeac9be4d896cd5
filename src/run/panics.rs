//! A panic in a closure becomes the failure of its block, with the place where it happened.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static IS_CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls `body`; a panic gives its message and place instead of unwinding further or printing anything.
///
/// What `body` worked on may be half done after a panic: the caller gives it up.
pub(super) fn catch<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let outer = IS_CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(body));
    IS_CATCHING.set(outer);
    result.map_err(|_| CAUGHT.take().unwrap_or_else(|| "panicked".to_owned()))
}

/// Puts a hook before the one there is: it keeps what panics within [`catch`] say, and leaves all others alone.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_CATCHING.get() {
                return former(panic);
            }
            let what = panic.payload_as_str().unwrap_or("no message");
            let place = panic.location().map_or_else(String::new, |location| format!(" at {location}"));
            CAUGHT.set(Some(format!("panicked{place}: {what}")));
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_message_with_its_place() {
        assert_eq!(catch(|| 5), Ok(5));
        let message = catch(|| panic!("number {}", 7)).expect_err("a panic");
        assert!(message.starts_with("panicked at src/run/panics.rs:"), "{message}");
        assert!(message.ends_with(": number 7"), "{message}");
    }
}
