// Every form of a variant, with every option.
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Event, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mixed {
    Fields { a: u8 },
    Empty {},
    Unit,
    Payload(Payload),
    #[event(name = "foreign.payload")]
    Foreign(String),
    #[event(alias = "Old", alias = "Older", name = "renamed")]
    Renamed,
    #[event(version = 4, upcast(1 => v1::to_v2, 2 => crate::to_v3, 3 => to_now))]
    Grown { total: u64 },
    #[event(version = 2)]
    #[event(upcast(1 => to_pair,))]
    Pair(Pair),
    #[event(version = 2, upcast(1 => gone))]
    Gone,
    #[event(version = 2, upcast(1 => split))]
    Split,
    r#Box,
    #[deprecated]
    Late { #[serde(default)] since: Option<u8> },
}

#[derive(Serialize, Deserialize)]
struct Payload;
#[derive(Serialize, Deserialize)]
struct Pair(u8, u8);

mod v1 {
    pub fn to_v2(v1: u64) -> Result<serde_json::Value, std::num::TryFromIntError> {
        u32::try_from(v1).map(Into::into)
    }
}
fn to_v3(v2: Value) -> Value {
    v2
}
fn to_now(v3: Value) -> Result<Mixed, &'static str> {
    v3.as_u64().map(|total| Mixed::Grown { total }).ok_or("no number")
}
fn to_pair((a, b): (u8, u8)) -> Pair {
    Pair(a, b)
}
fn gone(_: serde::de::IgnoredAny) {}
fn split(_: ()) -> (Payload, Option<Pair>, Vec<Mixed>, [Mixed; 1]) {
    (Payload, None, Vec::new(), [Mixed::Split])
}

// No serde on the enum: the payloads have it.
#[derive(Event)]
enum Payloads {
    One(Payload),
    Two(Pair),
}

// What holds several things is no outcome of its own, but a payload like any other.
#[derive(Event, Serialize, Deserialize)]
enum Containers {
    One(Payload),
    Many(Vec<Payload>),
    Perhaps(Option<Payload>),
    Both((Pair, Pair)),
    Fixed([Payload; 2]),
    Nested(Box<Self>),
}

// Two variants with one payload type are told apart by name, not by type.
#[derive(Event)]
enum Shared {
    Credited(u64),
    Debited(u64),
}

// Names of associated types are no trouble.
#[derive(Event, Serialize, Deserialize)]
enum Names {
    Event,
    Reply,
    Form,
    Error { error: String },
    Self_(u8),
}

#[derive(Event)]
enum None {}

#[derive(Event)]
enum Generic<T, const N: usize>
where
    T: Clone,
{
    Listed(Listed<T, N>),
    Bare(T),
}
#[derive(Clone, Serialize)]
struct Listed<T, const N: usize>(Vec<T>);
impl<'de, T, const N: usize> Deserialize<'de> for Listed<T, N> {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self(Vec::new()))
    }
}

fn main() {
    // In a function, too.
    #[derive(Event, Serialize, Deserialize)]
    enum Local {
        Here,
    }
    assert_eq!(Local::Here.schema().name, "Here");
    assert_eq!(Mixed::SCHEMAS.len(), 12);
    assert_eq!(Generic::<u8, 1>::SCHEMAS[1].name, "Bare");
    assert_eq!(Payloads::from(Payload).schema().name, "One");
    assert_eq!(Shared::Debited(1).schema().name, "Debited");
    assert_eq!(Names::SCHEMAS[4].name, "Self_");
    assert_eq!(Containers::from(vec![Payload]).schema().name, "Many");
    assert!(None::SCHEMAS.is_empty());
}
