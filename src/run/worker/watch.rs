//! Whether rank 0 is still there: a worker hears of it every few seconds, by blocks or by questions how it is doing.

use std::time::{Duration, Instant};

use crate::run::error::RunError;

/// Time that a worker may have been listening between two looks: if it was stopped itself, or too busy to look, rank 0's
/// silence did not grow meanwhile.
const MAX_STEP: Duration = Duration::from_secs(1);

/// A worker's watch over rank 0, which may be busy for long: with its disk, say.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// `None` where rank 0 may be silent for as long as it likes.
    patience: Option<Duration>,
    silence: Duration,
    /// `None` until something is heard: rank 0 says nothing before all ranks have come.
    last_look: Option<Instant>,
}

impl Watch {
    /// Rank 0 is lost after a silence of this time; zero means never.
    pub fn new(patience: Duration) -> Self {
        Self { patience: Some(patience).filter(|patience| !patience.is_zero()), ..Self::default() }
    }

    /// Something was heard of rank 0.
    #[inline]
    pub fn hear(&mut self) {
        self.silence = Duration::ZERO;
        if self.last_look.is_none() && self.patience.is_some() {
            self.last_look = Some(Instant::now());
        }
    }

    /// Looks at the clock, as often as a worker does so while it waits.
    ///
    /// # Errors
    /// [`RunError::CoordinatorLost`] when nothing was heard for too long.
    pub fn look(&mut self) -> Result<(), RunError> {
        self.look_at(Instant::now())
    }

    fn look_at(&mut self, now: Instant) -> Result<(), RunError> {
        let (Some(patience), Some(last_look)) = (self.patience, &mut self.last_look) else { return Ok(()) };
        self.silence += now.saturating_duration_since(*last_look).min(MAX_STEP);
        *last_look = now;
        if self.silence < patience {
            return Ok(());
        }
        let seconds = self.silence.as_secs();
        Err(RunError::CoordinatorLost { why: format!("nothing has been heard of it for {seconds} s") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each second, so many times.
    fn listen(watch: &mut Watch, n_looks: u32) -> Result<(), RunError> {
        let begin = watch.last_look.unwrap_or_else(Instant::now);
        (1..=n_looks).try_for_each(|second| watch.look_at(begin + second * MAX_STEP))
    }

    #[test]
    fn silence_that_lasts_is_a_loss() {
        let mut watch = Watch::new(Duration::from_secs(60));
        assert_eq!(listen(&mut watch, 1000), Ok(()), "rank 0 may be late");
        watch.hear();
        assert_eq!(listen(&mut watch, 59), Ok(()));
        watch.hear();
        let why = "nothing has been heard of it for 60 s".to_owned();
        assert_eq!(listen(&mut watch, 100), Err(RunError::CoordinatorLost { why }));
    }

    #[test]
    fn a_worker_that_was_stopped_itself_blames_nobody() {
        let mut watch = Watch::new(Duration::from_secs(60));
        watch.hear();
        let begin = watch.last_look.expect("it has begun");
        assert_eq!(watch.look_at(begin + Duration::from_secs(1000)), Ok(()));
    }

    #[test]
    fn zero_is_never() {
        let mut watch = Watch::new(Duration::ZERO);
        watch.hear();
        assert_eq!(listen(&mut watch, 10_000), Ok(()));
    }
}
