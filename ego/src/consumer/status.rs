//! What a consumer says of itself.

use crate::message::Position;
use jiff::Timestamp;
use std::fmt;
use std::time::Duration;

/// What follows the log under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConsumerKind {
    /// A projection.
    Projection,
    /// A publisher.
    Publisher,
    /// A reactor.
    Reactor,
    /// A saga: what gives events to its instances. What sends their commands is another of this kind, named with `/commands` behind.
    Saga,
    /// Whatever fires [timers](crate::timer): seen in an [`Ailment`] only.
    Timers,
}

impl fmt::Display for ConsumerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Projection => "projection",
            Self::Publisher => "publisher",
            Self::Reactor => "reactor",
            Self::Saga => "saga",
            Self::Timers => "timers",
        })
    }
}

/// What a consumer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It follows the log.
    Running,
    /// It follows the log, and what it just tried failed: it is about to try again.
    Retrying,
    /// Its views are built anew, from the beginning of the log.
    Rebuilding,
    /// Somebody paused it.
    Paused,
    /// It stopped because of an error, see [`Status::last_error`]. It goes on when it is resumed.
    Failed,
    /// It stopped with its engine, or somebody stopped it.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Rebuilding => "rebuilding",
            Self::Paused => "paused",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        })
    }
}

/// How a consumer stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// What it is.
    pub kind: ConsumerKind,
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Up to where everything is finished and visible; `None` when nothing is.
    pub position: Option<Position>,
    /// The last position of the log.
    pub head: Option<Position>,
    /// How many positions lie between the two. Events that it does not follow count, too.
    pub lag: u64,
    /// How long ago the first event was recorded that it follows and has not finished, by the engine's clock; nothing when there is none.
    pub lag_time: Duration,
    /// How many events it finished per second, over the last ten seconds.
    pub rate: f64,
    /// How many events it finished since the engine's start.
    pub events: u64,
    /// How many of them it left out.
    pub skipped: u64,
    /// How many attempts failed since the engine's start.
    pub failures: u64,
    /// What failed last, if anything did since the engine's start.
    pub last_error: Option<LastError>,
}

/// What failed last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastError {
    /// What was said.
    pub message: String,
    /// At which event; `None` when it was none.
    pub position: Option<Position>,
    /// How often that was tried.
    pub attempts: u32,
    /// When, by the engine's clock.
    pub time: Timestamp,
}

/// How the consumers of an engine stand, as one answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// Those that stopped because of an error, with what failed; and commands of timers that nothing in the program takes.
    pub failed: Vec<Ailment>,
    /// Those that are trying again.
    pub retrying: Vec<Ailment>,
    /// Instances of sagas that wait for somebody to look at them; of each saga 100 at most.
    pub parked: Vec<Parked>,
}

/// An instance of a saga that is not going on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parked {
    /// The saga's name.
    pub saga: &'static str,
    /// The instance's id.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A consumer that does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ailment {
    /// What it is.
    pub kind: ConsumerKind,
    /// Its name.
    pub name: String,
    /// What failed.
    pub error: Option<LastError>,
}

impl Health {
    /// Whether nothing has stopped because of an error.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failed.is_empty() && self.parked.is_empty()
    }
}
