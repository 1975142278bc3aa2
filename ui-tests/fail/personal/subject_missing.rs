//! Personal fields whose subject nobody names.
use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum PatientEvent {
    Admitted {
        patient: String,
        #[personal]
        name: String,
    },
}

fn main() {}
