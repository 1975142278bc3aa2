//! What may change without a new version, and what is no change at all.

use crate::house::domain;
use crate::red::said;
use ego::prelude::*;
use ego::schema::{LockError, Schema};
use serde::{Deserialize, Serialize};

mod released {
    use super::*;
    #[derive(Event, Serialize, Deserialize)]
    pub(super) enum OrderEvent {
        Placed { total: u64, kind: Kind },
        Shipped,
    }
    #[derive(Serialize, Deserialize)]
    pub(super) enum Kind {
        Plain,
        Gift { from: String },
    }
    #[derive(Command, Serialize, Deserialize)]
    pub(super) struct Place {
        pub(super) total: u64,
    }
    domain!(pub(super) Order, "order", OrderEvent, Place);
}

/// The same under other names of types and in another order, with what may be added.
mod grown {
    use super::*;
    #[derive(Event, Serialize, Deserialize)]
    pub(super) enum Happened {
        #[event(name = "Sent", alias = "Shipped")]
        Sent {
            #[serde(default)]
            parcel: String,
        },
        Placed {
            note: Option<String>,
            #[serde(alias = "sum")]
            total: u64,
            kind: Sort,
        },
        Cancelled,
    }
    #[derive(Serialize, Deserialize)]
    pub(super) enum Sort {
        Subscription,
        #[serde(alias = "Present")]
        Gift {
            from: String,
        },
        Plain,
    }
    #[derive(Command, Serialize, Deserialize)]
    #[command(name = "Place")]
    pub(super) struct PlaceOrder {
        pub(super) total: Wrapped,
        pub(super) note: Option<String>,
    }
    /// No part of the shape.
    #[derive(Serialize, Deserialize)]
    pub(super) struct Wrapped(u64);
    domain!(pub(super) Purchase, "order", Happened, PlaceOrder);
}

fn released() -> Schema {
    Schema::new().aggregate::<released::Order>().command::<released::Order, released::Place>()
}

fn grown() -> Schema {
    Schema::new().aggregate::<grown::Purchase>().command::<grown::Purchase, grown::PlaceOrder>()
}

#[test]
fn what_is_the_same_fits() {
    said(released(), released(), &[]).unwrap();
}

#[test]
fn what_may_be_left_out_is_added_without_a_version_but_never_silently() {
    let error = said(released(), grown(), &[]).unwrap_err();
    let LockError::New { news, .. } = &error else { panic!("{error}") };
    assert_eq!(
        *news,
        [
            "in the event \"Placed\" of \"order\": the variant `kind.Present`",
            "in the event \"Placed\" of \"order\": the variant `kind.Subscription`",
            "in the event \"Placed\" of \"order\": `note`, which may be left out",
            "in the event \"Placed\" of \"order\": `sum`, another name of `total`",
            "that the event \"Shipped\" of \"order\" is named \"Sent\"",
            "in the event \"Shipped\" of \"order\": `parcel`, which may be left out",
            "the event \"Cancelled\" of \"order\"",
            "in the command \"Place\" of \"order\": `note`, which may be left out",
        ]
    );
}

#[test]
fn a_lock_that_was_written_fits_and_holds_what_it_took_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ego.lock.json");
    let lock = || ego::schema::Lock::at(&path);
    lock().of(released()).write(true).check().unwrap();
    lock().of(grown()).write(true).check().unwrap();
    lock().of(grown()).write(false).check().unwrap();
    // There is no way back: what was added is released now.
    let error = lock().of(released()).write(true).check().unwrap_err().to_string();
    for gone in ["\"Sent\"", "\"Cancelled\"", "`note` is gone", "`kind.Subscription` is gone", "not read under the name `sum`"] {
        assert!(error.contains(gone), "{gone}: {error}");
    }
}
