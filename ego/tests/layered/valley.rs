//! What is called on one side of a valley is heard on the other.

use ego::model::Context;
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EchoEvent {
    Called { word: String },
    Heard { word: String },
}

#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub word: String,
}

#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hear {
    pub word: String,
}

/// Calls a moment later.
#[derive(Command, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallLater {
    pub word: String,
}

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "echo", event = EchoEvent)]
pub struct Echo;

#[ego::handlers]
impl Echo {
    #[handle]
    fn call(&self, cmd: Call) -> Result<EchoEvent, String> {
        Ok(EchoEvent::Called { word: cmd.word })
    }
    #[handle]
    fn hear(&self, cmd: Hear) -> Result<EchoEvent, String> {
        Ok(EchoEvent::Heard { word: cmd.word })
    }
    #[handle]
    fn later(&self, cmd: CallLater, context: &Context) -> Result<(), String> {
        context.schedule::<Self>("call", Duration::from_millis(1), Call { word: cmd.word });
        Ok(())
    }
    #[apply]
    fn apply(&mut self, _: &EchoEvent) {}
}

/// What is called is heard on the other side.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Valley;

#[ego::saga(name = "valley")]
impl Valley {
    #[start(Echo)]
    fn called(&mut self, event: &EchoEvent, cx: &mut SagaContext<Self>) {
        if let EchoEvent::Called { word } = event {
            cx.send::<Echo>("other-side", Hear { word: word.clone() });
            cx.complete();
        }
    }
}
