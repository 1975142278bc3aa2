//! What keeps an engine with personal fields from starting, and what an index may not tell. Apart from the other tests: this program is wrong.

use ego::Personal;
use ego::codec::{Codec, CodecError, Json, Visit};
use ego::engine::{StartError, StartProblem};
use ego::model::{Appliers, Snapshots};
use ego::prelude::*;
use ego::privacy::MemoryKeys;
use serde::{Deserialize, Serialize};

#[derive(Event, Clone, Debug, Serialize, Deserialize)]
enum GuestEvent {
    #[event(subject = guest)]
    Arrived {
        guest: String,
        #[personal]
        name: String,
    },
    /// Whose it is, nobody says.
    Paid(Paid),
}

#[derive(Personal, Clone, Debug, Serialize, Deserialize)]
struct Paid {
    #[personal]
    card: String,
}

/// Its snapshots would hold the name.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Guest {
    name: String,
}

impl Aggregate for Guest {
    const KIND: &'static str = "guest";
    const SNAPSHOTS: Option<Snapshots<Self>> = Some(Snapshots::by_hand());
    type Event = GuestEvent;
    fn apply(&mut self, event: &GuestEvent) {
        Appliers::fold(self, event);
    }
}

impl ego::Registers for Guest {}
ego::register!(Guest);

#[ego::handlers]
impl Guest {
    #[apply]
    fn apply(&mut self, event: &GuestEvent) {
        match event {
            GuestEvent::Arrived { name, .. } => self.name.clone_from(name),
            GuestEvent::Paid(_) => {}
        }
    }
}

/// Its views would hold the name.
#[derive(Default, Serialize, Deserialize)]
struct Badge {
    name: String,
}

#[ego::projection(name = "badges")]
impl Badge {
    #[on(Guest)]
    fn on(&mut self, event: &GuestEvent) {
        if let GuestEvent::Arrived { name, .. } = event {
            self.name.clone_from(name);
        }
    }
}

/// Nothing is kept of it, so it need not say anything.
#[derive(Default, Serialize, Deserialize)]
struct Screen {
    name: String,
}

#[ego::projection(name = "screens", mode = live)]
impl Screen {
    #[on(Guest)]
    fn on(&mut self, event: &GuestEvent) {
        if let GuestEvent::Arrived { name, .. } = event {
            self.name.clone_from(name);
        }
    }
}

async fn problems(builder: ego::engine::EngineBuilder) -> Vec<StartProblem> {
    match builder.start().await {
        Err(StartError::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nobody_leaks_by_forgetting_to_say_something() {
    let problems = problems(Engine::builder().subject_keys(MemoryKeys::new())).await;
    assert!(
        matches!(
            &*problems,
            [
                StartProblem::NoSubject { of },
                StartProblem::UndeclaredState { kind: "guest", .. },
                StartProblem::UndeclaredView { projection, kind: "guest" },
            ] if of.name.ends_with("Guest") && projection.name.ends_with("Badge")
        ),
        "{problems:?}"
    );
}

struct Other;
impl Codec for Other {
    fn name(&self) -> &'static str {
        "other"
    }
    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        Json.encode(value)
    }
    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        Json.decode(bytes, visit)
    }
}

#[tokio::test]
async fn what_is_personal_needs_keys_and_json() {
    let problems = problems(Engine::builder().codec(Other)).await;
    assert!(problems.contains(&StartProblem::NoSubjectKeys), "{problems:?}");
    assert!(problems.contains(&StartProblem::PersonalCodec { codec: "other".to_owned() }), "{problems:?}");
}
