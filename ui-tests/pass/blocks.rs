// Several blocks for one aggregate, appliers by payload, an enum as state, handlers by hand beside the blocks.
use ego::model::{Handles, HandledBy};
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

mod events {
    use super::*;
    #[derive(Serialize, Deserialize)]
    pub struct Lit;
    #[derive(Serialize, Deserialize)]
    pub struct Put(pub String);
    #[derive(Event)]
    pub enum LampEvent {
        Lit(Lit),
        Out(Put),
    }
}
use events::{Lit, Put};

#[derive(Command, Serialize, Deserialize)]
pub struct Light;
#[derive(Command, Serialize, Deserialize)]
pub struct Quench;
#[derive(Command, Serialize, Deserialize)]
pub struct Toggle;

#[derive(Aggregate, Default)]
#[aggregate(name = "lamp", event = events::LampEvent)]
pub enum Lamp {
    #[default]
    Dark,
    Bright,
}

#[ego::handlers]
impl Lamp {
    /// Helpers, constants and types stay what they are.
    const START: Self = Self::Dark;

    #[apply]
    fn lit(&mut self, _: &Lit) {
        *self = Self::Bright;
    }
    #[apply]
    #[cfg(all())]
    fn out(&mut self, events::Put(_): &Put) {
        *self = Self::START;
    }
    #[cfg(any())]
    #[apply]
    fn never(&mut self, _: &Never) {}
}

#[ego::handlers()]
impl crate::Lamp {
    #[ego::handle]
    pub fn light(&self, _: &Light) -> Result<Lit, Infallible> {
        Ok(Lit)
    }
    #[::ego::handle]
    async fn quench(&self, _: Quench, _: &Context) -> Result<Option<Put>, String> {
        Ok(None)
    }
}

#[ego::handlers]
#[cfg(any())]
impl Lamp {
    #[handle]
    fn never(&self, _: Never) -> Result<(), Never> {
        never()
    }
}

impl Handles<Toggle> for Lamp {
    type Output = Result<(), Infallible>;
    async fn handle(&self, _: Toggle, _: &Context) -> Self::Output {
        Ok(())
    }
}

fn handled<A: Aggregate, C: HandledBy<A>>() {}

fn main() {
    handled::<Lamp, Light>();
    handled::<Lamp, Quench>();
    handled::<Lamp, Toggle>();
    let mut lamp = Lamp::default();
    Aggregate::apply(&mut lamp, &Lit.into());
    assert!(matches!(lamp, Lamp::Bright));
    Aggregate::apply(&mut lamp, &Put("by Ann".into()).into());
    assert!(matches!(lamp, Lamp::Dark));
}
