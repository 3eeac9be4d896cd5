//! When a run has to have ended: by what the program was told, or by what the batch system says of the job.
//!
//! Slurm sets `SLURM_JOB_END_TIME` since its version 23; older ones, LSF and PBS set nothing that says when a job ends: there
//! the job script sets `BELLIS_DEADLINE`, as those in `jobscripts/` do.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::options::Options;

/// Variables of batch systems that hold the end of the job, in seconds since 1970.
const VARIABLES: [&str; 1] = ["SLURM_JOB_END_TIME"];

/// A limit that a run has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeLeft {
    /// From now on.
    pub left: Duration,
    /// Who says so, as a variable.
    pub source: &'static str,
}

/// When the program began, as far as bellis knows.
static BEGIN: OnceLock<Instant> = OnceLock::new();

/// The program begins, unless it did before: a time limit counts from here.
pub(super) fn record_begin() {
    BEGIN.get_or_init(Instant::now);
}

/// The time that is left, where anybody limits it.
pub(super) fn time_left(options: &Options) -> Option<TimeLeft> {
    let elapsed = BEGIN.get_or_init(Instant::now).elapsed();
    let variable = |name: &str| std::env::var(name).ok();
    strictest(options, elapsed, SystemTime::now(), variable)
}

/// The limit that ends first. What the batch system says holds unless the program was told a deadline.
fn strictest(
    options: &Options,
    elapsed: Duration,
    now: SystemTime,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<TimeLeft> {
    let limit = options.time_limit.map(|limit| (limit.saturating_sub(elapsed), "BELLIS_TIME_LIMIT"));
    let told = options.deadline.map(|deadline| {
        // What is over leaves nothing.
        (deadline.duration_since(now).unwrap_or_default(), "BELLIS_DEADLINE")
    });
    let deadline = told.or_else(|| {
        VARIABLES.iter().find_map(|name| {
            let end = UNIX_EPOCH.checked_add(Duration::from_secs(variable(name)?.trim().parse().ok()?))?;
            // A job that has ended runs nothing: the variable was left behind by another one.
            Some((end.duration_since(now).ok()?, *name))
        })
    });
    let (left, source) = limit.into_iter().chain(deadline).min()?;
    Some(TimeLeft { left, source })
}

/// A time as `90`, `1:30`, `12:00:00` or `1-12:00:00`: seconds, or days, hours, minutes and seconds as Slurm writes them.
pub(super) fn parse_time(text: &str) -> Option<Duration> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) if clock.matches(':').count() == 2 => (days.parse::<u32>().ok()?, clock),
        Some(_) => return None,
        None => (0, text),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match parts[..] {
        [seconds] => ("0", "0", seconds),
        [minutes, seconds] => ("0", minutes, seconds),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let [hours, minutes] = [hours, minutes].map(|part| part.parse::<u32>().ok().map(u64::from));
    let whole = Duration::from_secs(u64::from(days) * 86_400 + hours? * 3600 + minutes? * 60);
    let total = whole.checked_add(Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?)?;
    (!total.is_zero()).then_some(total)
}

/// A moment as seconds since 1970, as `date +%s` writes it.
pub(super) fn parse_moment(text: &str) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(text.parse().ok()?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn times_are_written_as_seconds_or_as_slurm_does() {
        for (text, wanted) in [
            ("90", Some(90)),
            ("1:30", Some(90)),
            ("12:00:00", Some(43_200)),
            ("1-12:00:05", Some(129_605)),
            ("100:00:00", Some(360_000)),
            ("0", None),
            ("0:00", None),
            ("", None),
            ("-5", None),
            ("1-5", None),
            ("1:2:3:4", None),
            ("1-1:2:3:4", None),
            ("an hour", None),
            ("1:", None),
            ("1:-3", None),
            ("inf", None),
        ] {
            assert_eq!(parse_time(text), wanted.map(seconds), "{text:?}");
        }
        assert_eq!(parse_time("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(parse_moment("1764086400"), Some(UNIX_EPOCH + seconds(1_764_086_400)));
        assert_eq!([parse_moment("-1"), parse_moment("tomorrow")], [None, None]);
    }

    #[test]
    fn the_limit_that_ends_first_holds() {
        let now = UNIX_EPOCH + seconds(1000);
        let left = |time_limit: Option<u64>, deadline: Option<u64>, slurm: Option<&str>| {
            let options = Options {
                time_limit: time_limit.map(seconds),
                deadline: deadline.map(|s| UNIX_EPOCH + seconds(s)),
                ..Options::default()
            };
            let variable = |name: &str| slurm.filter(|_| name == "SLURM_JOB_END_TIME").map(str::to_owned);
            strictest(&options, seconds(10), now, variable).map(|found| (found.left.as_secs(), found.source))
        };
        assert_eq!(left(None, None, None), None);
        assert_eq!(left(Some(100), None, None), Some((90, "BELLIS_TIME_LIMIT")));
        assert_eq!(left(Some(5), None, None), Some((0, "BELLIS_TIME_LIMIT")));
        assert_eq!(left(None, Some(1500), None), Some((500, "BELLIS_DEADLINE")));
        assert_eq!(left(None, Some(900), None), Some((0, "BELLIS_DEADLINE")));
        assert_eq!(left(None, None, Some("1600")), Some((600, "SLURM_JOB_END_TIME")));
        // Told wins over found, whichever is later; the strictest of two kinds wins.
        assert_eq!(left(None, Some(1700), Some("1600")), Some((700, "BELLIS_DEADLINE")));
        assert_eq!(left(Some(100), None, Some("1600")), Some((90, "BELLIS_TIME_LIMIT")));
        assert_eq!(left(Some(800), None, Some("1600")), Some((600, "SLURM_JOB_END_TIME")));
        // Of another job, or no number at all.
        assert_eq!(left(None, None, Some("900")), None);
        assert_eq!(left(None, None, Some("Unknown")), None);
    }
}
