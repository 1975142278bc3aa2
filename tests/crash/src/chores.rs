//! What goes on beside the commands: snapshots, checkpoints, deleting and compacting, and somebody who reads the log as it grows.

use crate::house::{CONSUMERS, HALL, NOTE, PILE, TILL, rolled, snapshot, stream};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::said::{Chore, Said};
use crate::tried::{Answer, Asked, LARGE, Tried};
use crate::views::catch_up;
use ego::Engine;
use ego::message::{Expected, Position, Revision};
use ego::store::{Filter, Store, StoreError};
use ego_sled::SledStore;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(1);

/// Says what begins and how it ended.
async fn done(chore: Chore, work: impl Future<Output = Result<(), StoreError>>) -> Outcome {
    Said::Begun(chore.clone()).say()?;
    let ended = match work.await {
        Ok(()) => Said::Done(chore),
        Err(StoreError::HeldBack { .. }) => Said::Refused(chore),
        Err(error) => return Err(error.into()),
    };
    Ok(ended.say()?)
}

pub(crate) async fn snapshots(store: SledStore, mut random: Random) -> Outcome {
    loop {
        let stream = stream(TILL, random.below(16))?;
        match store.stream_head(&stream).await?.as_ref().and_then(snapshot) {
            Some(snapshot) => {
                let chore = Chore::Snapshot { stream: stream.clone(), revision: snapshot.revision.get() };
                done(chore, store.save_snapshot(&stream, snapshot)).await?;
            }
            None => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// All consumers have finished what there is.
pub(crate) async fn checkpoints(store: &SledStore) -> Outcome {
    let head = store.head().await?;
    for consumer in CONSUMERS {
        let chore = Chore::Checkpoint { consumer: consumer.to_owned(), position: head.map_or(0, Position::get) };
        done(chore, store.save_checkpoint(consumer, head)).await?;
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

/// Keeps large states; each replaces the one before, so that the log alone grows.
pub(crate) async fn large(engine: Engine, name: String) -> Outcome {
    let to = stream(NOTE, "large")?;
    for number in 0..2 {
        let (token, asked) = (format!("{name}-{number}"), Asked::Keep { size: LARGE });
        let tried = Tried { token, stream: to.clone(), asked, own_id: true, expected: Expected::Any };
        Said::Tried(tried.clone()).say()?;
        let (answer, repeated) = tried.send(&engine, None).await?;
        Said::Answered { token: tried.token, answer, repeated }.say()?;
    }
    Ok(())
}

/// Records piles of events, deletes some, erases some, and takes their bytes off the disk.
pub(crate) async fn upkeep(engine: Engine, store: SledStore, mut random: Random, name: String) -> Outcome {
    for pile in 0.. {
        let to = stream(PILE, format!("{name}-{pile}"))?;
        let mut last = 0;
        for number in 0..random.between(1, 4) {
            let asked = Asked::Pile { times: random.between(1, 5), size: random.below(400) as usize };
            let token = format!("{name}-{pile}-{number}");
            let tried = Tried { token, stream: to.clone(), asked, own_id: true, expected: Expected::Any };
            Said::Tried(tried.clone()).say()?;
            let (answer, repeated) = tried.send(&engine, None).await?;
            if let Answer::Promised(promise) = &answer {
                last = promise.revision.unwrap_or_default();
            }
            Said::Answered { token: tried.token, answer, repeated }.say()?;
        }
        if !random.one_in(8) {
            catch_up(&store).await?;
            checkpoints(&store).await?;
        }
        if let Some(revision) = Revision::new(random.between(0, last)) {
            let chore = Chore::Delete { stream: to.clone(), revision: revision.get() };
            done(chore, store.delete_up_to(&to, revision)).await?;
        }
        if random.one_in(3) {
            done(Chore::Erase { stream: to.clone() }, store.erase(&to)).await?;
        }
        done(Chore::Compact, async { store.compact().await.map(drop) }).await?;
    }
    Ok(())
}

/// Reads the log as it grows, from now on.
pub(crate) async fn follow(store: SledStore) -> Outcome {
    let start = store.head().await?;
    let filter = Filter::all().kind(TILL).kind(HALL);
    let (mut read, mut digest) = (start, 0);
    loop {
        let head = store.wait_for_head(read).await?;
        let mut from = read;
        loop {
            let page = store.read_log(from, &filter, 20).await?;
            if let Some(last) = page.items.last() {
                digest = page.items.iter().fold(digest, rolled);
                read = Some(last.position);
                let after = start.map_or(0, Position::get);
                Said::Saw { after, position: last.position.get(), digest }.say()?;
            }
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        // What is not let through is not read again.
        read = read.max(Some(head));
    }
}
