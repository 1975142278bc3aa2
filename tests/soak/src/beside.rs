//! What goes on beside the clients: who follows the log, who keeps snapshots and checkpoints, who listens for failures.

use crate::ground;
use crate::scene::Scene;
use ego::message::{Position, StreamId};
use ego::store::{Filter, Snapshot, Store, StoreError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Follows the log to its end, keeping a checkpoint, and says how many events it saw. I3: no position twice, none too late.
pub async fn follow(scene: Arc<Scene>) -> u64 {
    let (mut after, mut seen) = (None, 0);
    loop {
        // Before the log is read, so that nothing is missed at the end.
        let over = scene.done.load(Ordering::Relaxed);
        match read_on(&scene, &mut after).await {
            Ok(0) if over => return seen,
            Ok(events) => seen += events,
            Err(error) => {
                scene.figures.broken(format!("following the log: {error}"));
                return seen;
            }
        }
    }
}

async fn read_on(scene: &Scene, after: &mut Option<Position>) -> Result<u64, StoreError> {
    let store = scene.engine.store();
    let page = store.read_log(*after, &Filter::all(), 1000).await?;
    for event in &page.items {
        if *after >= Some(event.position) {
            scene.figures.broken(format!("position {} follows {after:?}", event.position));
        }
        *after = Some(event.position);
    }
    if page.items.is_empty() {
        // The head may be ahead of what is to be read, but nothing may come without it.
        let _ = tokio::time::timeout(Duration::from_millis(100), store.wait_for_head(*after)).await;
    } else {
        store.save_checkpoint("follower", *after).await?;
        if store.load_checkpoint("follower").await? != *after {
            scene.figures.broken("a checkpoint is not what was saved");
        }
    }
    Ok(page.items.len() as u64)
}

/// Keeps and forgets snapshots and checkpoints, and lists what there is.
pub async fn keep(scene: Arc<Scene>, seed: u64) {
    let mut random = StdRng::seed_from_u64(!seed);
    while !scene.figures.is_over() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if let Err(error) = keep_one(&scene, &mut random).await {
            scene.figures.broken(format!("keeping snapshots and checkpoints: {error}"));
        }
    }
}

async fn keep_one(scene: &Scene, random: &mut StdRng) -> Result<(), StoreError> {
    let store = scene.engine.store();
    let Ok(stream) = StreamId::new("shelf", ground::id(scene.ground.shelf(random))) else { return Ok(()) };
    if scene.quiet.load(Ordering::Relaxed) {
        store.load_snapshot(&stream).await?;
        store.list_streams(Some("shelf"), Some(&stream), 50).await?;
        return Ok(());
    }
    match random.random_range(0..10) {
        0 => store.delete_snapshot(&stream).await?,
        1 => {
            let consumer = format!("consumer-{}", random.random_range(0..20));
            store.save_checkpoint(&consumer, store.head().await?).await?;
            if random.random_bool(0.2) {
                store.delete_checkpoint(&consumer).await?;
            }
            store.list_checkpoints().await?;
        }
        2 => {
            store.list_streams(Some("shelf"), Some(&stream), 50).await?;
        }
        _ => {
            let Some(head) = store.stream_head(&stream).await? else { return Ok(()) };
            let (Some(revision), Some(position)) = (head.revision, head.position) else { return Ok(()) };
            let payload = vec![7; random.random_range(0..5000)].into();
            store.save_snapshot(&stream, Snapshot { revision, position, version: 1, codec: "bytes".into(), payload }).await?;
            scene.figures.count("snapshots");
            let kept = store.load_snapshot(&stream).await?;
            if kept.is_none_or(|kept| kept.revision < revision) {
                scene.figures.broken(format!("the snapshot of {stream} is older than the one that was saved"));
            }
        }
    }
    Ok(())
}

/// Listens for the failures of commands that nobody waits for.
pub async fn listen(scene: Arc<Scene>) {
    let mut failures = scene.engine.failures();
    while !scene.figures.is_over() {
        match tokio::time::timeout(Duration::from_millis(100), failures.next()).await {
            Ok(Some(_)) => scene.figures.count("failures heard of"),
            Ok(None) => return,
            Err(_) => {}
        }
    }
}
