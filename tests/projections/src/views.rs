//! The projections. Each view notes the positions that were folded into it, in the order in which that happened.

use crate::domain::{OrderEvent, Orders, ReturnEvent, Returns};
use ego::consumer::{Backoff, Policy};
use ego::engine::EngineBuilder;
use ego::model::{Delivery, Fold, Projection};
use ego::projection::ProjectionOptions;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Their names.
pub(crate) const ALL: [&str; 5] = [ById::NAME, ByCustomer::NAME, Slow::NAME, Flaky::NAME, Picky::NAME];

/// What all views hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) positions: Vec<u64>,
    pub(crate) sum: i64,
}

impl Seen {
    pub(crate) fn note(&mut self, position: u64, amount: i64) {
        self.positions.push(position);
        self.sum += amount;
    }

    fn order(&mut self, event: &OrderEvent, delivery: &Delivery) {
        let amount = match event {
            OrderEvent::Placed { amount, .. } | OrderEvent::Paid { amount, .. } => *amount,
            OrderEvent::Cancelled { .. } => 0,
        };
        self.note(delivery.position().get(), amount);
    }

    fn returned(&mut self, event: &ReturnEvent, delivery: &Delivery) {
        let ReturnEvent::Returned { amount, .. } = event;
        self.note(delivery.position().get(), -amount);
    }
}

/// How the handlers behave: a service.
#[derive(Debug, Default)]
pub(crate) struct Moods {
    /// The picky one takes everything.
    pub(crate) healed: AtomicBool,
}

fn customer(event: &OrderEvent) -> &str {
    let (OrderEvent::Placed { customer, .. } | OrderEvent::Paid { customer, .. } | OrderEvent::Cancelled { customer }) = event;
    customer
}

/// The customer's, and what was placed by anybody.
fn customer_and_all(event: &OrderEvent) -> Vec<&str> {
    let placed = matches!(event, OrderEvent::Placed { .. });
    std::iter::once(customer(event)).chain(placed.then_some("all")).collect()
}

fn customers(event: &ReturnEvent) -> Vec<&str> {
    let ReturnEvent::Returned { customers, .. } = event;
    customers.iter().map(String::as_str).collect()
}

#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ById(Seen);

#[ego::projection(name = "by-id")]
impl ById {
    #[on(Orders)]
    fn order(&mut self, event: &OrderEvent, delivery: &Delivery) {
        self.0.order(event, delivery);
    }
}

impl ById {
    pub(crate) fn has_seen(&self, position: u64) -> bool {
        self.0.positions.contains(&position)
    }
}

/// Over two kinds, several keys to an event, with indexes; removed and begun anew.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ByCustomer(Seen);

#[ego::projection(name = "by-customer")]
impl ByCustomer {
    #[on(Orders, key = customer_and_all)]
    fn order(&mut self, event: &OrderEvent, delivery: &Delivery) -> Fold {
        self.0.order(event, delivery);
        if matches!(event, OrderEvent::Cancelled { .. }) { Fold::Remove } else { Fold::Keep }
    }
    #[on(Returns, key = customers)]
    fn returned(&mut self, event: &ReturnEvent, delivery: &Delivery) {
        self.0.returned(event, delivery);
    }
    #[index]
    fn sum(&self) -> i64 {
        self.0.sum
    }
    #[index]
    fn debt(&self) -> Option<i64> {
        (self.0.sum < 0).then_some(-self.0.sum)
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Slow(Seen);

#[ego::projection(name = "slow")]
impl Slow {
    #[on(Orders, key = customer)]
    async fn order(&mut self, event: &OrderEvent, delivery: &Delivery) {
        match fastrand::u32(..16) {
            0 => tokio::time::sleep(Duration::from_micros(fastrand::u64(..1500))).await,
            1..4 => tokio::task::yield_now().await,
            _ => {}
        }
        self.0.order(event, delivery);
    }
}

/// Fails now and then, once it has changed the view.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Flaky(Seen);

#[ego::projection(name = "flaky")]
impl Flaky {
    #[on(Orders)]
    async fn order(&mut self, event: &OrderEvent, delivery: &Delivery) -> Result<(), String> {
        self.0.order(event, delivery);
        by_chance()
    }
    #[on(Returns)]
    fn returned(&mut self, event: &ReturnEvent, delivery: &Delivery) -> Result<(), String> {
        self.0.returned(event, delivery);
        by_chance()
    }
}

fn by_chance() -> Result<(), String> {
    match fastrand::u32(..60) {
        0 => std::panic::resume_unwind(Box::new("by chance")),
        1..4 => Err("by chance".to_owned()),
        _ => Ok(()),
    }
}

/// Does not take poison, until it is healed.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Picky(Seen);

#[ego::projection(name = "picky")]
impl Picky {
    #[on(Orders, key = customer)]
    fn order(&mut self, event: &OrderEvent, delivery: &Delivery, moods: &Moods) -> Result<(), &'static str> {
        self.0.order(event, delivery);
        let poison = matches!(event, OrderEvent::Placed { poison: true, .. });
        if poison && !moods.healed.load(Ordering::SeqCst) { Err("poison") } else { Ok(()) }
    }
    #[on(Returns, key = customers)]
    fn returned(&mut self, event: &ReturnEvent, delivery: &Delivery) {
        self.0.returned(event, delivery);
    }
}

/// Runs them in some way.
pub(crate) fn run(builder: EngineBuilder, batches: &[usize], random: &mut fastrand::Rng) -> EngineBuilder {
    let soon = Backoff::new(Duration::from_micros(300), Duration::from_millis(3));
    // One that stops at the second failure is resumed by somebody.
    let policy = |retries| Policy::fail().retries(retries).backoff(soon);
    let patience = if random.u32(..3) == 0 { 1 } else { u32::MAX };
    builder
        .projection::<ById>(options(batches, random).policy(policy(u32::MAX)))
        .projection::<ByCustomer>(options(batches, random).policy(policy(u32::MAX)))
        .projection::<Slow>(options(batches, random).policy(policy(u32::MAX)))
        .projection::<Flaky>(options(batches, random).policy(policy(patience)))
        .projection::<Picky>(options(batches, random).policy(Policy::dead_letter().retries(1).backoff(soon)))
}

fn options(batches: &[usize], random: &mut fastrand::Rng) -> ProjectionOptions {
    let mut one_of = |all: &[usize]| all[random.usize(..all.len())];
    ProjectionOptions::new().workers(one_of(&[1, 2, 3, 8])).batch(one_of(batches)).cached_views(one_of(&[0, 1, 3, 10_000]))
}
