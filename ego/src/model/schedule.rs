//! When a command comes that is sent later: what a handler says to [`Context::schedule`](super::Context::schedule).

use crate::codec::CodecError;
use crate::message::{InvalidText, Name};
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When a timer is due. Where one is asked for, a [`Duration`], a [`Timestamp`] and a [`Cron`] will do.
///
/// Times are those of the engine's clock, with whole nanoseconds. A timer is never early; how late it may be stands at
/// [`timer`](crate::timer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the time of the command that schedules it.
    After(Duration),
    /// At this time; at once, when it has passed.
    At(Timestamp),
    /// At each tick, until it is cancelled.
    Cron(Cron),
}

impl From<Duration> for When {
    fn from(after: Duration) -> Self {
        Self::After(after)
    }
}

impl From<Timestamp> for When {
    fn from(at: Timestamp) -> Self {
        Self::At(at)
    }
}

impl From<Cron> for When {
    fn from(cron: Cron) -> Self {
        Self::Cron(cron)
    }
}

impl When {
    /// When it is due for the first time, if it is scheduled `now`.
    pub(crate) fn first(&self, now: Timestamp) -> Result<Timestamp, ScheduleError> {
        match self {
            Self::After(after) => {
                let after = SignedDuration::try_from(*after).map_err(|_| ScheduleError::TooFar)?;
                now.checked_add(after).map_err(|_| ScheduleError::TooFar)
            }
            Self::At(at) => Ok(*at),
            Self::Cron(cron) => cron.next(now)?.ok_or_else(|| ScheduleError::Never { pattern: cron.pattern.clone() }),
        }
    }
}

/// Ticks at the minutes that a pattern names: minute, hour, day of the month, month, day of the week, as in `0 9 * * 1-5`, or a nickname
/// such as `@daily`. Days of the week are 0 to 7, both ends Sunday, or `MON`; `L`, `W` and `#` are understood. When both kinds of days are
/// given, one of them is enough. The pattern and the zone are checked when it is scheduled.
///
/// In UTC unless a [zone](Cron::zone) is given. There, when clocks go forward, a fixed time that does not exist that day ticks at the first
/// minute behind the gap, and the ticks of a `*` or a step are left out; when clocks go back, a fixed time ticks once, the first time,
/// and a `*` or a step in both hours.
///
/// ```
/// use ego::Timestamp;
/// use ego::timer::{Cron, Missed};
///
/// let workdays = Cron::new("0 9 * * 1-5").zone("Europe/Berlin").missed(Missed::Skip);
/// let friday: Timestamp = "2026-03-27T08:00:00Z".parse()?;
/// // Nine o'clock in Berlin is another hour in UTC after the weekend: clocks went forward.
/// assert_eq!(workdays.next(friday)?, Some("2026-03-30T07:00:00Z".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cron {
    pattern: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(default)]
    missed: Missed,
}

/// What becomes of ticks that nobody fired when they were due, because no engine ran, or the clock was moved forwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Missed {
    /// They are left out: a tick that is more than a minute late does not come.
    Skip,
    /// One comes for all of them.
    #[default]
    Once,
    /// Each comes, the earliest first; of more than `at_most` the latest. 0 is read as 1.
    Each {
        /// How many.
        at_most: u32,
    },
}

impl Missed {
    /// From when on a tick is missed, for [`Missed::Skip`].
    pub(crate) const GRACE: SignedDuration = SignedDuration::from_secs(60);
}

impl Cron {
    /// Ticks by this pattern, in UTC. Of missed ticks, one comes.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { pattern: pattern.into(), zone: None, missed: Missed::default() }
    }

    /// Ticks by the clocks of this zone: a name of the time zone database, which the machine must have.
    #[must_use]
    pub fn zone(mut self, name: impl Into<String>) -> Self {
        self.zone = Some(name.into());
        self
    }

    /// What becomes of missed ticks.
    #[must_use]
    pub const fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// The first tick after this time; `None` when there is none within a few years.
    ///
    /// # Errors
    /// [`ScheduleError`] when the pattern is none, or the zone is not known here.
    pub fn next(&self, after: Timestamp) -> Result<Option<Timestamp>, ScheduleError> {
        let (pattern, zone) = self.parse()?;
        Ok(pattern.find_next_occurrence(&after.to_zoned(zone), false).ok().map(|tick| tick.timestamp()))
    }

    fn parse(&self) -> Result<(croner::Cron, TimeZone), ScheduleError> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let pattern = parser
            .parse(&self.pattern)
            .map_err(|reason| ScheduleError::Pattern { pattern: self.pattern.clone(), reason: reason.to_string() })?;
        let zone = match &self.zone {
            None => TimeZone::UTC,
            Some(zone) => TimeZone::get(zone).map_err(|_| ScheduleError::Zone { zone: zone.clone() })?,
        };
        Ok((pattern, zone))
    }

    /// What is to be done at `now` about the tick that was due at `due`, and when it is due next.
    pub(crate) fn at(&self, due: Timestamp, now: Timestamp) -> Result<Tick, ScheduleError> {
        let (pattern, zone) = self.parse()?;
        let there = |time: Timestamp| time.to_zoned(zone.clone());
        let next = |after: Timestamp| pattern.find_next_occurrence(&there(after), false).ok().map(|tick| tick.timestamp());
        let before = |time: Timestamp, inclusive: bool| {
            let tick = pattern.find_previous_occurrence(&there(time), inclusive).ok().map(|tick| tick.timestamp());
            tick.filter(|tick| *tick > due).unwrap_or(due)
        };
        let latest = before(now, true);
        Ok(match self.missed {
            Missed::Once => Tick { fires: Some(due), next: next(due.max(now)) },
            Missed::Skip => {
                let is_late = now.duration_since(latest) > Missed::GRACE;
                Tick { fires: (!is_late).then_some(latest), next: next(latest.max(now)) }
            }
            Missed::Each { at_most } => {
                let mut fires = latest;
                for _ in 1..at_most.max(1) {
                    if fires == due {
                        break;
                    }
                    fires = before(fires, false);
                }
                Tick { fires: Some(fires), next: next(fires) }
            }
        })
    }
}

/// What a tick that is due comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// The tick that comes; `None` when it is left out.
    pub(crate) fires: Option<Timestamp>,
    /// When it is due next, which may have passed; `None` when never.
    pub(crate) next: Option<Timestamp>,
}

/// Why something could not be scheduled. The command that asked for it fails, and nothing is recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The timer's key is not allowed.
    #[error(transparent)]
    Key(#[from] InvalidText),
    /// A handler schedules commands to its own aggregate only.
    #[error("a handler of {own:?} schedules commands to {own:?}, not to {given:?}")]
    OtherKind {
        /// The kind whose handler it is.
        own: Name,
        /// The kind that was given.
        given: &'static str,
    },
    /// The text is no cron pattern.
    #[error("{pattern:?} is no cron pattern: {reason}")]
    Pattern {
        /// What was given.
        pattern: String,
        /// Why not.
        reason: String,
    },
    /// The machine knows no time zone of this name.
    #[error("there is no time zone {zone:?} here")]
    Zone {
        /// What was given.
        zone: String,
    },
    /// No tick comes within a few years.
    #[error("the cron pattern {pattern:?} never ticks")]
    Never {
        /// What was given.
        pattern: String,
    },
    /// The time is beyond all that can be told.
    #[error("the time is too far away")]
    TooFar,
    /// The command could not be written down.
    #[error("the command {command} could not be encoded")]
    Encode {
        /// Its name.
        command: &'static str,
        /// Why not.
        #[source]
        source: CodecError,
    },
}
