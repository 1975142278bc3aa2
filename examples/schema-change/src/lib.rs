//! A parcel's life, as three years of releases left it.
//!
//! Released were, in this order:
//! 1. `Sent { to }`, where `to` was one line; `Weighed { grams }`; `Scanned { lamp }`.
//! 2. `Sent { street, city }`; a parcel may be `Weighed` with a note of who did it, which has a default: no new version.
//! 3. `Sent` is two things: the parcel was `Addressed`, then `HandedOver`. Nobody wants to know about `Scanned` any more.
//!
//! `ego.lock.json` knows all of it. Change a field here, run `cargo test -p schema-change`, and it says what to write.

#![allow(clippy::needless_pass_by_value, reason = "an upcaster takes the old shape")]

use ego::prelude::*;
use serde::{Deserialize, Serialize};

/// What can happen to a parcel.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ParcelEvent {
    /// Somebody wrote an address on it.
    Addressed {
        /// With the number.
        street: String,
        /// Without the country.
        city: String,
    },
    /// It left. Until the second release `Sent`, which also said where to.
    #[event(alias = "Sent", version = 3, upcast(1 => split_address, 2 => addressed_and_handed_over))]
    HandedOver {
        /// Who took it.
        carrier: String,
    },
    /// It was put on the scales.
    Weighed {
        /// In grams.
        grams: u32,
        /// Who did it, since the second release.
        #[serde(default)]
        by: String,
    },
    /// A lamp went on. Retired: what is stored is read, and says nothing.
    #[event(version = 2, upcast(1 => nothing))]
    Scanned,
}

/// `Sent`, as it was released first.
#[derive(Deserialize)]
struct SentV1 {
    to: String,
}

/// And second.
#[derive(Deserialize)]
struct SentV2 {
    street: String,
    city: String,
}

/// An upcaster may refuse: whoever reads the event is told, and which one it is.
fn split_address(v1: SentV1) -> Result<SentV2, String> {
    let (street, city) = v1.to.split_once(", ").ok_or_else(|| format!("{:?} has no comma", v1.to))?;
    Ok(SentV2 { street: street.to_owned(), city: city.to_owned() })
}

/// One event that became two.
fn addressed_and_handed_over(v2: SentV2) -> (ParcelEvent, ParcelEvent) {
    let SentV2 { street, city } = v2;
    (ParcelEvent::Addressed { street, city }, ParcelEvent::HandedOver { carrier: "the mail".into() })
}

/// One event that became none.
fn nothing(_: serde_json::Value) -> Option<ParcelEvent> {
    None
}

/// Puts a parcel on the scales.
#[derive(Command, Serialize, Deserialize)]
pub struct Weigh {
    /// In grams.
    pub grams: u32,
    /// Who does it.
    #[serde(default)]
    pub by: String,
}

/// Where a parcel goes, and how heavy it is.
#[derive(Aggregate, Default, Debug, PartialEq)]
#[aggregate(name = "parcel", event = ParcelEvent)]
pub struct Parcel {
    /// The city.
    pub city: String,
    /// Whether it left.
    pub left: bool,
    /// In grams.
    pub grams: u32,
}

#[ego::handlers]
impl Parcel {
    #[handle]
    fn weigh(&self, cmd: Weigh) -> Result<ParcelEvent, String> {
        Ok(ParcelEvent::Weighed { grams: cmd.grams, by: cmd.by })
    }

    #[apply]
    fn apply(&mut self, event: &ParcelEvent) {
        match event {
            ParcelEvent::Addressed { city, .. } => self.city.clone_from(city),
            ParcelEvent::HandedOver { .. } => self.left = true,
            ParcelEvent::Weighed { grams, .. } => self.grams = *grams,
            ParcelEvent::Scanned => {}
        }
    }
}
