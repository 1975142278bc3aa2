//! Every form of a variant, there and back.

use ego::codec::AnyCodec;
use ego::model::{DecodeError, Stored};
use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Moved {
    to: String,
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Change {
    #[event(name = "opened")]
    Opened {
        first_owner: String,
        #[serde(default)]
        limit: u32,
    },
    Moved(Moved),
    #[event(alias = "AccountClosed", alias = "Ended")]
    Closed,
    r#Type(u8),
    #[deprecated]
    Gone {},
}

fn read(name: &str, version: u32, payload: &str) -> Result<Vec<Change>, DecodeError> {
    let mut events = Vec::new();
    let stored = Stored { name, version, payload: payload.as_bytes() };
    Change::decode(stored, &AnyCodec::default(), &mut events).map(|()| events)
}

#[test]
fn each_form_is_written_without_its_name_and_read_again() {
    let codec = AnyCodec::default();
    #[allow(deprecated)]
    let forms = [
        (Change::Opened { first_owner: "Ann".into(), limit: 2 }, "opened", r#"{"first_owner":"Ann","limit":2}"#),
        (Change::Moved(Moved { to: "Rome".into() }), "Moved", r#"{"to":"Rome"}"#),
        (Change::Closed, "Closed", "{}"),
        (Change::Type(7), "Type", "7"),
        (Change::Gone {}, "Gone", "{}"),
    ];
    for (event, name, payload) in forms {
        assert_eq!(event.schema().name, name);
        assert_eq!(event.encode(&codec), Ok(payload.as_bytes().to_vec()));
        assert_eq!(read(name, 1, payload), Ok(vec![event]));
    }
}

#[test]
fn a_stored_name_does_not_follow_serde() {
    assert!(Change::SCHEMAS.iter().all(|schema| schema.name != "moved" && schema.name != "closed"));
}

#[test]
fn an_older_name_is_read() {
    assert_eq!(read("AccountClosed", 1, "{}"), Ok(vec![Change::Closed]));
    assert_eq!(read("Ended", 1, "{}"), Ok(vec![Change::Closed]));
    assert_eq!(Change::SCHEMAS[2].aliases, ["AccountClosed", "Ended"]);
}

#[test]
fn a_new_field_takes_its_default() {
    assert_eq!(read("opened", 1, r#"{"first_owner":"Ann"}"#), Ok(vec![Change::Opened { first_owner: "Ann".into(), limit: 0 }]));
}

#[test]
fn what_is_not_known_is_refused_by_name_and_version() {
    let unknown = |name: &str, version| Err(DecodeError::Unknown { name: name.into(), version });
    assert_eq!(read("Opened", 1, "{}"), unknown("Opened", 1));
    assert_eq!(read("Closed", 0, "{}"), unknown("Closed", 0));
    assert_eq!(read("Closed", 2, "{}"), unknown("Closed", 2));
    assert!(matches!(read("Moved", 1, "{"), Err(DecodeError::Content { version: 1, .. })));
}

#[derive(Event, Debug, PartialEq)]
enum Nothing {}

#[test]
fn an_enum_without_events_reads_nothing() {
    let mut events: Vec<Nothing> = Vec::new();
    let stored = Stored { name: "Any", version: 1, payload: b"{}" };
    assert!(Nothing::decode(stored, &AnyCodec::default(), &mut events).is_err());
    assert_eq!(events, []);
}
