//! What holds for the whole table, and for values that cannot be.

use std::time::Duration;

use super::error::OptionsError;
use super::table::{PREFIX, RunOption, TABLE};
use super::values::Options;
use crate::transport::Idle;

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
        ("BELLIS_DURABILITY", "on", "epoch, block or none"),
        ("BELLIS_STATUS_S", "-3", "a number of seconds"),
        ("BELLIS_TIME_LIMIT", "0", "a number of seconds, or a time such as 1:30:00"),
        ("BELLIS_DEADLINE", "2026-11-25T10:00", "as date +%s prints"),
        ("BELLIS_GRACE_S", "-1", "a number of seconds"),
        ("BELLIS_CREDIT", "3", "BELLIS_CREDITS, BELLIS_SLOTS"),
    ] {
        let message = over(&[(name, value)]).expect_err("must be refused").to_string();
        assert!(message.contains(name) && message.contains(said), "{message}");
    }
}

#[test]
fn what_a_program_was_told_wins_over_the_environment_and_is_refused_in_the_same_words() {
    let option = |name| TABLE.iter().find(|option| option.name == name).expect("it is in the table");
    let options =
        over(&[("BELLIS_CREDITS", "8"), ("BELLIS_SLOTS", "3")]).and_then(|o| o.with(option("slots"), "4"));
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
        let is_elsewhere = ["slots", "cache-mib", "deadline", "grace-s"].contains(&option.name)
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
    let readme = include_str!("../../../README.md").lines().filter(|line| line.starts_with("| `BELLIS_"));
    assert_eq!(
        readme.map(|line| format!("{line}\n")).collect::<String>(),
        rows,
        "copy these rows to README.md"
    );
}
