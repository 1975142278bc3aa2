//! The user's names are those that generated code uses for itself.
#![allow(non_upper_case_globals, non_camel_case_types, reason = "the names are those of local variables")]

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// A constant, as the macros number theirs.
pub const COMMAND_0: u64 = 7;

/// What can happen.
#[derive(Event, Serialize, Deserialize)]
pub enum Events {
    /// Named as its enum.
    #[event(version = 2, upcast(1 => old))]
    Events(PARTS),
    /// Named as a trait.
    Outcome {
        /// Named as a local variable.
        events: u64,
        /// Named as another.
        codec: u64,
        /// And another.
        stored: u64,
    },
    /// Named as a type.
    Self_,
}

/// A payload.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct PARTS(pub u64);

fn old(events: u64) -> PARTS {
    PARTS(events)
}

/// A request.
#[derive(Command, Serialize, Deserialize)]
pub enum Commands {
    /// The only one.
    Command,
}

/// One more.
#[derive(Command, Serialize, Deserialize)]
pub struct Block;

/// Another request.
#[derive(Command, Serialize, Deserialize)]
pub struct TEXT {
    /// Named as a local variable.
    pub context: u64,
}

/// A state.
#[derive(Aggregate, Default)]
#[aggregate(name = "same_names", event = Events)]
pub struct Aggregates {
    /// Named as a local variable.
    pub state: u64,
}

#[ego::handlers]
impl Aggregates {
    #[handle]
    fn handle(&self, command: Commands) -> Result<Events, Infallible> {
        match command {
            Commands::Command => Ok(Events::Outcome { events: COMMAND_0, codec: 1, stored: 2 }),
        }
    }
    #[handle]
    fn decide(&self, context: TEXT) -> Result<PARTS, Infallible> {
        Ok(PARTS(context.context))
    }
    #[apply]
    fn apply(&mut self, event: &Events) {
        match event {
            Events::Events(PARTS(by)) | Events::Outcome { events: by, .. } => self.state += by,
            Events::Self_ => {}
        }
    }

    /// Helpers with the names of the traits' methods.
    #[must_use]
    pub fn fold(&self) -> u64 {
        self.state
    }

    /// Another.
    #[must_use]
    pub fn schema(&self) -> u64 {
        self.state
    }
}

impl Events {
    /// Named as a constant of the trait.
    pub const SCHEMAS: u64 = 1;

    /// Named as a method of the trait.
    #[must_use]
    pub fn encode(&self) -> u64 {
        Self::SCHEMAS
    }
}

/// Its kind is named as the trait's constant.
#[derive(Aggregate, Default)]
#[aggregate(name = "same_names.generic", event = Payloads)]
pub struct Registers<Event: Send + Sync + Default + 'static, const A: usize> {
    /// Named as a parameter of generated code.
    pub state: Event,
}

/// What can happen, one payload each.
#[derive(ego::Event)]
pub enum Payloads {
    /// The only one.
    Form(PARTS),
}

#[ego::handlers]
impl<Event: Send + Sync + Default + 'static, const A: usize> Registers<Event, A> {
    #[apply]
    fn state(&mut self, _: &PARTS) {}
}

#[ego::handlers(register(Registers<u8, 1>))]
impl<Event: Send + Sync + Default + 'static, const A: usize> Registers<Event, A> {
    #[handle]
    fn commands(&self, _: Commands) -> Result<PARTS, Infallible> {
        Ok(PARTS(1))
    }
    #[handle]
    fn block(&self, _: Block) -> Result<PARTS, Infallible> {
        Ok(PARTS(2))
    }
}

ego::register!(Registers<u8, 1>);

/// A view.
#[derive(Default, Serialize, Deserialize)]
pub struct Projection {
    /// Named as a local variable.
    pub view: u64,
}

fn key(event: &Payloads) -> String {
    let Payloads::Form(PARTS(by)) = event;
    by.to_string()
}

#[ego::projection(name = "same_names.view")]
impl Projection {
    #[on(Aggregates)]
    fn on(&mut self, delivery: &Events, event: &Delivery) -> Result<(), String> {
        let _ = event.id();
        if let Events::Events(PARTS(values)) = delivery {
            self.view += values;
        }
        Ok(())
    }
    #[on(Registers<u8, 1>, key = key)]
    async fn keys(&mut self, _: &Payloads) {
        self.indexed();
    }
    #[index]
    fn values(&self) -> u64 {
        self.view
    }
    #[index]
    fn all(&self) -> Option<bool> {
        None
    }

    /// Helpers with the names of the traits' methods and constants.
    pub fn indexed(&mut self) {
        self.view = Self::NAME;
    }

    /// Another.
    pub const NAME: u64 = 1;
    /// Another.
    pub const INDEXES: u64 = 2;
    /// Another.
    pub const SOURCES: u64 = 3;
}

/// A reactor.
#[derive(Default)]
pub struct Reactor;

#[ego::reactor(name = "same_names.reactor")]
impl Reactor {
    #[on(Aggregates)]
    fn react(&self, delivery: &Events) {
        let _ = delivery;
    }

    /// A helper with the name of a constant.
    pub const NAME: u64 = 1;
}
