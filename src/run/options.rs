//! What can be set about a run, by the program and, over it, by the environment of the job.

use std::time::Duration;

use thiserror::Error;

use crate::observe::Progress;
use crate::storage::DEFAULT_CACHE_BYTES;
use crate::transport::Idle;

/// How a run is done. The environment of the job wins over what the program sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// `BELLIS_CREDITS`: blocks that a worker holds ahead, so that it never waits for the next one. 2 unless set; more
    /// for blocks of microseconds.
    pub credits: u32,
    /// `BELLIS_SLOTS`: blocks that a worker rank processes at once, 1 unless set. Alone: the number of threads, as
    /// many as there are cores unless set.
    pub slots: Option<u32>,
    /// `BELLIS_RANK0_SLOTS`: blocks that rank 0 processes beside scheduling, on threads of their own. 0 unless set.
    pub rank0_slots: u32,
    /// `BELLIS_IDLE`: what a rank does while it waits: `spin`, `yield` or `sleep`. `sleep` unless set.
    pub idle: Idle,
    /// `BELLIS_PROGRESS`: how rank 0 shows progress: `auto`, `bars`, `lines` or `off`. `auto` unless set.
    pub progress: Progress,
    /// `BELLIS_CACHE_MIB`: memory in MiB in which each rank keeps decoded chunks that blocks will read again: 512
    /// unless set; 0 keeps none. No chunk larger than an eighth of it is kept.
    pub cache_mib: u64,
    /// `BELLIS_SYNC`: whether what a block wrote is on the disk before the block counts as completed: `on` or `off`.
    /// `off` unless set: then the end of a process takes nothing that it wrote, but the end of a node takes what its
    /// system had not written out yet. `on` costs about a millisecond for each chunk.
    pub sync: bool,
    /// `BELLIS_STATUS_S`: seconds between two status checks of a worker. 10 unless set; 0 for none.
    pub status_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            credits: 2,
            slots: None,
            rank0_slots: 0,
            idle: Idle::default(),
            progress: Progress::default(),
            cache_mib: DEFAULT_CACHE_BYTES >> 20,
            sync: false,
            status_interval: Duration::from_secs(10),
        }
    }
}

/// An option that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A value that the option does not take.
    #[error("{name}={value:?} is not possible: use {expected}")]
    Value {
        /// The option, as an environment variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// An environment variable that looks like an option and is none.
    #[error("environment variable {name} is unknown: bellis knows {known}")]
    Unknown {
        /// The variable.
        name: String,
        /// The options there are.
        known: String,
    },
}

/// All options, as environment variables.
const KNOWN: [&str; 8] = [
    "BELLIS_CREDITS",
    "BELLIS_SLOTS",
    "BELLIS_RANK0_SLOTS",
    "BELLIS_IDLE",
    "BELLIS_PROGRESS",
    "BELLIS_CACHE_MIB",
    "BELLIS_SYNC",
    "BELLIS_STATUS_S",
];

const PREFIX: &str = "BELLIS_";
const MOST_CREDITS: u32 = 4096;
const MOST_SLOTS: u32 = 4096;
const MOST_CACHE_MIB: u64 = 1 << 30;
const CACHE_RULE: &str = "a whole number of MiB, at most 2^30";

impl Options {
    /// These options, with what the environment says put over them.
    ///
    /// # Errors
    /// A variable that begins with `BELLIS_` and is unknown, or has a value that it does not take.
    pub fn over(self, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, OptionsError> {
        let mut options = self;
        for (name, value) in environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            let Some(known) = KNOWN.into_iter().find(|known| *known == name) else {
                return Err(OptionsError::Unknown { name, known: KNOWN.join(", ") });
            };
            options.set(known, value.trim())?;
        }
        options.checked()
    }

    fn set(&mut self, name: &'static str, value: &str) -> Result<(), OptionsError> {
        let wrong = |expected| OptionsError::Value { name, value: value.to_owned(), expected };
        match name {
            "BELLIS_CREDITS" => {
                self.credits = value.parse().map_err(|_| wrong("a whole number from 0 to 4096"))?;
            }
            "BELLIS_SLOTS" => {
                self.slots = Some(value.parse().map_err(|_| wrong("a whole number from 1 to 4096"))?);
            }
            "BELLIS_RANK0_SLOTS" => {
                self.rank0_slots = value.parse().map_err(|_| wrong("a whole number from 0 to 4096"))?;
            }
            "BELLIS_IDLE" => self.idle = value.parse().map_err(|()| wrong("spin, yield or sleep"))?,
            "BELLIS_PROGRESS" => {
                self.progress = value.parse().map_err(|()| wrong("auto, bars, lines or off"))?;
            }
            "BELLIS_CACHE_MIB" => {
                self.cache_mib = value.parse().map_err(|_| wrong(CACHE_RULE))?;
            }
            "BELLIS_SYNC" => {
                self.sync = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err(wrong("on or off")),
                };
            }
            _ => {
                let seconds: f64 = value.parse().map_err(|_| wrong("a number of seconds, such as 10"))?;
                self.status_interval = Duration::try_from_secs_f64(seconds)
                    .map_err(|_| wrong("a number of seconds, such as 10"))?;
            }
        }
        Ok(())
    }

    fn checked(self) -> Result<Self, OptionsError> {
        let wrong = |name, value: u64, expected| {
            Err(OptionsError::Value { name, value: value.to_string(), expected })
        };
        match self {
            Self { credits, .. } if credits > MOST_CREDITS => {
                wrong("BELLIS_CREDITS", credits.into(), "a whole number from 0 to 4096")
            }
            Self { slots: Some(slots), .. } if !(1..=MOST_SLOTS).contains(&slots) => {
                wrong("BELLIS_SLOTS", slots.into(), "a whole number from 1 to 4096")
            }
            Self { rank0_slots, .. } if rank0_slots > MOST_SLOTS => {
                wrong("BELLIS_RANK0_SLOTS", rank0_slots.into(), "a whole number from 0 to 4096")
            }
            Self { cache_mib, .. } if cache_mib > MOST_CACHE_MIB => {
                wrong("BELLIS_CACHE_MIB", cache_mib, CACHE_RULE)
            }
            options => Ok(options),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(pairs: &[(&str, &str)]) -> Result<Options, OptionsError> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Options::default().over(pairs)
    }

    #[test]
    fn the_environment_wins() {
        let options = over(&[("BELLIS_CREDITS", "8"), ("BELLIS_IDLE", "yield"), ("HOME", "x")]);
        assert_eq!(options.map(|o| (o.credits, o.idle, o.slots)), Ok((8, Idle::Yield, None)));
        let options = over(&[("BELLIS_SLOTS", "4"), ("BELLIS_PROGRESS", "off"), ("BELLIS_STATUS_S", "0.5")]);
        assert_eq!(options.map(|o| o.status_interval), Ok(Duration::from_millis(500)));
    }

    #[test]
    fn wrong_values_say_what_is_right() {
        for (name, value, said) in [
            ("BELLIS_CREDITS", "many", "from 0 to 4096"),
            ("BELLIS_CREDITS", "5000", "from 0 to 4096"),
            ("BELLIS_SLOTS", "0", "from 1 to 4096"),
            ("BELLIS_RANK0_SLOTS", "-1", "from 0 to 4096"),
            ("BELLIS_IDLE", "snooze", "spin, yield or sleep"),
            ("BELLIS_PROGRESS", "loud", "auto, bars, lines or off"),
            ("BELLIS_CACHE_MIB", "-1", "a whole number of MiB"),
            ("BELLIS_CACHE_MIB", "2000000000", "at most 2^30"),
            ("BELLIS_SYNC", "yes", "on or off"),
            ("BELLIS_STATUS_S", "-3", "a number of seconds"),
            ("BELLIS_CREDIT", "3", "BELLIS_CREDITS, BELLIS_SLOTS"),
        ] {
            let message = over(&[(name, value)]).expect_err("must be refused").to_string();
            assert!(message.contains(name) && message.contains(said), "{message}");
        }
    }
}
