//! A domain with personal data wherever they may be: in events with fields and with payloads, in views of every mode, in an index beside
//! them, in dead letters, replies and errors.

use ego::Personal;
use ego::consumer::Policy;
use ego::model::{Appliers, Fold, Snapshots};
use ego::prelude::*;
use ego::privacy::{FileKeys, Key, KeyRing};
use ego::projection::ProjectionOptions;
use ego::publish::JsonLinesPublisher;
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// What stands for a person; nothing else in the tests holds it.
pub(crate) const NAME: &str = "Wilhelmina Plaintext";
pub(crate) const PHONE: &str = "plaintext-phone";
pub(crate) const FRIEND: &str = "Frederick Plaintext";
/// All that is personal begins or ends so.
pub(crate) const SECRETS: [&[u8]; 2] = [b"Plaintext", b"plaintext"];

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[event(subject = patient)]
pub(crate) enum PatientEvent {
    Admitted {
        patient: String,
        #[serde(rename = "fullName")]
        #[personal(redacted = "somebody")]
        name: String,
        #[personal]
        phone: Option<String>,
        ward: u8,
    },
    Visited(Visited),
    Moved {
        ward: u8,
    },
}

#[derive(Personal, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Visited {
    pub(crate) by: Vec<Visitor>,
}

#[derive(Personal, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[personal(subject = id)]
pub(crate) struct Visitor {
    pub(crate) id: u64,
    #[personal(redacted = "a visitor")]
    pub(crate) name: String,
}

#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Admit {
    pub(crate) patient: String,
    pub(crate) name: String,
    pub(crate) phone: Option<String>,
    pub(crate) ward: u8,
}
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Visit(pub Vec<Visitor>);
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Move(pub u8);
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Label;
/// Sent later.
#[derive(Command, Personal, Clone, Debug, Serialize, Deserialize)]
#[personal(subject = patient)]
pub(crate) struct Call {
    pub(crate) patient: String,
    #[personal(redacted = "nobody")]
    pub(crate) number: String,
}
/// Sent later, and says nothing of what is personal in it.
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shout {
    pub(crate) name: String,
}
#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Remind {
    pub(crate) shouting: bool,
}

#[derive(Personal, Clone, Default, Debug, PartialEq, Serialize, Deserialize)]
#[personal(subject = id)]
pub(crate) struct Patient {
    pub(crate) id: Option<String>,
    #[personal(redacted = "somebody")]
    pub(crate) name: String,
    #[personal]
    pub(crate) phone: Option<String>,
    pub(crate) ward: u8,
    pub(crate) visitors: Vec<Visitor>,
}

impl Aggregate for Patient {
    const KIND: &'static str = "patient";
    const SNAPSHOTS: Option<Snapshots<Self>> = Some(Snapshots::by_hand());
    type Event = PatientEvent;
    fn apply(&mut self, event: &PatientEvent) {
        Appliers::fold(self, event);
    }
}

impl ego::Registers for Patient {}
ego::register!(Patient);

#[ego::handlers]
impl Patient {
    #[handle]
    fn admit(&self, Admit { patient, name, phone, ward }: Admit) -> Result<Decision<PatientEvent, String>, String> {
        let reply = format!("welcome, {name}");
        Ok(emit(PatientEvent::Admitted { patient, name, phone, ward }).reply(reply))
    }
    #[handle]
    fn visit(&self, cmd: Visit) -> Result<Visited, String> {
        Ok(Visited { by: cmd.0 })
    }
    #[handle]
    fn relocate(&self, cmd: Move) -> Result<Decision<PatientEvent, u8>, String> {
        Ok(emit(PatientEvent::Moved { ward: cmd.0 }).reply(self.ward))
    }
    #[handle]
    fn call(&self, _: Call) -> Result<(), String> {
        Ok(())
    }
    #[handle]
    fn shout(&self, _: Shout) -> Result<(), String> {
        Ok(())
    }
    #[handle]
    fn remind(&self, cmd: Remind, context: &Context) -> Result<(), String> {
        let (patient, number) = (self.id.clone().unwrap_or_default(), self.phone.clone().unwrap_or_default());
        if cmd.shouting {
            context.schedule::<Patient>("call", DAY, Shout { name: self.name.clone() });
        } else {
            context.schedule::<Patient>("call", DAY, Call { patient, number });
        }
        Ok(())
    }
    /// Records nothing, and speaks of the patient.
    #[handle]
    fn label(&self, _: Label) -> Result<Decision<PatientEvent, String>, String> {
        Ok(Decision::nothing().reply(format!("{} in {}", self.name, self.ward)))
    }
    #[apply]
    fn apply(&mut self, event: &PatientEvent) {
        match event {
            PatientEvent::Admitted { patient, name, phone, ward } => {
                (self.id, self.name, self.phone, self.ward) = (Some(patient.clone()), name.clone(), phone.clone(), *ward);
            }
            PatientEvent::Visited(Visited { by }) => self.visitors.extend(by.iter().cloned()),
            PatientEvent::Moved { ward } => self.ward = *ward,
        }
    }
}

/// Folded behind the log.
#[derive(Personal, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[personal(subject = patient)]
pub(crate) struct Card {
    pub(crate) patient: Option<String>,
    #[personal(redacted = "somebody")]
    pub(crate) name: String,
    pub(crate) ward: u8,
    pub(crate) visitors: Vec<Visitor>,
}

#[ego::projection(name = "cards")]
impl Card {
    #[on(Patient)]
    fn on(&mut self, event: &PatientEvent) {
        match event {
            PatientEvent::Admitted { patient, name, ward, .. } => {
                (self.patient, self.name, self.ward) = (Some(patient.clone()), name.clone(), *ward);
            }
            PatientEvent::Visited(Visited { by }) => self.visitors.extend(by.iter().cloned()),
            PatientEvent::Moved { ward } => self.ward = *ward,
        }
    }

    #[index]
    fn ward(&self) -> u64 {
        u64::from(self.ward)
    }
}

/// Folded in the commit.
#[derive(Personal, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[personal(subject = patient)]
pub(crate) struct Bed {
    pub(crate) patient: String,
    #[personal]
    pub(crate) phone: Option<String>,
    pub(crate) ward: u8,
}

#[ego::projection(name = "beds", mode = inline)]
impl Bed {
    #[on(Patient)]
    fn on(&mut self, event: &PatientEvent) {
        match event {
            PatientEvent::Admitted { patient, phone, ward, .. } => {
                (self.patient, self.phone, self.ward) = (patient.clone(), phone.clone(), *ward);
            }
            PatientEvent::Visited(_) => {}
            PatientEvent::Moved { ward } => self.ward = *ward,
        }
    }
}

/// Fails on everybody in ward 13, and tells too much when it does.
#[derive(Personal, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[personal(none)]
pub(crate) struct Ward {
    patients: u32,
}

#[ego::projection(name = "wards")]
impl Ward {
    #[on(Patient)]
    fn on(&mut self, event: &PatientEvent) -> Result<Fold, String> {
        match event {
            PatientEvent::Admitted { name, ward: 13, .. } => return Err(format!("no bed for {name}")),
            PatientEvent::Admitted { .. } => self.patients += 1,
            PatientEvent::Visited(_) | PatientEvent::Moved { .. } => {}
        }
        Ok(Fold::Keep)
    }
}

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn master() -> KeyRing {
    KeyRing::new(1, Key::new([9; Key::LEN]))
}

pub(crate) fn keys(folder: &Path) -> FileKeys {
    FileKeys::open(folder.join("keys"), master()).unwrap()
}

/// An engine on the store and the keys in a folder, which publishes to a file beside them.
pub(crate) async fn clinic(folder: &Path) -> Engine {
    Engine::builder()
        .store(SledStore::open(folder.join("store")).unwrap())
        .subject_keys(keys(folder))
        .projection::<Ward>(ProjectionOptions::new().policy(Policy::dead_letter()))
        .publisher(JsonLinesPublisher::open("out", folder.join("published")).unwrap())
        .start()
        .await
        .unwrap()
}

pub(crate) fn admit(patient: &str, ward: u8) -> Admit {
    Admit { patient: patient.to_owned(), name: NAME.to_owned(), phone: Some(PHONE.to_owned()), ward }
}

/// A cart of somebody, as it is now.
#[derive(Aggregate, Personal, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "cart", durable)]
#[personal(subject = owner)]
pub(crate) struct Cart {
    pub(crate) owner: Option<String>,
    #[personal(redacted = "somewhere")]
    pub(crate) address: String,
    pub(crate) items: u32,
}

#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Add {
    pub(crate) owner: String,
    pub(crate) address: Option<String>,
}

#[ego::handlers(durable)]
impl Cart {
    #[handle]
    fn add(&mut self, Add { owner, address }: Add) -> Result<String, String> {
        self.owner = Some(owner);
        self.address = address.unwrap_or(std::mem::take(&mut self.address));
        self.items += 1;
        Ok(format!("to {}", self.address))
    }
}
