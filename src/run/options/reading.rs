//! Puts what the environment and the command line say over what a program sets.

use super::error::OptionsError;
use super::table::{PREFIX, RunOption, TABLE, Takes};
use super::values::Options;

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
    pub(in crate::run) fn with(self, option: &RunOption, value: &str) -> Result<Self, OptionsError> {
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
