//! What an instance is in memory: the fold of its events.

use super::event::{InputRef, SagaEvent};
use super::input::Input;
use super::status::SagaStatus;
use crate::codec::AnyCodec;
use crate::consumer::with_causes;
use crate::model::{Failure, Saga, Stored, Token};
use serde_json::Value;
use std::collections::VecDeque;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Record {
    /// `None` until it is started.
    pub(super) status: Option<SagaStatus>,
    /// The saga's own state, and the version of its shape.
    pub(super) state: Option<(u32, Value)>,
    /// The last event that it was given: those before are not given again.
    pub(super) upto: Option<Token>,
    /// The input that could not be handled, and those behind it.
    pub(super) waiting: VecDeque<Input>,
}

impl Record {
    pub(super) fn fold(&mut self, event: &SagaEvent) {
        SagaStatus::fold(&mut self.status, event);
        match event {
            SagaEvent::Handled { input, waited, version, state, .. } => {
                self.state = Some((*version, state.0.clone()));
                if let InputRef::Event { token, .. } = input {
                    self.upto = self.upto.max(Some(*token));
                }
                if *waited {
                    self.waiting.pop_front();
                }
            }
            SagaEvent::Parked { input, waited: false, .. } | SagaEvent::Waited { input, .. } => {
                if let Input::Event(event) = &**input {
                    self.upto = self.upto.max(Some(event.token));
                }
                self.waiting.push_back((**input).clone());
            }
            _ => {}
        }
        if let Some(status) = &mut self.status
            && status.phase.is_ended()
        {
            for input in self.waiting.drain(..) {
                if let Input::Rejected(rejected) = input {
                    status.outstanding.retain(|one| one.number != rejected.number);
                }
            }
        }
    }

    /// The saga's own state, in its newest shape.
    pub(super) fn state<S: Saga>(&self) -> Result<S, Failure> {
        match &self.state {
            None => Ok(S::default()),
            Some((version, state)) => {
                let json = AnyCodec::default();
                let payload = json.encode(state).map_err(Failure::new)?;
                let read = S::read(Stored { name: S::NAME, version: *version, payload: &payload }, &json);
                read.map_err(|error| Failure::new(format_args!("the state cannot be read: {}", with_causes(&error))))
            }
        }
    }
}
