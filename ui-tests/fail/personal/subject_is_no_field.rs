//! A subject that is no field of the event.
use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum PatientEvent {
    #[event(subject = pateint)]
    Admitted {
        patient: String,
        #[personal]
        name: String,
    },
}

fn main() {}
