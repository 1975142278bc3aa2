//! A client: sends every sort of command in every manner, checks what it is told at once, and writes it down.

use crate::asked::{Answer, Asked, Done, How, No, Told};
use crate::figures::with_causes;
use crate::ground;
use crate::said::{Outcome, Said, mark};
use crate::scene::Scene;
use crate::shelf::{Mark, Shelf};
use ego::engine::ForgetError;
use ego::message::{Expected, Revision};
use futures_util::FutureExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// One of the clients.
pub struct Client {
    number: u64,
    /// How many commands it has sent.
    commands: u64,
    random: StdRng,
    scene: Arc<Scene>,
    /// The last of those that were sent under their own id.
    past: VecDeque<Past>,
}

/// A command, and what is known about it.
#[derive(Clone, Copy)]
struct Past {
    mark: Mark,
    shelf: u64,
    asked: Asked,
    own_id: bool,
    outcome: Outcome,
}

/// So many commands may be sent again.
const PAST: usize = 64;

impl Client {
    /// The client of this number.
    pub fn new(number: u64, seed: u64, scene: Arc<Scene>) -> Self {
        let random = StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        Self { number, commands: 0, random, scene, past: VecDeque::new() }
    }

    /// Goes on until the soak is over.
    pub async fn run(mut self) {
        while !self.scene.figures.is_over() {
            let quiet = self.scene.quiet.load(Ordering::Relaxed);
            match self.random.random_range(0..100) {
                0..40 => self.wait(quiet, false).await,
                40..45 => self.wait(quiet, true).await,
                45..70 => self.give_up(quiet).await,
                70..75 => self.run_out_of_time(quiet).await,
                // From here on what is sent may be recorded, or the answer is kept under an id.
                75..95 if quiet => self.wait(quiet, false).await,
                75..80 => self.forget(),
                80..86 => self.repeat().await,
                86..90 => self.send_twice().await,
                90..93 => self.expect_what_is().await,
                93..95 => self.expect_what_is_not().await,
                95..97 => self.load().await,
                _ => self.read_history().await,
            }
        }
    }

    /// A command that was not sent yet, to any shelf.
    fn next(&mut self, asked: Asked, own_id: bool) -> Past {
        self.commands += 1;
        let (mark, shelf) = (mark(self.number, self.commands), self.scene.ground.shelf(&mut self.random));
        Past { mark, shelf, asked, own_id, outcome: Outcome::Nothing }
    }

    /// Any command; one that leaves nothing in the store when it is to be quiet.
    fn any(&mut self, quiet: bool) -> Past {
        if quiet {
            let asked = Asked::without_effect(&mut self.random);
            self.next(asked, false)
        } else {
            let (asked, own_id) = (Asked::any(&mut self.random), self.random.random_bool(0.7));
            self.next(asked, own_id)
        }
    }

    fn start(&self, past: &Past, how: How) -> Answer {
        past.asked.send(&self.scene.engine, past.shelf, past.mark, How { own_id: past.own_id, ..how })
    }

    /// Writes down what is known of a command. What was known before may be sent again.
    fn say(&mut self, past: Past) {
        self.scene.say(&Said {
            mark: past.mark,
            shelf: past.shelf,
            events: past.asked.events(),
            own_id: past.own_id,
            outcome: past.outcome,
        });
        if past.own_id {
            self.past.push_back(past);
            if self.past.len() > PAST {
                self.past.pop_front();
            }
        }
    }

    /// Writes down what a command that is sent for the first time was told.
    fn told(&mut self, mut past: Past, told: &Told) {
        past.outcome = match told {
            Ok(done) => {
                self.scene.figures.acknowledged();
                if done.repeated {
                    self.broken(past, "it was never sent before, and is told to be a repeat");
                }
                done.outcome()
            }
            Err(no) => {
                self.no(past, no);
                no.outcome()
            }
        };
        self.say(past);
    }

    fn no(&self, past: Past, no: &No) {
        match no {
            No::Known(name) => self.scene.figures.count(name),
            No::TooLate => self.scene.figures.count("timed out, recorded or not"),
            No::Wrong(error) => self.broken(past, error),
        }
    }

    fn broken(&self, past: Past, why: impl std::fmt::Display) {
        let Past { mark, shelf, asked, outcome, .. } = past;
        self.scene.figures.broken(format!("{asked:?} {mark} to shelf {shelf}, {outcome:?} before: {why}"));
    }

    async fn wait(&mut self, quiet: bool, by_name: bool) {
        let past = self.any(quiet);
        let began = Instant::now();
        let told = self.start(&past, How { by_name, ..How::default() }).await;
        if told.is_ok() {
            self.scene.figures.took(began.elapsed());
        }
        self.told(past, &told);
    }

    async fn give_up(&mut self, quiet: bool) {
        let mut past = self.any(quiet);
        self.scene.given_up.lock().insert(past.shelf);
        let mut answer = self.start(&past, How::default());
        let manner = self.random.random_range(0..4);
        let told = match manner {
            0 => {
                self.scene.figures.count("dropped unpolled");
                return self.say(past);
            }
            1 => answer.now_or_never(),
            2 => {
                let soon = Duration::from_micros(self.random.random_range(0..4000));
                tokio::select! {
                    told = &mut answer => Some(told),
                    () = tokio::time::sleep(soon) => None,
                }
            }
            _ => {
                let task = tokio::spawn(answer);
                for _ in 0..self.random.random_range(0..20) {
                    tokio::task::yield_now().await;
                }
                task.abort();
                match task.await {
                    Ok(told) => Some(told),
                    Err(ended) if ended.is_cancelled() => None,
                    Err(panic) => return self.broken(past, format!("it panicked in its sender: {panic}")),
                }
            }
        };
        match told {
            Some(told) => self.told(past, &told),
            None => {
                self.scene.figures.count("dropped under way");
                past.outcome = Outcome::Unknown;
                self.say(past);
            }
        }
    }

    async fn run_out_of_time(&mut self, quiet: bool) {
        let past = self.any(quiet);
        self.scene.given_up.lock().insert(past.shelf);
        let timeout = Some(Duration::from_micros(self.random.random_range(0..4000)));
        let told = self.start(&past, How { timeout, ..How::default() }).await;
        self.told(past, &told);
    }

    fn forget(&mut self) {
        let mut past = self.any(false);
        past.own_id = true;
        let sending = past.asked.sending(&self.scene.engine, past.shelf, past.mark).command_id(past.mark.to_string());
        match sending.and_forget() {
            Ok(_) => {
                self.scene.figures.count("forgotten");
                past.outcome = Outcome::Unknown;
            }
            Err(ForgetError::Overloaded { .. }) => self.scene.figures.count("overloaded"),
            Err(error) => self.broken(past, error),
        }
        self.say(past);
    }

    /// I11.
    async fn repeat(&mut self) {
        if self.past.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.past.len());
        let mut past = self.past[at];
        let told = self.start(&past, How::default()).await;
        match (past.outcome, &told) {
            (Outcome::Done { .. }, Ok(again)) if again.repeated && again.outcome() == past.outcome => {
                return self.scene.figures.count("repeated");
            }
            (Outcome::Unknown, Ok(done)) => {
                self.scene.figures.count(if done.repeated { "found out: recorded" } else { "found out: not recorded" });
                past.outcome = done.outcome();
            }
            (Outcome::Nothing, Ok(done)) if !done.repeated => past.outcome = done.outcome(),
            (Outcome::Done { .. }, Err(No::TooLate)) | (Outcome::Unknown | Outcome::Nothing, Err(_)) => {}
            (_, told) => return self.broken(past, format!("sent again, it is told {told:?}")),
        }
        if let Err(no) = &told {
            self.no(past, no);
            if past.outcome == Outcome::Nothing {
                past.outcome = no.outcome();
            }
        }
        // In its old place it would tell what is outdated.
        self.past.remove(at);
        self.say(past);
    }

    async fn send_twice(&mut self) {
        let mut past = self.any(false);
        past.own_id = true;
        let (one, other) = tokio::join!(self.start(&past, How::default()), self.start(&past, How::default()));
        past.outcome = match (&one, &other) {
            (Ok(one), Ok(other)) => {
                if one.outcome() != other.outcome() || one.repeated == other.repeated {
                    self.broken(past, format!("sent twice at once, it is told {one:?} and {other:?}"));
                }
                self.scene.figures.count("sent twice at once");
                one.outcome()
            }
            (Ok(done), Err(no)) | (Err(no), Ok(done)) => {
                self.no(past, no);
                done.outcome()
            }
            (Err(one), Err(other)) => {
                self.no(past, one);
                self.no(past, other);
                if one.outcome() == Outcome::Nothing { other.outcome() } else { one.outcome() }
            }
        };
        self.say(past);
    }

    async fn expect_what_is(&mut self) {
        let asked = Asked::Put { units: 1, times: 2 };
        let past = self.next(asked, true);
        let Some((revision, _)) = self.load_shelf(past.shelf).await else { return };
        let expected = Some(Revision::new(revision).map_or(Expected::NoStream, Expected::Exact));
        let told = self.start(&past, How { expected, ..How::default() }).await;
        if let Ok(Done { revision: now, .. }) = told
            && now != revision + 2
        {
            self.broken(past, format!("it expected revision {revision} and left {now}"));
        }
        self.told(past, &told);
    }

    async fn expect_what_is_not(&mut self) {
        let past = self.next(Asked::Put { units: 1, times: 1 }, true);
        let expected = Revision::new(1 << 40).map(Expected::Exact);
        let told = self.start(&past, How { expected, ..How::default() }).await;
        if told.is_ok() {
            self.broken(past, "it expected a revision that is not there, and was acknowledged");
        }
        self.told(past, &told);
    }

    async fn load_shelf(&self, shelf: u64) -> Option<(u64, u64)> {
        match self.scene.engine.load::<Shelf>(&ground::id(shelf)).await {
            Ok(loaded) => Some((loaded.revision.map_or(0, u64::from), loaded.state.units)),
            Err(error) => {
                self.scene.figures.broken(format!("loading shelf {shelf}: {}", with_causes(&error)));
                None
            }
        }
    }

    /// What was acknowledged is seen.
    async fn load(&mut self) {
        self.scene.figures.count("loaded");
        let known = self.past.iter().rev().find_map(|past| match past.outcome {
            Outcome::Done { revision, .. } => Some((past.shelf, revision)),
            _ => None,
        });
        let (shelf, acknowledged) = known.unwrap_or_else(|| (self.scene.ground.shelf(&mut self.random), 0));
        if let Some((revision, _)) = self.load_shelf(shelf).await
            && revision < acknowledged
        {
            self.scene.figures.broken(format!("shelf {shelf} is at {revision}, and {acknowledged} was acknowledged"));
        }
    }

    /// I1.
    async fn read_history(&mut self) {
        self.scene.figures.count("histories read");
        let shelf = self.scene.ground.shelf(&mut self.random);
        let mut history = match self.scene.engine.history::<Shelf>(ground::id(shelf)) {
            Ok(history) => history,
            Err(error) => return self.scene.figures.broken(format!("the history of shelf {shelf}: {}", with_causes(&error))),
        };
        for expected in 1..=self.random.random_range(1..300u64) {
            // Dropped and asked again: no event is lost.
            if self.random.random_bool(0.05) {
                let _ = history.next().now_or_never().map(drop);
                return;
            }
            match history.next().await {
                Some(Ok(event)) if u64::from(event.revision) == expected => {}
                None => return,
                Some(Ok(event)) => {
                    let found = event.revision;
                    return self.scene.figures.broken(format!("shelf {shelf} has revision {found} for {expected}"));
                }
                Some(Err(error)) => {
                    let error = with_causes(&error);
                    return self.scene.figures.broken(format!("the history of shelf {shelf}, revision {expected}: {error}"));
                }
            }
        }
    }
}
