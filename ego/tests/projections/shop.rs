//! A domain, and projections of it that write down what they are given.

use ego::__private::{Location, ProjectionDescriptor, inventory};
use ego::model::{Delivery, Failure, Fold, IndexOutput, IndexValue, IntoKeys, Keys, On, Projection};
use ego::prelude::*;
use ego::projection::{Source, Sources};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrderEvent {
    Placed { customer: String, amount: u64 },
    Paid { amount: u64 },
    Cancelled,
}

#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub enum Do {
    Place {
        customer: String,
        amount: u64,
    },
    Pay {
        amount: u64,
    },
    Cancel,
    /// So many payments in one commit.
    PayOften {
        amount: u64,
        times: u64,
    },
}

#[derive(Aggregate, Default)]
#[aggregate(name = "order", event = OrderEvent)]
pub struct Order {
    paid: u64,
}

#[ego::handlers]
impl Order {
    #[handle]
    fn act(&self, command: Do) -> Result<Vec<OrderEvent>, String> {
        Ok(match command {
            Do::Place { customer, amount } => vec![OrderEvent::Placed { customer, amount }],
            Do::Pay { amount } => vec![OrderEvent::Paid { amount }],
            Do::Cancel => vec![OrderEvent::Cancelled],
            Do::PayOften { amount, times } => (0..times).map(|_| OrderEvent::Paid { amount }).collect(),
        })
    }
    #[apply]
    fn apply(&mut self, event: &OrderEvent) {
        if let OrderEvent::Paid { amount } = event {
            self.paid += amount;
        }
    }
}

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ReturnEvent {
    Returned { customer: String, amount: u64 },
}

#[derive(Command, Clone, Debug, Serialize, Deserialize)]
pub struct Return {
    pub customer: String,
    pub amount: u64,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "return", event = ReturnEvent)]
pub struct Parcel {
    count: u64,
}

#[ego::handlers]
impl Parcel {
    #[handle]
    fn take(&self, command: Return) -> Result<ReturnEvent, String> {
        Ok(ReturnEvent::Returned { customer: command.customer, amount: command.amount })
    }
    #[apply]
    fn apply(&mut self, _: &ReturnEvent) {
        self.count += 1;
    }
}

/// What tests do to the handlers of projections: a service.
pub struct Knobs {
    /// How often events of this position fail from now on; `u64::MAX` for always.
    pub fail: Mutex<HashMap<u64, u64>>,
    /// The same for panics.
    pub panic: Mutex<HashMap<u64, u64>>,
    /// One permit for each event that is let through.
    pub gate: Semaphore,
    /// How long a slow method takes, in milliseconds.
    pub delay: AtomicU64,
    /// How many calls there were, with those that failed.
    pub calls: AtomicU64,
}

impl Knobs {
    pub fn open() -> std::sync::Arc<Self> {
        Self::with(Semaphore::MAX_PERMITS)
    }

    /// Lets so many events through.
    pub fn with(permits: usize) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self {
            fail: Mutex::default(),
            panic: Mutex::default(),
            gate: Semaphore::new(permits),
            delay: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        })
    }

    fn took(map: &Mutex<HashMap<u64, u64>>, position: u64) -> bool {
        match map.lock().get_mut(&position) {
            None | Some(0) => false,
            Some(times) if *times == u64::MAX => true,
            Some(times) => {
                *times -= 1;
                true
            }
        }
    }

    fn at(delivery: &Delivery) -> Result<(), Failure> {
        let Ok(knobs) = delivery.service::<Self>() else { return Ok(()) };
        knobs.calls.fetch_add(1, Ordering::SeqCst);
        assert!(!Self::took(&knobs.panic, delivery.position().get()), "as told");
        if Self::took(&knobs.fail, delivery.position().get()) { Err(Failure::new("as told")) } else { Ok(()) }
    }
}

/// What was folded into a view, in the order in which that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub positions: Vec<u64>,
    pub sum: u64,
}

impl Seen {
    fn note(&mut self, delivery: &Delivery, amount: u64) {
        self.positions.push(delivery.position().get());
        self.sum += amount;
    }
}

macro_rules! projection {
    ($view:ty, [$($aggregate:ty),+]) => {
        impl Sources for $view {
            const SOURCES: &'static [Source<Self>] = &[$(Source::of::<$aggregate>(Location::new(file!(), line!()), &[])),+];
        }
        inventory::submit! { ProjectionDescriptor::of::<$view>(Location::new(file!(), line!())) }
    };
}

/// One view for each order; may fail as told, after it has changed the view.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ByOrder(pub Seen);

impl Projection for ByOrder {
    const NAME: &'static str = "by-order";
}
impl On<Order> for ByOrder {
    const WAITS: bool = false;
    const BY_ID: bool = true;
    async fn on(&mut self, event: &OrderEvent, delivery: &Delivery) -> Result<Fold, Failure> {
        let amount = match event {
            OrderEvent::Placed { amount, .. } | OrderEvent::Paid { amount } => *amount,
            OrderEvent::Cancelled => 0,
        };
        self.0.note(delivery, amount);
        Knobs::at(delivery)?;
        Ok(Fold::Keep)
    }
}
projection!(ByOrder, [Order]);

/// One view for each customer, from two kinds, with an index; gone when it comes to nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ByCustomer(pub Seen);

impl Projection for ByCustomer {
    const NAME: &'static str = "by-customer";
    const INDEXES: &'static [&'static str] = &["sum"];
    fn indexed(&self, _: usize, values: &mut Vec<IndexValue>) {
        self.0.sum.values(values);
    }
}
impl On<Order> for ByCustomer {
    const WAITS: bool = false;
    fn keys(event: &OrderEvent, _: &Delivery) -> Keys {
        match event {
            OrderEvent::Placed { customer, .. } => [customer.clone(), "all".to_owned()].into_keys(),
            OrderEvent::Paid { .. } | OrderEvent::Cancelled => Keys::new(),
        }
    }
    async fn on(&mut self, event: &OrderEvent, delivery: &Delivery) -> Result<Fold, Failure> {
        if let OrderEvent::Placed { amount, .. } = event {
            self.0.note(delivery, *amount);
        }
        Ok(Fold::Keep)
    }
}
impl On<Parcel> for ByCustomer {
    const WAITS: bool = false;
    fn keys(event: &ReturnEvent, _: &Delivery) -> Keys {
        let ReturnEvent::Returned { customer, .. } = event;
        customer.as_str().into_keys()
    }
    async fn on(&mut self, event: &ReturnEvent, delivery: &Delivery) -> Result<Fold, Failure> {
        let ReturnEvent::Returned { amount, .. } = event;
        self.0.positions.push(delivery.position().get());
        self.0.sum = self.0.sum.saturating_sub(*amount);
        Ok(if self.0.sum == 0 { Fold::Remove } else { Fold::Keep })
    }
}
projection!(ByCustomer, [Order, Parcel]);

/// Waits at the gate for each event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slow(pub Seen);

impl Projection for Slow {
    const NAME: &'static str = "slow";
}
impl On<Order> for Slow {
    const BY_ID: bool = true;
    async fn on(&mut self, _: &OrderEvent, delivery: &Delivery) -> Result<Fold, Failure> {
        if let Ok(knobs) = delivery.service::<Knobs>() {
            knobs.gate.acquire().await.map_err(Failure::new)?.forget();
            let delay = knobs.delay.load(Ordering::SeqCst);
            if delay > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
            }
        }
        self.0.note(delivery, 0);
        Ok(Fold::Keep)
    }
}
projection!(Slow, [Order]);
