//! The process that is killed: clients that send random commands to a few tills, each as soon as its last one was answered.

use ego::Engine;
use ego::engine::Limits;
use ego_sled::SledStore;
use std::path::Path;
use stories::{Asked, Promise, Random, Said};

/// The test that is this process.
pub(crate) const NAME: &str = "child::sends_commands_until_it_is_killed";
/// Where its store is.
pub(crate) const FOLDER: &str = "EGO_STORY_FOLDER";
/// What its commands depend on.
pub(crate) const SEED: &str = "EGO_STORY_CHILD_SEED";
/// Part of its command ids.
pub(crate) const ROUND: &str = "EGO_STORY_ROUND";

const CLIENTS: u64 = 12;
const TILLS: u64 = 9;

/// An engine on the store in this folder. Few tills stay in memory, and the log's files are small: everything happens often.
pub(crate) async fn engine(folder: &Path) -> Engine {
    let store = SledStore::options(folder).segment_bytes(64 << 10).open().unwrap();
    let limits = Limits { active_aggregates: 3, ..Limits::default() };
    Engine::builder().store(store).limits(limits).start().await.unwrap()
}

#[test]
#[ignore = "a child process: `cargo test -p stories --test kill what_was_acknowledged` runs it"]
fn sends_commands_until_it_is_killed() {
    let told = |name: &str| std::env::var(name).expect("only the story starts this");
    let (folder, seed, round) = (told(FOLDER), told(SEED), told(ROUND));
    let seed: u64 = seed.parse().unwrap();
    // The test's own line has no end yet.
    println!();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let engine = engine(Path::new(&folder)).await;
        let clients = (0..CLIENTS).map(|client| {
            let random = Random::new(seed ^ client.wrapping_mul(0x0123_4567_89AB_CDEF));
            tokio::spawn(client_lives(engine.clone(), random, format!("{round}-{client}")))
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
    });
}

async fn client_lives(engine: Engine, mut random: Random, name: String) {
    for number in 0_u64.. {
        let (till, id) = (format!("till-{}", random.below(TILLS)), format!("{name}-{number}"));
        let asked = Asked::random(&mut random);
        Said::Tried { till: till.clone(), id: id.clone(), asked: asked.clone() }.say().unwrap();
        let said = match asked.send(&engine, &till, &id).await.unwrap() {
            Some(receipt) => Said::Promised(Promise::of(&receipt)),
            None => Said::Refused { id },
        };
        said.say().unwrap();
    }
}
