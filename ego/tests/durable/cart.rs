//! A cart with a handler of every form. `BTreeMap`, so that equal carts are written alike.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;

#[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "cart", durable)]
pub struct Cart {
    pub items: BTreeMap<String, u32>,
    pub paid: bool,
    #[serde(skip)]
    pub looked_at: u32,
}

impl Cart {
    pub fn of<const N: usize>(items: [(&str, u32); N]) -> Self {
        Self { items: items.map(|(item, count)| (item.to_owned(), count)).into(), ..Self::default() }
    }

    pub fn count(&self) -> u32 {
        self.items.values().sum()
    }
}

/// What slow handlers wait for.
#[derive(Debug)]
pub struct Signal {
    pub permits: Semaphore,
    pub waiting: AtomicBool,
}

impl Signal {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { permits: Semaphore::new(0), waiting: AtomicBool::new(false) })
    }

    async fn wait(&self) {
        self.waiting.store(true, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum CartError {
    #[error("the cart is paid")]
    Paid,
    #[error("there is no {0} in the cart")]
    Missing(String),
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Add {
    pub item: String,
    pub count: u32,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Remove {
    pub item: String,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Pay;

/// Waits for the signal before it adds.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct AddSlowly {
    pub item: String,
}

/// Changes the copy, then refuses or panics.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Spoil {
    pub panics: bool,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Count;

/// Changes only what is not stored.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct LookAt;

pub fn add(item: &str) -> Add {
    Add { item: item.to_owned(), count: 1 }
}

#[ego::handlers]
impl Cart {
    #[handle]
    fn add(&mut self, cmd: Add) -> Result<u32, CartError> {
        if self.paid {
            return Err(CartError::Paid);
        }
        *self.items.entry(cmd.item).or_default() += cmd.count;
        Ok(self.count())
    }

    #[handle]
    fn remove(&mut self, cmd: &Remove) -> Result<(), CartError> {
        self.items.remove(&cmd.item).map(drop).ok_or_else(|| CartError::Missing(cmd.item.clone()))
    }

    #[handle]
    fn pay(&mut self, _: Pay) -> Result<(), CartError> {
        self.paid = true;
        Ok(())
    }

    #[handle]
    async fn add_slowly(&mut self, cmd: AddSlowly, signal: &Signal, context: &Context) -> Result<u64, CartError> {
        self.items.insert(cmd.item, 1);
        signal.wait().await;
        Ok(context.revision().map_or(0, u64::from))
    }

    #[handle]
    fn spoil(&mut self, cmd: Spoil) -> Result<(), CartError> {
        self.items.clear();
        self.paid = true;
        assert!(!cmd.panics, "spoilt");
        Err(CartError::Paid)
    }

    #[handle]
    fn count_items(&self, _: Count) -> Result<u32, CartError> {
        Ok(self.count())
    }

    #[handle]
    fn look_at(&mut self, _: LookAt) -> Result<u32, CartError> {
        self.looked_at += 1;
        Ok(self.looked_at)
    }
}
