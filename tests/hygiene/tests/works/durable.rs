//! Durable aggregates work as they are written.

use crate::story::builder;
use ego::codec::AnyCodec;
use ego::model::{Durable, Stored};
use ego::prelude::Dispatch;
use ego::store::MemoryStore;
use hygiene::durable::{Look, Paper, Pile, Put, Tray};

#[tokio::test]
async fn durable_aggregates_work_under_hostile_names() {
    let engine = builder(MemoryStore::new()).start().await.unwrap();
    for (amount, sum) in [(1, 1), (2, 3)] {
        assert_eq!(engine.send::<Tray>("a", Put(amount)).await.unwrap().reply, sum);
        assert_eq!(engine.send::<Pile<Paper>>("a", Put(amount)).await.unwrap().reply, sum);
    }
    assert_eq!(engine.send::<Tray>("a", Look).await.unwrap().reply, 3);
    assert_eq!(engine.send::<Pile<Paper>>("a", Look).await.unwrap().reply, 3);
    assert_eq!(engine.load::<Tray>("a").await.unwrap().state, Tray { amount: 3, copy: "a".into() });
    assert_eq!(engine.load::<Pile<Paper>>("a").await.unwrap().state.height, 3);
}

#[test]
fn older_shapes_are_read_under_hostile_names() {
    let json = AnyCodec::default();
    let stored = |version, payload| Stored { name: "state", version, payload };
    let tray = Tray { amount: 6, copy: "old".into() };
    assert_eq!(Tray::read(stored(1, b"3"), &json).unwrap(), tray);
    assert_eq!(Tray::read(stored(2, b"[6]"), &json).unwrap(), tray);
    assert_eq!(Tray::read(stored(3, br#"{"amount":6,"copy":"old"}"#), &json).unwrap(), tray);
    assert!(Tray::read(stored(4, b"{}"), &json).is_err());
    assert_eq!(Pile::<Paper>::read(stored(1, b"7"), &json).unwrap().height, 7);
}
