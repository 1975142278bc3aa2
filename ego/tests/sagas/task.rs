//! A saga whose methods fail, wait and panic as its service says; keyed by what its events say.

use crate::domain::House;
use ego::message::Metadata;
use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TaskEvent {
    Begun { process: String },
    Went { process: String, step: u32 },
    Ended { process: String },
}

#[derive(Command, Serialize, Deserialize)]
pub struct Do(pub TaskEvent);

#[derive(Aggregate, Default)]
#[aggregate(name = "task", event = TaskEvent)]
pub struct Task;

#[ego::handlers]
impl Task {
    #[handle]
    fn act(&self, cmd: Do) -> Result<TaskEvent, String> {
        Ok(cmd.0)
    }
    #[apply]
    fn apply(&mut self, _: &TaskEvent) {}
}

#[derive(Default, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picky {
    pub steps: Vec<u32>,
}

fn process(event: &TaskEvent) -> &str {
    let (TaskEvent::Begun { process } | TaskEvent::Went { process, .. } | TaskEvent::Ended { process }) = event;
    process
}

#[ego::saga(name = "picky")]
impl Picky {
    #[start(Task, key = |event: &TaskEvent| matches!(event, TaskEvent::Begun { .. }).then(|| process(event).to_owned()))]
    async fn begun(&mut self, _: &TaskEvent, house: &House, _: &Metadata) {
        house.waits("begun").await;
        self.steps.push(0);
    }

    #[on(Task, key = process)]
    async fn went(&mut self, event: &TaskEvent, cx: &mut SagaContext<Self>, house: &House) -> Result<(), String> {
        match event {
            TaskEvent::Went { step, .. } => {
                let mood = house.mood();
                assert!(mood != "panics", "what a mood");
                if mood == "fails" {
                    return Err(format!("cannot take step {step}"));
                }
                self.steps.push(*step);
            }
            TaskEvent::Ended { .. } => cx.complete(),
            TaskEvent::Begun { .. } => {}
        }
        Ok(())
    }
}
