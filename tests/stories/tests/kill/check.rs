//! What is compared: everything that was said by any process so far, with what the store holds.

use crate::child::engine;
use ego::Engine;
use ego::store::{Filter, RecordedEvent, Store};
use ego_sled::SledStore;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::time::Duration;
use stories::{Asked, Promise, Random, Said, Till, TillEvent};

/// How many commands of each sort are sent again after a kill.
const AGAIN: usize = 40;

/// A command that was tried by some process.
struct Tried {
    till: String,
    asked: Asked,
    answer: Answer,
}

enum Answer {
    /// The process was killed before.
    None,
    Promised(Promise),
    Refused,
}

/// All that was said.
#[derive(Default)]
pub(crate) struct House {
    tried: BTreeMap<String, Tried>,
    /// In the order in which they were tried.
    order: Vec<String>,
    unanswered: usize,
    repeated: usize,
    events: usize,
}

impl fmt::Display for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tried, promised) = (self.tried.len(), self.promises());
        let Self { unanswered, repeated, events, .. } = self;
        write!(f, "{tried} commands, {promised} promised, {unanswered} cut off, {repeated} sent again, {events} events")
    }
}

impl House {
    pub(crate) fn promises(&self) -> usize {
        self.tried.values().filter(|tried| matches!(tried.answer, Answer::Promised(_))).count()
    }

    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered
    }

    pub(crate) fn hear(&mut self, said: Said) {
        match said {
            Said::Tried { till, id, asked } => {
                self.order.push(id.clone());
                self.tried.insert(id, Tried { till, asked, answer: Answer::None });
            }
            Said::Promised(promise) => self.answer(promise.id.clone(), Answer::Promised(promise)),
            Said::Refused { id } => self.answer(id, Answer::Refused),
        }
    }

    fn answer(&mut self, id: String, answer: Answer) {
        self.tried.get_mut(&id).expect("it was tried before it was answered").answer = answer;
    }

    /// Opens what the last process left, and compares; `when` says in which round, for whoever reads a failure.
    pub(crate) async fn check(&mut self, folder: &Path, random: &mut Random, when: &str) {
        // Killed early enough, the first process left no store.
        if folder.join("FORMAT").exists() {
            let damage = SledStore::verify(folder).unwrap().damage;
            assert!(damage.is_empty(), "{when}: {damage:?}");
        }
        let engine = engine(folder).await;
        let log = whole_log(&engine).await;
        self.log_is_sound(&log, when);
        self.each_command_is_there_once_or_not_at_all(&log, when);
        self.states_are_folds(&engine, &log, when).await;
        self.repeats_have_no_effect(&engine, random, when).await;
        assert_eq!(whole_log(&engine).await.len(), log.len(), "{when}: a repeat recorded something (I11)");
        self.the_rest_is_finished(&engine, when).await;
        self.events = whole_log(&engine).await.len();
        engine.stop(Duration::from_secs(10)).await.unwrap();
    }

    /// I1, I3.
    fn log_is_sound(&self, log: &[RecordedEvent], when: &str) {
        let mut last = 0;
        let mut revisions: HashMap<&str, u64> = HashMap::new();
        for event in log {
            assert!(event.position.get() > last, "{when}: position {} after {last} (I3)", event.position);
            last = event.position.get();
            let revision = revisions.entry(event.stream.id()).or_default();
            *revision += 1;
            assert_eq!(event.revision.get(), *revision, "{when}: {} has a gap (I1)", event.stream);
        }
        assert!(log.len() >= self.events, "{when}: events are gone: {} of {}", log.len(), self.events);
    }

    /// I2, I11.
    fn each_command_is_there_once_or_not_at_all(&self, log: &[RecordedEvent], when: &str) {
        let mut recorded: HashMap<&str, Vec<&RecordedEvent>> = HashMap::new();
        for event in log {
            recorded.entry(event.metadata.command_id.as_str()).or_default().push(event);
        }
        for (id, Tried { till, asked, answer }) in &self.tried {
            let events = recorded.remove(id.as_str()).unwrap_or_default();
            let count = events.len() as u64;
            assert!(events.iter().all(|event| event.stream.id() == till), "{when}: {id} is in another stream");
            match answer {
                Answer::Refused => assert_eq!(count, 0, "{when}: {id} was refused and left a trace (I4)"),
                Answer::None => assert!(count == 0 || count == asked.events(), "{when}: {id} is there by half: {count} (I2)"),
                Answer::Promised(promise) => {
                    assert_eq!(count, asked.events(), "{when}: {id} was promised (I2)");
                    if let Some(last) = events.last() {
                        let stands = (Some(last.revision.get()), Some(last.position.get()));
                        assert_eq!(stands, (promise.revision, promise.position), "{when}: {id} stands elsewhere");
                    }
                }
            }
        }
        assert!(recorded.is_empty(), "{when}: nobody asked for {:?}", recorded.keys());
    }

    /// The state that the engine shows is the fold of the log, and each reply was true where it was given.
    async fn states_are_folds(&self, engine: &Engine, log: &[RecordedEvent], when: &str) {
        let mut folds: BTreeMap<&str, Till> = BTreeMap::new();
        let mut at: HashMap<(&str, u64), u64> = HashMap::new();
        for event in log {
            let till = folds.entry(event.stream.id()).or_default();
            till.events += 1;
            let content: serde_json::Value = serde_json::from_slice(&event.payload).unwrap();
            let by = content["by"].as_u64().unwrap();
            till.total = if &*event.name == "Added" { till.total + by } else { till.total - by };
            at.insert((event.stream.id(), event.revision.get()), till.total);
        }
        for (id, fold) in &folds {
            let loaded = engine.load::<Till>(id).await.unwrap();
            assert_eq!((&loaded.state, loaded.revision.map(u64::from)), (fold, Some(fold.events)), "{when}: {id}");
            let history = engine.history::<Till>(id).unwrap().collect().await.unwrap();
            let added =
                history.iter().flat_map(|recorded| &recorded.events).filter(|event| matches!(event, TillEvent::Added { .. }));
            let named = log.iter().filter(|event| event.stream.id() == *id && &*event.name == "Added");
            assert_eq!(added.count(), named.count(), "{when}: {id} is read differently");
        }
        for (id, tried) in &self.tried {
            let Answer::Promised(Promise { reply, revision, .. }) = &tried.answer else { continue };
            let total = revision.map_or(Some(0), |revision| at.get(&(tried.till.as_str(), revision)).copied());
            assert_eq!(total, Some(*reply), "{when}: what {id} was told is not so");
        }
    }

    /// I11: the newest promises, which the kill was closest to, and some of all.
    async fn repeats_have_no_effect(&mut self, engine: &Engine, random: &mut Random, when: &str) {
        let newest = self.order.iter().rev().take(3 * AGAIN);
        let any =
            (0..AGAIN).filter_map(|_| self.order.get(usize::try_from(random.below(self.order.len() as u64)).unwrap_or_default()));
        let ids: Vec<String> = newest.chain(any).cloned().collect();
        for id in ids {
            let Tried { till, asked, answer: Answer::Promised(promise) } = &self.tried[&id] else { continue };
            let receipt = asked.send(engine, till, &id).await.unwrap().expect("a promise is kept");
            assert_eq!((&Promise::of(&receipt), receipt.repeated), (promise, true), "{when}: {id} again (I11)");
            self.repeated += 1;
        }
    }

    /// What the kill cut off is sent again, as its client would: now it is there, once.
    async fn the_rest_is_finished(&mut self, engine: &Engine, when: &str) {
        let cut_off: Vec<_> =
            self.tried.iter().filter(|(_, tried)| matches!(tried.answer, Answer::None)).map(|(id, _)| id.clone()).collect();
        self.unanswered += cut_off.len();
        for id in cut_off {
            let Tried { till, asked, .. } = &self.tried[&id];
            let answer = match asked.send(engine, till, &id).await.unwrap() {
                Some(receipt) => {
                    let again = asked.send(engine, till, &id).await.unwrap().expect("a promise is kept");
                    assert_eq!((Promise::of(&again), again.repeated), (Promise::of(&receipt), true), "{when}: {id} (I11)");
                    Answer::Promised(Promise::of(&receipt))
                }
                None => Answer::Refused,
            };
            self.answer(id, answer);
        }
    }
}

async fn whole_log(engine: &Engine) -> Vec<RecordedEvent> {
    let (mut log, mut after) = (Vec::new(), None);
    loop {
        let page = engine.store().read_log(after, &Filter::all(), 1000).await.unwrap();
        log.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return log,
        }
    }
}
