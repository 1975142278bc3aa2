//! How an instance stands, as its events say.

use super::event::{InputRef, Outstanding, Phase, SagaEvent, Stop, Timeout};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How an instance stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SagaStatus {
    /// How far it is, whatever holds it up.
    pub phase: Phase,
    /// Why it is held up, if it is.
    pub parked: Option<String>,
    /// Since when it is as it is.
    pub since: Timestamp,
    /// When it was started.
    pub started: Timestamp,
    /// The commands that nobody has answered, in the order in which they are sent.
    pub outstanding: Vec<Outstanding>,
    /// The timeouts that have not come.
    pub timeouts: Vec<Timeout>,
    /// How many inputs wait: the first could not be handled.
    pub waiting: u32,
}

/// How an instance stands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Status {
    /// It goes on.
    Running,
    /// It takes back its effects.
    Compensating,
    /// It has ended well.
    Completed,
    /// It has failed; everything that was to be compensated is.
    Failed,
    /// Something could not be done, and waits for somebody who lets it be tried again or gives it up.
    Parked,
}

impl Status {
    /// The word, as the index of instances has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Parked => "parked",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl SagaStatus {
    /// In a word.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.phase {
            _ if self.parked.is_some() => Status::Parked,
            Phase::Running => Status::Running,
            Phase::Compensating { .. } => Status::Compensating,
            Phase::Completed => Status::Completed,
            Phase::Failed { .. } => Status::Failed,
        }
    }

    /// Why it failed, is compensating or is parked.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.phase {
            _ if self.parked.is_some() => self.parked.as_deref(),
            Phase::Compensating { reason } | Phase::Failed { reason } => Some(reason),
            Phase::Running | Phase::Completed => None,
        }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.phase.is_ended() && self.parked.is_none()
    }

    fn begun(at: Timestamp) -> Self {
        Self {
            phase: Phase::Running,
            parked: None,
            since: at,
            started: at,
            outstanding: Vec::new(),
            timeouts: Vec::new(),
            waiting: 0,
        }
    }

    /// How it stands after this event.
    pub(super) fn fold(status: &mut Option<Self>, event: &SagaEvent) {
        let at = event.at();
        let this = status.get_or_insert_with(|| Self::begun(at));
        let before = this.status();
        match event {
            SagaEvent::Handled { input, waited, commands, timeouts, cancelled, phase, .. } => {
                this.waiting -= u32::from(*waited).min(this.waiting);
                match input {
                    InputRef::Rejected { number, .. } => this.settle(number),
                    InputRef::TimedOut { name } => this.timeouts.retain(|timeout| timeout.name != *name),
                    InputRef::Event { .. } => {}
                }
                this.outstanding.extend(commands.iter().cloned());
                this.timeouts.retain(|one| !cancelled.contains(&one.name) && !timeouts.iter().any(|new| new.name == one.name));
                this.timeouts.extend(timeouts.iter().cloned());
                this.phase = phase.clone();
            }
            SagaEvent::Answered { number, .. } => this.settle(number),
            SagaEvent::Stopped { number, reason, refused, .. } => {
                let stop = Stop { reason: reason.clone(), refused: *refused };
                this.outstanding.iter_mut().filter(|one| one.number == *number).for_each(|one| one.stopped = Some(stop.clone()));
                this.parked = Some(reason.clone());
            }
            SagaEvent::Parked { waited, reason, .. } => {
                this.waiting += u32::from(!waited);
                this.parked = Some(reason.clone());
            }
            SagaEvent::Waited { .. } => this.waiting += 1,
            SagaEvent::Retried { commands, .. } => {
                this.outstanding.retain(|one| one.stopped.is_none());
                this.outstanding.extend(commands.iter().cloned());
            }
            SagaEvent::Abandoned { reason, .. } => {
                this.outstanding.clear();
                this.timeouts.clear();
                this.waiting = 0;
                this.phase = Phase::Failed { reason: reason.clone() };
            }
        }
        this.come_to_an_end();
        if this.waiting == 0 && this.outstanding.iter().all(|one| one.stopped.is_none()) {
            this.parked = None;
        }
        if this.status() != before {
            this.since = at;
        }
    }

    fn settle(&mut self, number: &str) {
        self.outstanding.retain(|one| one.number != number);
    }

    /// Everything is compensated; nothing comes any more.
    fn come_to_an_end(&mut self) {
        if let Phase::Compensating { reason } = &mut self.phase
            && !self.outstanding.iter().any(|one| one.compensates)
        {
            self.phase = Phase::Failed { reason: std::mem::take(reason) };
        }
        if self.phase.is_ended() {
            self.timeouts.clear();
        }
    }
}

impl SagaEvent {
    /// When.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Handled { at, .. }
            | Self::Answered { at, .. }
            | Self::Stopped { at, .. }
            | Self::Parked { at, .. }
            | Self::Waited { at, .. }
            | Self::Retried { at, .. }
            | Self::Abandoned { at, .. } => *at,
        }
    }
}
