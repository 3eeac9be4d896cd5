//! The options of a run, from the library's table: flags of every command that runs blocks, and `bellis help options`.

use bellis::{RunOption, Runner};
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::print;

/// The options of a run that were given as flags, over the environment.
#[derive(Debug, Clone)]
pub struct RunFlags(Vec<(&'static RunOption, String)>);

impl RunFlags {
    /// The runner that they make.
    ///
    /// # Errors
    /// A value that an option does not take.
    pub fn runner(self) -> Result<Runner<'static>, bellis::OptionsError> {
        let mut told = self.0.into_iter();
        told.try_fold(Runner::new(), |runner, (option, value)| runner.over_environment(option, &value))
    }
}

impl clap::FromArgMatches for RunFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given =
            |option: &'static RunOption| Some((option, matches.get_one::<String>(option.name())?.clone()));
        Ok(Self(RunOption::all().iter().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for RunFlags {
    fn augment_args(command: Command) -> Command {
        // The runner refuses wrong values, in the words that it has for the environment's.
        let flag = |option: &RunOption| {
            let flag = Arg::new(option.name()).long(option.name()).value_name(option.value_name());
            flag.help(help(option)).help_heading("Options of the run").allow_negative_numbers(true)
        };
        command.args(RunOption::all().iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The help of a flag.
fn help(option: &RunOption) -> String {
    let (docs, default) = (meaning(option), option.default_value());
    let (first, rest) = docs.split_at(1);
    format!("{}{rest} [env: {}] [default: {default}]", first.to_uppercase(), option.variable())
}

/// What an option means, with the words that it takes.
fn meaning(option: &RunOption) -> String {
    let docs = option.docs();
    if option.choices().is_empty() { docs.to_owned() } else { format!("{docs}: {}", option.expected()) }
}

/// Shows the options of a run: flags, environment variables, and what holds unless they are set
#[derive(clap::Args)]
#[command(long_about = table(), help_template = "{about}")]
pub struct Arguments {}

impl Arguments {
    /// Runs the command.
    pub fn run(self, json: bool) -> bellis::Result {
        let object = |option: &RunOption| {
            json!({
                "flag": format!("--{}", option.name()),
                "variable": option.variable(),
                "meaning": option.docs(),
                "takes": option.expected(),
                "default": option.default_value(),
            })
        };
        print::either(json, table, || RunOption::all().iter().map(object).collect())?;
        Ok(())
    }
}

/// The options of a run as text for people.
fn table() -> String {
    let row = |option: &RunOption| {
        let (name, value, variable) = (option.name(), option.value_name(), option.variable());
        let (docs, expected, default) = (option.docs(), option.expected(), option.default_value());
        format!("\n\n  --{name} <{value}>, {variable}\n      {docs}\n      {expected}; unless set: {default}")
    };
    let rows: String = RunOption::all().iter().map(row).collect();
    format!(
        "How a run is done, for every command that runs blocks. A flag wins over the environment variable, and both over \
         what the program sets.{rows}"
    )
}
