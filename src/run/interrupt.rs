//! Ctrl-C and the batch system's SIGTERM: the first asks a run to stop handing out blocks, the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The flags that the signal handlers read and set.
#[derive(Debug, Default)]
struct Flags {
    /// A signal came during the run.
    is_requested: Arc<AtomicBool>,
    /// A signal does what it would do without bellis: between runs, and the second time within one.
    is_fatal: Arc<AtomicBool>,
}

static FLAGS: OnceLock<Flags> = OnceLock::new();

/// While it lives, the first SIGINT or SIGTERM is a request and not the end.
#[derive(Debug)]
pub(super) struct Interrupt(&'static Flags);

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> Self {
        let flags = FLAGS.get_or_init(|| {
            let flags = Flags::default();
            for signal in [SIGINT, SIGTERM] {
                // In this order: what the second signal does, then what makes the first one the first.
                let registered = flag::register_conditional_default(signal, flags.is_fatal.clone())
                    .and_then(|_| flag::register(signal, flags.is_requested.clone()))
                    .and_then(|_| flag::register(signal, flags.is_fatal.clone()));
                if let Err(error) = registered {
                    log::warn!("signal {signal} will end the program at once: {error}");
                }
            }
            flags
        });
        flags.is_requested.store(false, Ordering::Relaxed);
        flags.is_fatal.store(false, Ordering::Relaxed);
        Self(flags)
    }

    /// Whether a signal came.
    #[inline]
    pub fn is_requested(&self) -> bool {
        self.0.is_requested.load(Ordering::Relaxed)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.0.is_fatal.store(true, Ordering::Relaxed);
    }
}
