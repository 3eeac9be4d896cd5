//! Each option, defined once: its names, what it takes, what it means.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::error::OptionsError;
use super::values::Options;
use crate::run::deadline::{parse_moment, parse_time};

/// An option of a run, as text: what it is called, what it takes and what it means.
///
/// ```
/// use bellis::RunOption;
///
/// let idle = RunOption::all().iter().find(|option| option.name() == "idle").expect("there is one");
/// assert_eq!(idle.variable(), "BELLIS_IDLE");
/// assert_eq!(idle.expected(), "spin, yield or sleep");
/// ```
#[derive(Debug)]
pub struct RunOption {
    pub(super) name: &'static str,
    pub(super) variable: &'static str,
    value_name: &'static str,
    pub(super) docs: &'static str,
    pub(super) default: &'static str,
    pub(super) takes: Takes,
}

/// What an option takes, and the field of [`Options`] that it is.
#[derive(Debug)]
pub(super) enum Takes {
    /// A whole number in a range, which `expected` says in words.
    Whole {
        range: RangeInclusive<u64>,
        expected: &'static str,
        get: fn(&Options) -> Option<u64>,
        set: fn(&mut Options, u64),
    },
    /// One of some words. `set` returns whether it knows the word.
    Word { choices: &'static [&'static str], set: fn(&mut Options, &str) -> bool },
    /// A time in seconds.
    Seconds { set: fn(&mut Options, Duration) },
    /// What `expected` says in words. `set` returns whether it is that.
    Text { expected: &'static str, set: fn(&mut Options, &str) -> bool },
}

/// All options of a run.
pub(super) static TABLE: [RunOption; 22] = [
    RunOption {
        name: "credits",
        variable: "BELLIS_CREDITS",
        value_name: "N",
        docs: "blocks that a worker holds ahead, so that it never waits; more for blocks of microseconds",
        default: "2",
        takes: Takes::Whole {
            range: 0..=4096,
            expected: "a whole number from 0 to 4096",
            get: |options| Some(options.credits.into()),
            set: |options, credits| options.credits = narrow(credits),
        },
    },
    RunOption {
        name: "slots",
        variable: "BELLIS_SLOTS",
        value_name: "N",
        docs: "blocks that a worker rank processes at once; alone, the number of threads",
        default: "1; alone, the cores",
        takes: Takes::Whole {
            range: 1..=4096,
            expected: "a whole number from 1 to 4096",
            get: |options| options.slots.map(u64::from),
            set: |options, slots| options.slots = Some(narrow(slots)),
        },
    },
    RunOption {
        name: "rank0-slots",
        variable: "BELLIS_RANK0_SLOTS",
        value_name: "N",
        docs: "blocks that rank 0 processes beside scheduling",
        default: "0",
        takes: Takes::Whole {
            range: 0..=4096,
            expected: "a whole number from 0 to 4096",
            get: |options| Some(options.rank0_slots.into()),
            set: |options, slots| options.rank0_slots = narrow(slots),
        },
    },
    RunOption {
        name: "idle",
        variable: "BELLIS_IDLE",
        value_name: "HOW",
        docs: "what a rank does while it waits",
        default: "sleep",
        takes: Takes::Word {
            choices: &["spin", "yield", "sleep"],
            set: |options, word| word.parse().map(|idle| options.idle = idle).is_ok(),
        },
    },
    RunOption {
        name: "progress",
        variable: "BELLIS_PROGRESS",
        value_name: "HOW",
        docs: "how rank 0 shows progress on standard error",
        default: "auto",
        takes: Takes::Word {
            choices: &["auto", "bars", "lines", "off"],
            set: |options, word| word.parse().map(|progress| options.progress = progress).is_ok(),
        },
    },
    RunOption {
        name: "cache-mib",
        variable: "BELLIS_CACHE_MIB",
        value_name: "MIB",
        docs: "memory of each rank for decoded chunks that blocks read again (overlapping contexts); 0 for none",
        default: "512",
        takes: Takes::Whole {
            range: 0..=1 << 30,
            expected: "a whole number of MiB, at most 2^30",
            get: |options| options.cache_mib,
            set: |options, mib| options.cache_mib = Some(mib),
        },
    },
    RunOption {
        name: "durability",
        variable: "BELLIS_DURABILITY",
        value_name: "WHEN",
        docs: "when what a block wrote has to be on the disk: with a run directory every few seconds, before each block is \
               reported, or never",
        default: "epoch",
        takes: Takes::Word {
            choices: &["epoch", "block", "none"],
            set: |options, word| word.parse().map(|durability| options.durability = durability).is_ok(),
        },
    },
    RunOption {
        name: "status-s",
        variable: "BELLIS_STATUS_S",
        value_name: "SECONDS",
        docs: "seconds between two status checks of a worker; 0 for none",
        default: "10",
        takes: Takes::Seconds { set: |options, interval| options.status_interval = interval },
    },
    RunOption {
        name: "lost-after-s",
        variable: "BELLIS_LOST_AFTER_S",
        value_name: "SECONDS",
        docs: "seconds without a word of a worker rank after which its blocks go to others; 0 for never",
        default: "15",
        takes: Takes::Seconds { set: |options, silence| options.lost_after = silence },
    },
    RunOption {
        name: "run-dir",
        variable: "BELLIS_RUN_DIR",
        value_name: "DIR",
        docs: "a directory that remembers the blocks that are done: the same run goes on where it ended",
        default: "none",
        takes: Takes::Text {
            expected: "the path of a directory",
            set: |options, path| {
                options.run_dir = Some(path.into());
                !path.is_empty()
            },
        },
    },
    RunOption {
        name: "epoch-s",
        variable: "BELLIS_EPOCH_S",
        value_name: "SECONDS",
        docs: "with a run directory, seconds between two times that what was written is put on the disk and recorded",
        default: "5",
        takes: Takes::Seconds { set: |options, epoch| options.epoch = epoch },
    },
    RunOption {
        name: "time-limit",
        variable: "BELLIS_TIME_LIMIT",
        value_name: "TIME",
        docs: "time that the program has: it stops early enough to end within it, and the next run goes on",
        default: "none",
        takes: Takes::Text {
            expected: "a number of seconds, or a time such as 1:30:00 or 2-00:00:00",
            set: |options, text| {
                options.time_limit = parse_time(text);
                options.time_limit.is_some()
            },
        },
    },
    RunOption {
        name: "deadline",
        variable: "BELLIS_DEADLINE",
        value_name: "MOMENT",
        docs: "when the job ends, in seconds since 1970: the program stops early enough to end before",
        default: "SLURM_JOB_END_TIME, where Slurm sets it",
        takes: Takes::Text {
            expected: "a number of seconds since 1970, as date +%s prints",
            set: |options, text| {
                options.deadline = parse_moment(text);
                options.deadline.is_some()
            },
        },
    },
    RunOption {
        name: "grace-s",
        variable: "BELLIS_GRACE_S",
        value_name: "SECONDS",
        docs: "seconds that a run which has to end waits for blocks in flight; those left are given up, and run next time",
        default: "twice the longest block, at least 60",
        takes: Takes::Seconds { set: |options, grace| options.grace = Some(grace) },
    },
    RunOption {
        name: "max-crashes",
        variable: "BELLIS_MAX_CRASHES",
        value_name: "N",
        docs: "workers that may be lost while they process a block before it is given up",
        default: "3",
        takes: Takes::Whole {
            range: 1..=1 << 16,
            expected: "a whole number from 1 to 2^16",
            get: |options| Some(options.max_crashes.into()),
            set: |options, crashes| options.max_crashes = narrow(crashes),
        },
    },
    RunOption {
        name: "fail-fast",
        variable: "BELLIS_FAIL_FAST",
        value_name: "WHETHER",
        docs: "whether the run is given up when the first blocks of a task, two for each slot, all failed",
        default: "on",
        takes: Takes::Word {
            choices: &["on", "off"],
            set: |options, word| {
                options.fail_fast = word == "on";
                true
            },
        },
    },
    RunOption {
        name: "max-failures",
        variable: "BELLIS_MAX_FAILURES",
        value_name: "N",
        docs: "blocks that may fail for good before the run is given up",
        default: "all",
        takes: Takes::Whole {
            range: 1..=u64::MAX,
            expected: "a whole number, at least 1",
            get: |options| options.max_failures,
            set: |options, failures| options.max_failures = Some(failures),
        },
    },
    RunOption {
        name: "place-pause-s",
        variable: "BELLIS_PLACE_PAUSE_S",
        value_name: "SECONDS",
        docs: "seconds for which a task rests when there is no room for its output, or no right to write it; then one block is \
               tried, and the run ends if that is in vain",
        default: "10",
        takes: Takes::Seconds { set: |options, pause| options.place_pause = pause },
    },
    RunOption {
        name: "block-timeout-s",
        variable: "BELLIS_BLOCK_TIMEOUT_S",
        value_name: "SECONDS",
        docs: "seconds that a block may take before it is tried elsewhere and its slot gets no more blocks; 0 for ever",
        default: "0",
        takes: Takes::Seconds { set: |options, timeout| options.block_timeout = timeout },
    },
    RunOption {
        name: "only",
        variable: "BELLIS_ONLY",
        value_name: "ROI",
        docs: "process only blocks whose write ROI meets this one, in world units; the others are excluded",
        default: "all",
        takes: Takes::Text {
            expected: "a ROI in world units, such as [0:100, 50:80]",
            set: |options, roi| roi.parse().map(|roi| options.only = Some(roi)).is_ok(),
        },
    },
    RunOption {
        name: "blocks",
        variable: "BELLIS_BLOCKS",
        value_name: "LIST",
        docs: "process only these blocks, such as smooth:3,label:90-99; the others are excluded",
        default: "all",
        takes: Takes::Text {
            expected: "TASK:INDEX or TASK:FIRST-LAST, several with commas between them",
            set: |options, list| {
                options.blocks = Some(list.to_owned());
                list.contains(':')
            },
        },
    },
    RunOption {
        name: "mask",
        variable: "BELLIS_MASK",
        value_name: "ARRAY",
        docs: "process only blocks whose write ROI meets a voxel of this array that is not 0; the others are excluded",
        default: "all",
        takes: Takes::Text {
            expected: "the path of an array",
            set: |options, path| {
                options.mask = Some(path.into());
                !path.is_empty()
            },
        },
    },
];

pub(super) const PREFIX: &str = "BELLIS_";

/// A number from a range that `u32` holds.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl RunOption {
    /// All options that there are.
    pub fn all() -> &'static [Self] {
        &TABLE
    }

    /// Its name, such as `rank0-slots`: the flag without its dashes.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its environment variable, such as `BELLIS_RANK0_SLOTS`.
    pub fn variable(&self) -> &'static str {
        self.variable
    }

    /// What its value is called in help, such as `N`.
    pub fn value_name(&self) -> &'static str {
        self.value_name
    }

    /// What it means, in half a sentence.
    pub fn docs(&self) -> &'static str {
        self.docs
    }

    /// What holds unless it is set, in words.
    pub fn default_value(&self) -> &'static str {
        self.default
    }

    /// The words that it takes; none where it takes a number.
    pub fn choices(&self) -> &'static [&'static str] {
        match self.takes {
            Takes::Word { choices, .. } => choices,
            Takes::Whole { .. } | Takes::Seconds { .. } | Takes::Text { .. } => &[],
        }
    }

    /// What it takes, in words: `a whole number from 0 to 4096`.
    pub fn expected(&self) -> String {
        match &self.takes {
            Takes::Whole { expected, .. } | Takes::Text { expected, .. } => (*expected).to_owned(),
            Takes::Word { choices, .. } => match choices {
                [first @ .., last] => format!("{} or {last}", first.join(", ")),
                [] => String::new(),
            },
            Takes::Seconds { .. } => "a number of seconds, such as 10".to_owned(),
        }
    }

    /// Sets the option, or returns `None` where it does not take the value.
    pub(super) fn set(&self, options: &mut Options, value: &str) -> Option<()> {
        match &self.takes {
            Takes::Whole { range, set, .. } => {
                set(options, value.parse().ok().filter(|number| range.contains(number))?);
            }
            Takes::Word { choices, set } => {
                let is_known = choices.contains(&value) && set(options, value);
                return is_known.then_some(());
            }
            Takes::Seconds { set } => set(options, Duration::try_from_secs_f64(value.parse().ok()?).ok()?),
            Takes::Text { set, .. } => return set(options, value).then_some(()),
        }
        Some(())
    }

    /// The error about a value that was given under this name.
    pub(super) fn refuse(&self, name: &str, value: &str) -> OptionsError {
        OptionsError::Value { name: name.to_owned(), value: value.to_owned(), expected: self.expected() }
    }
}
