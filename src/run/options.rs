//! What can be set about a run: by the program, over it by the environment of the job, and over both by what the program
//! was told when it was started.
//!
//! [`TABLE`] defines each option once. What the environment may say, the flags of the program `bellis`, their help and the
//! README's table follow from it.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::geometry::Roi;
use crate::observe::Progress;
use crate::transport::Idle;

/// How a run is done. The environment of the job wins over what the program sets, unless it says
/// [otherwise](crate::Runner::over_environment).
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// `BELLIS_CACHE_MIB`: memory in MiB in which each rank keeps decoded chunks that blocks will read again; 0
    /// keeps none. No chunk larger than an eighth of it is kept. Unless set, the [`Context`](crate::storage::Context) stays
    /// as it is: 512 where nobody set it.
    pub cache_mib: Option<u64>,
    /// `BELLIS_SYNC`: whether what a block wrote is on the disk before the block counts as completed: `on` or `off`.
    /// With `off` the end of a process takes nothing that it wrote, but the end of a node takes what its system had not
    /// written out yet. `on` costs about a millisecond for each chunk. Unless set, the
    /// [`Context`](crate::storage::Context) stays as it is: `off` where nobody set it.
    pub sync: Option<bool>,
    /// `BELLIS_STATUS_S`: seconds between two status checks of a worker. 10 unless set; 0 for none.
    pub status_interval: Duration,
    /// `BELLIS_LOST_AFTER_S`: seconds without a word of a worker rank after which it counts as lost: its blocks go to
    /// others, and it is told to stop should it come back. 15 unless set; 0 for never.
    pub lost_after: Duration,
    /// `BELLIS_RUN_DIR`: the run directory, which remembers the blocks that are done, so that the same run goes on where it
    /// ended. None unless set: then nothing is remembered.
    pub run_dir: Option<PathBuf>,
    /// `BELLIS_EPOCH_S`: with a run directory, seconds between two times that workers put on the disk what they wrote, and
    /// the blocks that are covered by that count as done. 5 unless set.
    pub epoch: Duration,
    /// `BELLIS_MAX_CRASHES`: workers that may be lost while they process a block before it is given up as failed: such
    /// a block would end one worker after the other. 3 unless set, and at least 1.
    pub max_crashes: u32,
    /// `BELLIS_ONLY`: only blocks whose write ROI meets this one, in world units, are processed; the others are
    /// excluded. All unless set.
    pub only: Option<Roi>,
    /// `BELLIS_BLOCKS`: only these blocks are processed, such as `smooth:3,label:90-99`; the others are excluded. All
    /// unless set.
    pub blocks: Option<String>,
    /// `BELLIS_MASK`: an array, of any voxel size; only blocks whose write ROI meets a voxel of it that is not 0 are
    /// processed, the others are excluded. All unless set. See [`TaskBuilder::mask`](crate::TaskBuilder::mask), which is
    /// for one task.
    pub mask: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            credits: 2,
            slots: None,
            rank0_slots: 0,
            idle: Idle::default(),
            progress: Progress::default(),
            cache_mib: None,
            sync: None,
            status_interval: Duration::from_secs(10),
            lost_after: Duration::from_secs(15),
            run_dir: None,
            epoch: Duration::from_secs(5),
            max_crashes: 3,
            only: None,
            blocks: None,
            mask: None,
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
        /// The option, as an environment variable, or as the flag that it was given as.
        name: String,
        /// Its value.
        value: String,
        /// What it takes.
        expected: String,
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
    name: &'static str,
    variable: &'static str,
    value_name: &'static str,
    docs: &'static str,
    default: &'static str,
    takes: Takes,
}

/// What an option takes, and the field of [`Options`] that it is.
#[derive(Debug)]
enum Takes {
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
static TABLE: [RunOption; 15] = [
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
        name: "sync",
        variable: "BELLIS_SYNC",
        value_name: "WHETHER",
        docs: "whether what a block wrote is on the disk before the block counts as completed, even if the node goes down",
        default: "off",
        takes: Takes::Word {
            choices: &["on", "off"],
            set: |options, word| {
                options.sync = Some(word == "on");
                true
            },
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

const PREFIX: &str = "BELLIS_";

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
    fn set(&self, options: &mut Options, value: &str) -> Option<()> {
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
    fn refuse(&self, name: &str, value: &str) -> OptionsError {
        OptionsError::Value { name: name.to_owned(), value: value.to_owned(), expected: self.expected() }
    }
}

impl Options {
    /// These options, with what the environment says put over them.
    ///
    /// # Errors
    /// A variable that begins with `BELLIS_` and is unknown, or has a value that it does not take.
    pub fn over(self, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, OptionsError> {
        let mut options = self;
        for (name, value) in environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            let Some(option) = TABLE.iter().find(|option| option.variable == name) else {
                return Err(OptionsError::Unknown {
                    name,
                    known: TABLE.each_ref().map(|o| o.variable).join(", "),
                });
            };
            let value = value.trim();
            option.set(&mut options, value).ok_or_else(|| option.refuse(&name, value))?;
        }
        options.checked()
    }

    /// These options, with one put over them that was given as a flag.
    ///
    /// # Errors
    /// A value that the option does not take.
    pub(super) fn with(self, option: &RunOption, value: &str) -> Result<Self, OptionsError> {
        let (mut options, value) = (self, value.trim());
        let set = option.set(&mut options, value);
        set.map(|()| options).ok_or_else(|| option.refuse(&format!("--{}", option.name), value))
    }

    /// Checks the numbers that a program can set to anything.
    fn checked(self) -> Result<Self, OptionsError> {
        for option in &TABLE {
            if let Takes::Whole { range, get, .. } = &option.takes
                && let Some(number) = get(&self).filter(|number| !range.contains(number))
            {
                return Err(option.refuse(option.variable, &number.to_string()));
            }
        }
        Ok(self)
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

    #[test]
    fn what_a_program_was_told_wins_over_the_environment_and_is_refused_in_the_same_words() {
        let option = |name| TABLE.iter().find(|option| option.name == name).expect("it is in the table");
        let options = over(&[("BELLIS_CREDITS", "8"), ("BELLIS_SLOTS", "3")])
            .and_then(|o| o.with(option("slots"), "4"));
        assert_eq!(options.map(|o| (o.credits, o.slots)), Ok((8, Some(4))));
        for option in &TABLE {
            // Any word may be a path.
            let wrong = if ["mask", "run-dir"].contains(&option.name) { "" } else { "wrong" };
            let flag = Options::default().with(option, wrong).expect_err("must be refused").to_string();
            let variable = over(&[(option.variable, wrong)]).expect_err("must be refused").to_string();
            assert_eq!(flag.replace(&format!("--{}", option.name), option.variable), variable);
        }
    }

    #[test]
    fn what_a_program_sets_is_checked_too() {
        let options = Options { credits: 5000, ..Options::default() };
        let message = options.over([]).expect_err("must be refused").to_string();
        assert_eq!(message, "BELLIS_CREDITS=\"5000\" is not possible: use a whole number from 0 to 4096");
    }

    #[test]
    fn the_table_agrees_with_itself_and_with_the_defaults() {
        for option in &TABLE {
            assert_eq!(option.variable, format!("{PREFIX}{}", option.name.to_uppercase().replace('-', "_")));
            assert!(option.choices().iter().all(|word| Options::default().with(option, word).is_ok()));
            // The default of the slots depends on the machine, others' are the storage context's, or not to be said.
            let is_elsewhere = ["slots", "cache-mib", "sync"].contains(&option.name)
                || ["all", "none"].contains(&option.default);
            let default = Options::default().with(option, option.default);
            assert!(is_elsewhere || default == Ok(Options::default()), "{option:?}");
        }
    }

    #[test]
    fn the_readme_has_the_same_table() {
        let row = |option: &RunOption| {
            let code = |word: &&str| format!("`{word}`");
            let docs = match option.choices().iter().map(code).collect::<Vec<_>>().split_last() {
                Some((last, words)) => format!("{}: {} or {last}", option.docs, words.join(", ")),
                None => option.docs.to_owned(),
            };
            let is_word = !option.choices().is_empty();
            let default = if is_word { code(&option.default) } else { option.default.to_owned() };
            format!("| `{}` | {docs} | {default} |\n", option.variable)
        };
        let rows: String = TABLE.iter().map(row).collect();
        let readme = include_str!("../../README.md").lines().filter(|line| line.starts_with("| `BELLIS_"));
        assert_eq!(
            readme.map(|line| format!("{line}\n")).collect::<String>(),
            rows,
            "copy these rows to README.md"
        );
    }
}
