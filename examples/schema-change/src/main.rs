//! Events that change their shape: a store that the first and second release wrote, read by the third.
//!
//! ```text
//! cargo run -p schema-change
//! ```
//!
//! The domain, with its upcasters, is in `lib.rs`; `tests/lock.rs` compares it with what was released.

use ego::Timestamp;
use ego::message::{CommandId, Expected, Metadata, StreamId};
use ego::prelude::*;
use ego::store::{Body, Commit, NewEvent, Store};
use ego_sled::SledStore;
use schema_change::{Parcel, Weigh};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// What the releases before this one have left.
const STORED: [(&str, u32, &str); 5] = [
    ("Weighed", 1, r#"{"grams":250}"#),
    ("Scanned", 1, r#"{"lamp":7}"#),
    ("Sent", 1, r#"{"to":"7 Elm Street, Springfield"}"#),
    ("Sent", 2, r#"{"street":"9 Ash Lane","city":"Shelbyville"}"#),
    ("Weighed", 1, r#"{"grams":260,"by":"Ann"}"#),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = SledStore::open(folder.path().join("store"))?;
    store.append(vec![old_releases()?]).await?;
    let engine = Engine::builder().store(store).start().await?;

    println!("What was stored, and what it means today:");
    let mut history = engine.history::<Parcel>("p-1")?;
    for (name, version, stored) in STORED {
        let read = history.next().await.ok_or("the history is shorter than what was stored")??;
        println!("  {name} v{version} {stored}");
        read.events.iter().for_each(|event| println!("      {event:?}"));
        if read.events.is_empty() {
            println!("      nothing any more");
        }
    }

    let parcel = engine.load::<Parcel>("p-1").await?;
    println!("\nThe state is folded from that: {:?}", parcel.state);
    engine.send::<Parcel>("p-1", Weigh { grams: 270, by: "Bob".into() }).await?;

    println!("\nA subscription gives each event its own identity, also two that one became:");
    let mut events = engine.subscribe().events::<Parcel>().await?;
    for _ in 0..7 {
        let one = events.next().await.ok_or("stopped")??;
        println!("  {} {:?}", one.delivery.token(), one.event);
    }

    println!("\nThe bytes are as they were recorded:");
    let mut raw = engine.subscribe().raw().await?;
    let first = raw.next().await.ok_or("stopped")??;
    println!("  {} v{} {}", first.name, first.version, String::from_utf8_lossy(&first.payload));
    engine.stop(Duration::from_secs(10)).await?;
    Ok(())
}

fn old_releases() -> Result<Commit, Box<dyn Error>> {
    let event = |(name, version, payload): (&'static str, u32, &'static str)| NewEvent {
        name: name.into(),
        version,
        payload: payload.into(),
        tags: Vec::new(),
    };
    Ok(Commit {
        stream: StreamId::new("parcel", "p-1")?,
        expected: Expected::NoStream,
        metadata: Arc::new(Metadata::new(CommandId::new("long-ago")?, "Weigh", Timestamp::UNIX_EPOCH)),
        codec: "json".into(),
        body: Body::Events(STORED.into_iter().map(event).collect()),
        reply: "null".into(),
        rows: Vec::new(),
    })
}
