//! Telling an instance something, as often as it takes.

use super::command::{Park, Settle, Tell};
use super::input::Input;
use super::instance::{Instance, SagaRefusal};
use super::source::SagaSources;
use crate::consumer::{Control, Policy, Then, Undone};
use crate::engine::{CommandError, Dispatch, Shared};
use crate::message::{MetadataDraft, Position};
use crate::model::{Command, Failure, HandledBy};
use std::marker::PhantomData;
use std::sync::Arc;

pub(super) struct Teller<S> {
    pub(super) shared: Arc<Shared>,
    pub(super) control: Arc<Control>,
    pub(super) policy: Policy,
    saga: PhantomData<fn() -> S>,
}

/// To whom, under which id, and what it comes from.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) instance: String,
    pub(super) command_id: String,
    pub(super) metadata: MetadataDraft,
    pub(super) position: Position,
}

/// Why something was not told.
enum Untold {
    Stopped,
    Failed(String),
}

impl<S: SagaSources> Teller<S> {
    pub(super) fn new(shared: &Arc<Shared>, control: &Arc<Control>, policy: Policy) -> Self {
        Self { shared: Arc::clone(shared), control: Arc::clone(control), policy, saga: PhantomData }
    }

    /// Gives an instance an input. One that it cannot handle, often enough, waits there for somebody.
    pub(super) async fn give(&self, to: &Address, input: Input) -> Result<(), Undone> {
        let reason = match self.tell(to, &Tell { input: input.clone(), once: false }, self.policy).await {
            Ok(()) => return Ok(()),
            Err(Untold::Stopped) => return Err(Undone::Stopped),
            Err(Untold::Failed(reason)) => reason,
        };
        let parked = self.tell(to, &Park { input, reason: reason.clone() }, self.policy.retries(0)).await;
        self.concluded(to, parked.map_err(|untold| (untold, Some(reason))))
    }

    pub(super) async fn settle(&self, to: &Address, settle: &Settle) -> Result<(), Undone> {
        let told = self.tell(to, settle, self.policy).await;
        self.concluded(to, told.map_err(|untold| (untold, None)))
    }

    /// What cannot even be kept for later is the policy's.
    fn concluded(&self, to: &Address, told: Result<(), (Untold, Option<String>)>) -> Result<(), Undone> {
        let Address { instance, position, .. } = to;
        match told {
            Ok(()) => Ok(()),
            Err((Untold::Stopped, _)) => Err(Undone::Stopped),
            Err((Untold::Failed(error), _)) if self.policy.then == Then::Skip => {
                tracing::error!(saga = S::NAME, instance, %position, error, "an input of a saga was left out");
                self.control.skipped();
                Ok(())
            }
            Err((Untold::Failed(error), first)) => {
                let first = first.map(|first| format!(" after it could not handle an input ({first})")).unwrap_or_default();
                Err(Undone::Failed(Failure::new(format_args!("the instance {instance:?} could not be told{first}: {error}"))))
            }
        }
    }

    async fn tell<C>(&self, to: &Address, command: &C, policy: Policy) -> Result<(), Untold>
    where
        C: Command + Clone + HandledBy<Instance<S>, Error = SagaRefusal>,
    {
        for attempt in 1.. {
            let engine = self.shared.engine().ok_or(Untold::Stopped)?;
            let sending = engine.send::<Instance<S>>(&to.instance, command.clone());
            let error = match sending.command_id(&to.command_id).metadata(to.metadata.clone()).past_layers().await {
                Ok(_) | Err(CommandError::Rejected(SagaRefusal::Ignored)) => return Ok(()),
                // Another engine had it kept for later, or gave it after all.
                Err(CommandError::CommandIdReused { .. }) => return Ok(()),
                Err(CommandError::Stopped) => return Err(Untold::Stopped),
                Err(error) => crate::consumer::with_causes(&error),
            };
            drop(engine);
            self.control.failed(&error, Some(to.position), attempt);
            let Some(wait) = policy.wait_after(attempt) else { return Err(Untold::Failed(error)) };
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}
