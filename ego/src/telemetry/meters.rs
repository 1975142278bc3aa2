//! Metrics whose handles are looked up when an engine starts, and never again.

use crate::engine::{CommandError, Receipt};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::any::TypeId;
use std::collections::HashMap;
use std::time::Duration;

/// What an engine counts, when somebody listens.
pub(crate) struct Meters {
    /// By the type of `(aggregate, command)`.
    commands: HashMap<TypeId, CommandMeters>,
    /// By the type of the aggregate.
    kinds: HashMap<TypeId, KindMeters>,
    pub(crate) commits: CommitMeters,
}

pub(crate) struct KindMeters {
    pub(crate) conflicts: Counter,
    pub(crate) activations: Counter,
    pub(crate) recovery: Histogram,
    pub(crate) passivations: Counter,
    pub(crate) active: Gauge,
    pub(crate) queued: Gauge,
}

#[derive(Clone)]
pub(crate) struct CommitMeters {
    size: Histogram,
    seconds: Histogram,
    failed: Counter,
}

/// One for each of [`OUTCOMES`].
struct CommandMeters([Counter; OUTCOMES.len()]);

const OUTCOMES: [&str; 7] = ["done", "repeated", "rejected", "conflict", "denied", "timeout", "failed"];

/// Which of [`OUTCOMES`] it is.
fn index<R, E>(answered: &Result<Receipt<R>, CommandError<E>>) -> usize {
    use CommandError as C;
    match answered {
        Ok(receipt) if !receipt.repeated => 0,
        Ok(_) => 1,
        Err(C::Rejected(_)) => 2,
        Err(C::Conflict { .. }) => 3,
        Err(C::Denied(_)) => 4,
        Err(C::Timeout { .. }) => 5,
        Err(_) => 6,
    }
}

/// How a command ended, in one word.
pub(crate) fn outcome<R, E>(answered: &Result<Receipt<R>, CommandError<E>>) -> &'static str {
    OUTCOMES[index(answered)]
}

impl Meters {
    /// Those of these kinds and commands; `None` when nobody listens.
    pub(crate) fn of(
        kinds: impl Iterator<Item = (TypeId, &'static str)>,
        commands: impl Iterator<Item = (TypeId, &'static str, &'static str)>,
    ) -> Option<Box<Self>> {
        // What does nothing has nothing to do it with.
        if metrics::with_recorder(|recorder| size_of_val(recorder)) == 0 {
            return None;
        }
        let command = |(types, kind, command)| {
            let counter = |outcome| counter!("ego_commands_total", "kind" => kind, "command" => command, "outcome" => outcome);
            (types, CommandMeters(OUTCOMES.map(counter)))
        };
        let kind = |(aggregate, kind)| {
            let meters = KindMeters {
                conflicts: counter!("ego_conflicts_total", "kind" => kind),
                activations: counter!("ego_activations_total", "kind" => kind),
                recovery: histogram!("ego_recovery_seconds", "kind" => kind),
                passivations: counter!("ego_passivations_total", "kind" => kind),
                active: gauge!("ego_active_aggregates", "kind" => kind),
                queued: gauge!("ego_mailbox_depth", "kind" => kind),
            };
            (aggregate, meters)
        };
        let commits = CommitMeters {
            size: histogram!("ego_commit_batch_size"),
            seconds: histogram!("ego_commit_seconds"),
            failed: counter!("ego_commits_failed_total"),
        };
        Some(Box::new(Self { commands: commands.map(command).collect(), kinds: kinds.map(kind).collect(), commits }))
    }

    /// A command of the types `(aggregate, command)` was answered.
    pub(crate) fn answered<R, E>(&self, types: TypeId, answered: &Result<Receipt<R>, CommandError<E>>) {
        if let Some(CommandMeters(outcomes)) = self.commands.get(&types) {
            outcomes[index(answered)].increment(1);
        }
    }

    pub(crate) fn kind(&self, aggregate: TypeId) -> Option<&KindMeters> {
        self.kinds.get(&aggregate)
    }
}

impl CommitMeters {
    pub(crate) fn batch(&self, commits: usize, took: Duration, failed: bool) {
        self.size.record(commits as f64);
        self.seconds.record(took);
        if failed {
            self.failed.increment(1);
        }
    }
}
