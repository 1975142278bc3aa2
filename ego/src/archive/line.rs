//! One recorded event as one line of JSON, with everything that the store knows of it: what archives, exports and imports are made of.
//!
//! ```text
//! {"stream":{"kind":"account","id":"a"},"revision":2,"position":17,"name":"Deposited","version":1,"codec":"json",
//!  "payload":{"amount":5},"tags":["gold"],"metadata":{"command_id":"c2","command":"Deposit","correlation_id":"c1",…}}
//! ```
//!
//! (In one line.) `tags` is left out when there are none. A payload of the codec `json` stands as it is; any other, and one that has no
//! place in a line, stands under `base64` instead of `payload`. Either way its bytes come back as they were recorded (I7). Keys that a reader
//! does not know are ignored.

use crate::message::{Metadata, Name, Position, Revision, StreamId};
use crate::store::RecordedEvent;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
struct Line<'l> {
    stream: StreamId,
    revision: Revision,
    position: Position,
    name: Name,
    version: u32,
    codec: Name,
    #[serde(borrow, default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    payload: Option<&'l RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Arc<str>>,
    metadata: Arc<Metadata>,
}

/// `null` is a payload, too.
fn some<'l, D: Deserializer<'l>>(from: D) -> Result<Option<&'l RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// The event as a line, without a line break.
///
/// # Errors
/// [`LineError`] when something in the metadata cannot be said in JSON: nothing that ego makes.
pub fn to_line(event: &RecordedEvent) -> Result<String, LineError> {
    let payload = as_json(event);
    let line = Line {
        stream: event.stream.clone(),
        revision: event.revision,
        position: event.position,
        name: event.name.clone(),
        version: event.version,
        codec: event.codec.clone(),
        payload,
        base64: payload.is_none().then(|| STANDARD.encode(&event.payload)),
        tags: event.tags.clone(),
        metadata: Arc::clone(&event.metadata),
    };
    serde_json::to_string(&line).map_err(|error| LineError(error.to_string()))
}

/// The payload, if it is JSON that can stand in a line as it is.
fn as_json(event: &RecordedEvent) -> Option<&RawValue> {
    if &*event.codec != "json" || event.payload.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return None;
    }
    let json: &RawValue = serde_json::from_slice(&event.payload).ok()?;
    // White space around it would be lost.
    (json.get().len() == event.payload.len()).then_some(json)
}

/// The event that a line holds.
///
/// # Errors
/// [`LineError`] says what is wrong with the line.
pub fn from_line(line: &[u8]) -> Result<RecordedEvent, LineError> {
    let read: Line<'_> = serde_json::from_slice(line).map_err(|error| LineError(error.to_string()))?;
    let payload = match (read.payload, &read.base64) {
        (Some(json), None) => Bytes::copy_from_slice(json.get().as_bytes()),
        (None, Some(base64)) => STANDARD.decode(base64).map_err(|error| LineError(format!("`base64`: {error}")))?.into(),
        _ => return Err(LineError("it has neither `payload` nor `base64`, or both".to_owned())),
    };
    Ok(RecordedEvent {
        stream: read.stream,
        revision: read.revision,
        position: read.position,
        name: read.name,
        version: read.version,
        codec: read.codec,
        payload,
        tags: read.tags,
        metadata: read.metadata,
    })
}

/// Why a line holds no event, or an event makes no line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{CommandId, MetadataDraft};
    use proptest::prelude::*;

    fn event(codec: &str, payload: &[u8]) -> RecordedEvent {
        let draft = MetadataDraft::new().actor("ann").tenant("t").causation_id("c0").entry("k\n\"", "v\u{2028}");
        let metadata = draft.complete(id(), "Deposit", "2026-01-31T12:00:00.000000001Z".parse().unwrap()).unwrap();
        RecordedEvent {
            stream: StreamId::new("account", "with/slash \"and\" ü").unwrap(),
            revision: Revision::new(u64::MAX).unwrap(),
            position: Position::new(17).unwrap(),
            name: "Deposited".into(),
            version: 3,
            codec: codec.to_owned().into(),
            payload: Bytes::copy_from_slice(payload),
            tags: vec!["gold".into(), "a\"b".into()],
            metadata: Arc::new(metadata),
        }
    }

    fn id() -> CommandId {
        CommandId::new("c1").unwrap()
    }

    fn comes_back(event: &RecordedEvent) -> String {
        let line = to_line(event).unwrap();
        assert!(!line.contains(['\n', '\r']), "{line:?}");
        assert_eq!(&from_line(line.as_bytes()).unwrap(), event);
        line
    }

    #[test]
    fn json_stands_as_it_is_and_anything_else_as_base64() {
        assert!(comes_back(&event("json", br#"{"amount":5}"#)).contains(r#""payload":{"amount":5}"#));
        // A number that no number type holds, an order of keys, an escape: nothing is written anew.
        for odd in [r#"{"b":1.00000000000000000001e400,"a":"\u00fc"}"#, "null", "[1, 2]", r#"{"a":1,"a":2}"#] {
            assert!(comes_back(&event("json", odd.as_bytes())).contains(odd));
        }
        let elsewhere =
            [("json", &b"[1,\n2]"[..]), ("json", b" 1"), ("json", b"{"), ("json", b""), ("json", b"\"\xff\""), ("raw", b"1")];
        for (codec, payload) in elsewhere {
            assert!(comes_back(&event(codec, payload)).contains(r#""base64":"#));
        }
    }

    #[test]
    fn the_line_is_what_the_format_says() {
        let mut plain = event("json", b"{}");
        plain.tags.clear();
        plain.metadata = Arc::new(Metadata::new(id(), "Open", crate::Timestamp::UNIX_EPOCH));
        plain.revision = Revision::FIRST;
        plain.stream = StreamId::new("account", "a").unwrap();
        let wanted = r#"{"stream":{"kind":"account","id":"a"},"revision":1,"position":17,"name":"Deposited","version":3,"codec":"json","payload":{},"metadata":{"command_id":"c1","command":"Open","correlation_id":"c1","causation_id":null,"actor":null,"tenant":null,"time":"1970-01-01T00:00:00Z","entries":{}}}"#;
        assert_eq!(to_line(&plain).unwrap(), wanted);
        let with_more = wanted.replacen("{\"stream\"", "{\"later\":[1],\"stream\"", 1);
        assert_eq!(from_line(with_more.as_bytes()).unwrap(), plain);
    }

    #[test]
    fn what_is_no_event_says_why() {
        let line = to_line(&event("raw", b"x")).unwrap();
        for (broken, said) in [
            (line.replace("\"base64\"", "\"other\""), "neither"),
            (line.replace("eA==", "e"), "base64"),
            (line.replace("\"revision\":18446744073709551615", "\"revision\":0"), "nonzero"),
            (line[..line.len() - 1].to_owned(), "EOF"),
            (line.replace("\"kind\":\"account\"", "\"kind\":\"\""), "empty"),
        ] {
            let error = from_line(broken.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(said), "{error}: {broken}");
        }
    }

    proptest! {
        #[test]
        fn any_payload_comes_back(codec in "json|raw", payload: Vec<u8>) {
            comes_back(&event(&codec, &payload));
        }

        #[test]
        fn any_json_comes_back(text: String, number: f64) {
            comes_back(&event("json", &serde_json::to_vec(&(text, number)).unwrap()));
        }
    }
}
