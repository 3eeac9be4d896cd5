//! A panic in a closure becomes the failure of its block, with the place where it happened.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static IS_CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<Caught>> = const { RefCell::new(None) };
}

/// What the last panic of a thread said, and where it was.
struct Caught {
    what: String,
    place: String,
}

/// Calls `body`; a panic gives its message and place instead of unwinding further or printing anything.
///
/// What `body` worked on may be half done after a panic: the caller gives it up.
pub(super) fn catch<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let outer = IS_CATCHING.replace(true);
    CAUGHT.take();
    let result = catch_unwind(AssertUnwindSafe(body));
    IS_CATCHING.set(outer);
    result.map_err(|payload| describe(&*payload, CAUGHT.take()))
}

/// What a panic says. The hook tells its place; but a panic that was carried over from another thread calls no hook, and
/// the last one that did may have been dealt with.
fn describe(payload: &(dyn Any + Send), caught: Option<Caught>) -> String {
    let said = payload.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| payload.downcast_ref::<&str>().copied());
    match (said, caught) {
        (Some(said), Some(Caught { what, place })) if said == what => format!("panicked{place}: {what}"),
        (Some(said), _) => format!("panicked: {said}"),
        (None, Some(Caught { what, place })) if what == NO_MESSAGE => format!("panicked{place}: {what}"),
        (None, _) => format!("panicked: {NO_MESSAGE}"),
    }
}

const NO_MESSAGE: &str = "no message";

/// Puts a hook before the one there is: it keeps what panics within [`catch`] say, and leaves all others alone.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_CATCHING.get() {
                return former(panic);
            }
            let what = panic.payload_as_str().unwrap_or(NO_MESSAGE).to_owned();
            let place = panic.location().map_or_else(String::new, |location| format!(" at {location}"));
            CAUGHT.set(Some(Caught { what, place }));
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::panic::{panic_any, resume_unwind};
    use std::thread;

    use super::*;

    #[test]
    fn a_panic_is_a_message_with_its_place() {
        assert_eq!(catch(|| 5), Ok(5));
        let message = catch(|| panic!("number {}", 7)).expect_err("a panic");
        assert!(message.starts_with("panicked at src/run/panics.rs:"), "{message}");
        assert!(message.ends_with(": number 7"), "{message}");
        let message = catch(|| panic_any(7)).expect_err("a panic");
        assert!(message.starts_with("panicked at ") && message.ends_with(": no message"), "{message}");
    }

    #[test]
    fn a_panic_of_another_thread_says_what_it_said_there_and_nothing_older() {
        let carried_over = || {
            let thread = thread::Builder::new().spawn(|| resume_unwind(Box::new("index 7")));
            resume_unwind(thread.expect("a thread").join().expect_err("it panics"))
        };
        let deals_with_one = || {
            drop(catch_unwind(|| panic!("an old trouble")));
        };
        assert_eq!(catch(carried_over), Err("panicked: index 7".to_owned()));
        let after = catch(|| {
            deals_with_one();
            carried_over();
        });
        assert_eq!(after, Err("panicked: index 7".to_owned()));
        assert_eq!(catch(deals_with_one), Ok(()));
        assert_eq!(catch(carried_over), Err("panicked: index 7".to_owned()));
    }
}
