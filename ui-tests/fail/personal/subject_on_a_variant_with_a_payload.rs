//! The payload says whose it is, not the variant.
use ego::Personal;
use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum PatientEvent {
    #[event(subject = patient)]
    Admitted(Admitted),
}

#[derive(Personal, Serialize, Deserialize)]
#[personal(subject = patient)]
struct Admitted {
    patient: String,
    #[personal]
    name: String,
}

fn main() {}
