//! Every form of personal fields.
use ego::Personal;
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

#[derive(Event, Serialize, Deserialize)]
#[event(subject = patient)]
enum PatientEvent {
    Admitted {
        patient: Option<String>,
        #[personal]
        #[serde(rename = "fullName", skip_serializing_if = "Option::is_none", default)]
        name: Option<String>,
        #[personal(redacted = Blood::Unknown)]
        blood: Blood,
        relatives: BTreeMap<String, Box<Relative>>,
    },
    #[event(subject = doctor, name = "seen", version = 1)]
    Seen {
        doctor: u64,
        #[personal(redacted = "nothing")]
        r#note: String,
    },
    Visited(Visit),
    Moved {
        ward: u8,
    },
    Discharged,
}

#[derive(Serialize, Deserialize)]
enum Blood {
    Unknown,
    A,
}

#[derive(Personal, Serialize, Deserialize)]
struct Visit {
    by: Vec<Relative>,
    first: Option<Relative>,
}

/// It may hold itself.
#[derive(Personal, Serialize, Deserialize)]
#[personal(subject = id)]
struct Relative {
    id: String,
    #[personal(redacted = String::from("a relative"))]
    name: String,
    children: Vec<Relative>,
    friends: HashMap<String, Relative>,
}

/// Nothing in it is personal.
#[derive(Personal, Serialize, Deserialize)]
#[personal(none)]
enum Ward {
    Open,
    Closed(String),
}

fn main() {
    assert!(PatientEvent::PERSONAL[0]().is_some_and(ego::model::Shape::is_personal));
    assert!(PatientEvent::PERSONAL[2]().is_some_and(ego::model::Shape::is_personal));
    assert!(PatientEvent::PERSONAL[3]().is_none() && PatientEvent::PERSONAL[4]().is_none());
    let _ = (Blood::A, Ward::Open, Ward::Closed(String::new()));
}
