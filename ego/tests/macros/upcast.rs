//! Chains of upcasters: plain, fallible, dropping, splitting, and over values without a shape.

#![allow(clippy::needless_pass_by_value, reason = "an upcaster takes the old shape")]

use ego::codec::AnyCodec;
use ego::model::{DecodeError, Stored};
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Money {
    #[event(name = "deposited", version = 3, upcast(1 => old::euros_to_cents, 2 => add_currency))]
    Deposited { cents: u64, currency: String },
    #[event(version = 2, upcast(1 => checked))]
    Withdrawn(Withdrawn),
    #[event(version = 2, upcast(1 => drop_zero))]
    Charged(Charged),
    #[event(version = 2, upcast(1 => split))]
    Moved { cents: u64 },
    #[event(version = 3, upcast(1 => rename_field, 2 => from_value))]
    Noted(Noted),
    #[event(version = 2, upcast(1 => retired))]
    Retired,
    #[event(version = 2, upcast(1 => fallible_split))]
    Shared {},
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Withdrawn {
    cents: u64,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Charged {
    cents: u64,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Noted {
    text: String,
}
#[derive(Deserialize)]
struct Cents {
    cents: u64,
}

mod old {
    #[derive(serde::Deserialize)]
    pub(super) struct Euros {
        euros: u64,
    }

    pub(super) fn euros_to_cents(old: Euros) -> Result<super::Cents, &'static str> {
        old.euros.checked_mul(100).map(|cents| super::Cents { cents }).ok_or("too many euros")
    }
}

fn add_currency(old: Cents) -> Money {
    Money::Deposited { cents: old.cents, currency: "EUR".into() }
}
fn checked(old: Cents) -> Result<Withdrawn, String> {
    if old.cents == 0 { Err("nothing was withdrawn".into()) } else { Ok(Withdrawn { cents: old.cents }) }
}
fn drop_zero(old: Cents) -> Option<Charged> {
    (old.cents > 0).then_some(Charged { cents: old.cents })
}
fn split(old: Cents) -> Vec<Money> {
    vec![Money::Moved { cents: old.cents / 2 }, Money::Moved { cents: old.cents - old.cents / 2 }]
}
fn rename_field(mut old: Value) -> Value {
    old["text"] = old["message"].take();
    old
}
fn from_value(old: Value) -> serde_json::Result<Noted> {
    serde_json::from_value(old)
}
fn retired(_: Value) {}
fn fallible_split(old: Cents) -> Result<(Withdrawn, Option<Charged>), String> {
    checked(old).map(|withdrawn| (withdrawn, None))
}

fn read(name: &str, version: u32, payload: &Value) -> Result<Vec<Money>, DecodeError> {
    let mut events = Vec::new();
    let payload = payload.to_string();
    let stored = Stored { name, version, payload: payload.as_bytes() };
    Money::decode(stored, &AnyCodec::default(), &mut events).map(|()| events)
}

#[test]
fn every_older_version_becomes_the_newest() {
    let deposited = Money::Deposited { cents: 700, currency: "EUR".into() };
    assert_eq!(deposited.schema().version, 3);
    let newest = Ok(vec![deposited]);
    assert_eq!(read("deposited", 1, &json!({"euros": 7})), newest);
    assert_eq!(read("deposited", 2, &json!({"cents": 700})), newest);
    assert_eq!(read("deposited", 3, &json!({"cents": 700, "currency": "EUR"})), newest);
    assert!(matches!(read("deposited", 4, &json!({})), Err(DecodeError::Unknown { version: 4, .. })));
}

#[test]
fn an_upcaster_may_refuse_in_any_step() {
    let reason = |error| match error {
        Err(DecodeError::Upcast { reason, .. }) => reason.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(read("deposited", 1, &json!({"euros": u64::MAX}))), "too many euros");
    assert_eq!(reason(read("Withdrawn", 1, &json!({"cents": 0}))), "nothing was withdrawn");
    assert_eq!(read("Withdrawn", 1, &json!({"cents": 1})), Ok(vec![Money::Withdrawn(Withdrawn { cents: 1 })]));
    assert!(matches!(read("Withdrawn", 1, &json!({"cents": "1"})), Err(DecodeError::Content { .. })));
}

#[test]
fn an_upcaster_may_drop_or_split() {
    assert_eq!(read("Charged", 1, &json!({"cents": 0})), Ok(vec![]));
    assert_eq!(read("Charged", 1, &json!({"cents": 3})), Ok(vec![Money::Charged(Charged { cents: 3 })]));
    assert_eq!(read("Retired", 1, &json!({"any": "thing"})), Ok(vec![]));
    assert_eq!(read("Moved", 1, &json!({"cents": 5})), Ok(vec![Money::Moved { cents: 2 }, Money::Moved { cents: 3 }]));
    assert_eq!(read("Shared", 1, &json!({"cents": 4})), Ok(vec![Money::Withdrawn(Withdrawn { cents: 4 })]));
}

#[test]
fn a_value_without_a_shape_is_a_step() {
    let noted = Ok(vec![Money::Noted(Noted { text: "hi".into() })]);
    assert_eq!(read("Noted", 1, &json!({"message": "hi"})), noted);
    assert_eq!(read("Noted", 2, &json!({"text": "hi"})), noted);
}
