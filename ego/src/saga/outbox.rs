//! Sending the commands that the instances recorded, and telling them the answers.
//!
//! I6, I11: a command is sent under an id that is made of its instance and its number, until its fate is certain: it took effect, or it never
//! will (`fence`). Then the instance is told, and only then the checkpoint follows. Done again after a crash, nothing has a second effect.

use super::command::Settle;
use super::event::{Outstanding, SagaEvent, Stop};
use super::fence::{Fate, Refused, is_refused, refuse};
use super::input::Input;
use super::options::SagaOptions;
use super::parked::ParkedOnes;
use super::source::SagaSources;
use super::teller::{Address, Teller};
use crate::consumer::{
    Begin, Consumer, ConsumerKind, Control, Course, Lanes, Parked, Undone, Way, Work, checkpoint_of, with_causes,
};
use crate::engine::{AnyRejection, CommandError, Shared};
use crate::message::{CommandId, Metadata, MetadataDraft, Position, StreamId};
use crate::model::{DecodeError, Event, Rejected, Stored};
use crate::store::{Filter, RecordedEvent, StoreError};
use crate::subscription::Follows;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Outbox<S> {
    teller: Teller<S>,
    timeout: Option<Duration>,
    parked: ParkedOnes<S>,
}

/// Something that an event of an instance asks for.
pub(super) struct Task {
    instance: StreamId,
    position: Position,
    metadata: Arc<Metadata>,
    what: What,
}

enum What {
    Send(Outstanding),
    Recall(Outstanding),
    /// To find out whether it is parked.
    Look,
}

/// What became of a command that was sent.
enum Answer {
    Certain(Fate),
    /// Nobody knows, or nobody wants to take it back.
    Stopped(Stop),
}

impl<S: SagaSources> Outbox<S> {
    pub(super) fn consumer(options: SagaOptions, shared: &Arc<Shared>) -> Arc<dyn Consumer> {
        let name = format!("{}/commands", S::NAME);
        let checkpoint = Some(checkpoint_of(ConsumerKind::Saga, &name));
        let SagaOptions { policy, timeout, workers, .. } = options;
        let control = Control::new(ConsumerKind::Saga, name, Arc::clone(&shared.clock));
        let filter = Filter::all().kind(S::KIND);
        let course =
            Course { follows: Follows::Events(filter), begin: Begin::Start, checkpoint, policy, batch: shared.limits.page };
        Arc::new(Lanes {
            work: Self { teller: Teller::new(shared, &control, policy), timeout, parked: ParkedOnes::default() },
            way: Way { shared: Arc::clone(shared), control, course },
            workers,
        })
    }

    async fn send(&self, task: &Task, one: &Outstanding) -> Result<(), Undone> {
        match self.answer(task, one).await? {
            Answer::Certain(fate) => self.tell(task, one, fate).await,
            Answer::Stopped(stop) => {
                tracing::error!(saga = S::NAME, instance = task.instance.id(), reason = stop.reason, "a saga is parked");
                // It may be tried again under this number, and stop again.
                let id = if stop.refused { answer_id(one) } else { format!("stop/{}/{}", task.position, one.number) };
                let settle = Settle { number: one.number.clone(), stopped: Some(stop) };
                self.teller.settle(&task.address(one, id), &settle).await
            }
        }
    }

    /// Sends the command until its fate is certain, or it has been tried often enough.
    async fn answer(&self, task: &Task, one: &Outstanding) -> Result<Answer, Undone> {
        let (control, policy) = (&self.teller.control, self.teller.policy);
        for attempt in 1.. {
            let engine = self.teller.shared.engine().ok_or(Undone::Stopped)?;
            let mut sending = engine.dispatch(&one.kind, &*one.id, &one.command, one.content.0.clone());
            sending = sending.command_id(task.command_id(one)).metadata(task.draft::<S>());
            if let Some(timeout) = self.timeout {
                sending = sending.timeout(timeout);
            }
            let error = match sending.await {
                Ok(_) => return Ok(Answer::Certain(Fate::TookEffect)),
                Err(CommandError::Stopped) => return Err(Undone::Stopped),
                Err(error) => error,
            };
            drop(engine);
            control.failed(&with_causes(&error), Some(task.position), attempt);
            let refused = match &error {
                error if error.took_effect() => return Ok(Answer::Certain(Fate::TookEffect)),
                // It is recorded why.
                error if is_refused(error) => Some(Refused { reason: String::new(), detail: None }),
                CommandError::Rejected(rejection) => Some(refused(rejection)),
                _ => None,
            };
            let wait = if refused.is_some() || gets_better(&error) { policy.wait_after(attempt) } else { None };
            match (refused, wait) {
                // What takes back an effect is worth another attempt.
                (Some(_), Some(_)) if one.compensates && !is_refused(&error) => {}
                (Some(refused), _) => match self.refuse(task, one, refused).await {
                    Ok(Fate::Never(refused)) if one.compensates => {
                        let reason =
                            format!("{}/{} refused the compensation {}: {}", one.kind, one.id, one.command, refused.reason);
                        return Ok(Answer::Stopped(Stop { reason, refused: true }));
                    }
                    Ok(fate) => return Ok(Answer::Certain(fate)),
                    Err(error) if wait.is_none() => return Ok(Answer::Stopped(stop(one, &error))),
                    Err(_) => {}
                },
                (None, None) => return Ok(Answer::Stopped(stop(one, &error))),
                (None, Some(_)) => {}
            }
            tokio::time::sleep(wait.unwrap_or_default()).await;
        }
        Err(Undone::Stopped)
    }

    /// Sees to it that a command never takes effect, unless it has.
    async fn recall(&self, task: &Task, one: &Outstanding) -> Result<(), Undone> {
        for attempt in 1.. {
            let recalled = Refused { reason: "the saga recalled it".to_owned(), detail: None };
            let error = match self.refuse(task, one, recalled).await {
                Ok(fate) => return self.tell(task, one, fate).await,
                Err(error) => error,
            };
            self.teller.control.failed(&with_causes(&error), Some(task.position), attempt);
            let Some(wait) = self.teller.policy.wait_after(attempt) else {
                return Err(Undone::Failed(crate::model::Failure::new(with_causes(&error))));
            };
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    async fn refuse(&self, task: &Task, one: &Outstanding, refused: Refused) -> Result<Fate, super::fence::Unknown> {
        let stream = StreamId::new(one.kind.clone(), &*one.id)?;
        let id = CommandId::new(task.command_id(one))?;
        refuse(&self.teller.shared, stream, &id, task.draft::<S>(), refused).await
    }

    async fn tell(&self, task: &Task, one: &Outstanding, fate: Fate) -> Result<(), Undone> {
        let to = task.address(one, answer_id(one));
        let number = one.number.clone();
        match fate {
            Fate::TookEffect => self.teller.settle(&to, &Settle { number, stopped: None }).await,
            Fate::Never(Refused { reason, detail }) => {
                let Outstanding { kind, id, command, content, .. } = one.clone();
                let rejected = Rejected { kind, id, command, number, reason, detail, content };
                self.teller.give(&to, Input::Rejected(rejected)).await
            }
        }
    }
}

impl<S: SagaSources> Work for Outbox<S> {
    type Job = Task;

    fn read(&self, shared: &Shared, event: &RecordedEvent, jobs: &mut Vec<(String, Task)>) -> Result<(), DecodeError> {
        let stored = Stored { name: &event.name, version: event.version, payload: &event.payload };
        let mut events = Vec::with_capacity(1);
        SagaEvent::decode(stored, shared.codecs.named(&event.codec)?, &mut events)?;
        let instance = event.stream.id();
        let task =
            |what| Task { instance: event.stream.clone(), position: event.position, metadata: Arc::clone(&event.metadata), what };
        for one in events {
            let holds_up = matches!(one, SagaEvent::Stopped { .. } | SagaEvent::Parked { .. });
            let (commands, recalled) = match one {
                SagaEvent::Handled { commands, recalled, .. } => (commands, recalled),
                SagaEvent::Retried { commands, .. } => (commands, Vec::new()),
                SagaEvent::Abandoned { recalled, .. } => (Vec::new(), recalled),
                _ => (Vec::new(), Vec::new()),
            };
            // Not behind the command itself, which may be what takes so long.
            jobs.extend(recalled.into_iter().map(|one| (format!("{instance}\0{}", one.number), task(What::Recall(one)))));
            jobs.extend(commands.into_iter().map(|one| (instance.to_owned(), task(What::Send(one)))));
            if holds_up || self.parked.has(instance) {
                jobs.push((format!("{instance}\0"), task(What::Look)));
            }
        }
        Ok(())
    }

    fn work(&self, task: Task) -> BoxFuture<'_, Result<(), Undone>> {
        Box::pin(async move {
            match &task.what {
                What::Send(one) => self.send(&task, one).await,
                What::Recall(one) => self.recall(&task, one).await,
                What::Look => self.parked.look(&self.teller.shared, task.instance.id()).await,
            }
        })
    }

    fn parked(&self) -> Vec<Parked> {
        self.parked.all()
    }

    fn begin(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.parked.load(&self.teller.shared))
    }
}

impl Task {
    /// What the instance's commands come with: the conversation goes on, and what follows from them finds back.
    fn draft<S: SagaSources>(&self) -> MetadataDraft {
        MetadataDraft::following(&self.metadata).entry(S::KIND, self.instance.id())
    }

    fn address(&self, one: &Outstanding, command_id: String) -> Address {
        let metadata = MetadataDraft::following(&self.metadata).causation_id(self.command_id(one));
        Address { instance: self.instance.id().to_owned(), command_id, metadata, position: self.position }
    }

    /// The same each time that it is sent. `saga.transfer/t-1@3.0`, with a sum in place of an id that is too long.
    fn command_id(&self, one: &Outstanding) -> String {
        let (kind, id, number) = (self.instance.kind(), self.instance.id(), &one.number);
        let short = format!("{kind}/{id}@{number}");
        if short.len() <= CommandId::MAX_BYTES { short } else { format!("{kind}/{:032x}@{number}", sum(id)) }
    }
}

/// FNV-1a of 128 bits: the same on every machine and in every release.
fn sum(text: &str) -> u128 {
    let (basis, prime) = (0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, 0x0000_0000_0100_0000_0000_0000_0000_013b);
    text.bytes().fold(basis, |sum: u128, byte| (sum ^ u128::from(byte)).wrapping_mul(prime))
}

fn answer_id(one: &Outstanding) -> String {
    format!("answer/{}", one.number)
}

fn refused(rejection: &AnyRejection) -> Refused {
    Refused { reason: rejection.to_string(), detail: Some(format!("{rejection:?}")) }
}

fn stop(one: &Outstanding, error: &dyn std::error::Error) -> Stop {
    let reason = format!("{} to {}/{} got no answer: {}", one.command, one.kind, one.id, with_causes(error));
    Stop { reason, refused: false }
}

/// Whether the same command may fare better the next time.
fn gets_better<E>(error: &CommandError<E>) -> bool {
    !matches!(
        error,
        CommandError::Unknown(_)
            | CommandError::Invalid(_)
            | CommandError::Codec { .. }
            | CommandError::RevisionZero
            | CommandError::CommandIdReused { .. }
    )
}
