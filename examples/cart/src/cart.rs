//! The cart. Nobody asks later how it came to be so, so its state is stored and no events: handlers change a copy of it.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// An abandoned cart is emptied after so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3600);

#[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "cart", durable, version = 2, upcast(1 => count_each))]
pub(crate) struct Cart {
    pub(crate) items: BTreeMap<String, u32>,
    pub(crate) checked_out: bool,
}

/// As it was stored at first: each item as often as it was in the cart.
#[derive(Deserialize)]
struct CartV1 {
    items: Vec<String>,
    checked_out: bool,
}

fn count_each(old: CartV1) -> Cart {
    let mut items = BTreeMap::new();
    old.items.into_iter().for_each(|item| *items.entry(item).or_default() += 1);
    Cart { items, checked_out: old.checked_out }
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Add {
    pub(crate) item: String,
    pub(crate) count: u32,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Remove {
    pub(crate) item: String,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct CheckOut {}

#[derive(Command, Debug, Serialize, Deserialize)]
pub(crate) struct Expire {}

#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum CartError {
    #[error("the cart is checked out")]
    CheckedOut,
    #[error("there is no {0} in the cart")]
    Missing(String),
    #[error("the cart is empty")]
    Empty,
}

#[ego::handlers]
impl Cart {
    /// Replies how many items there are now. Each one gives the cart another hour.
    #[handle]
    fn add(&mut self, cmd: Add, context: &Context) -> Result<u32, CartError> {
        self.is_open()?;
        *self.items.entry(cmd.item).or_default() += cmd.count;
        context.schedule::<Self>("expire", PATIENCE, Expire {});
        Ok(self.items.values().sum())
    }

    #[handle]
    fn remove(&mut self, cmd: Remove) -> Result<(), CartError> {
        self.is_open()?;
        self.items.remove(&cmd.item).map(drop).ok_or(CartError::Missing(cmd.item))
    }

    /// The timer goes with the state, in one commit: a cart that is checked out does not expire.
    #[handle]
    fn check_out(&mut self, _: CheckOut, context: &Context) -> Result<u32, CartError> {
        self.is_open()?;
        self.checked_out = true;
        context.cancel("expire");
        // Refused behind the change: it was a copy that changed.
        if self.items.is_empty() { Err(CartError::Empty) } else { Ok(self.items.values().sum()) }
    }

    #[handle]
    fn expire(&mut self, _: Expire) -> Result<(), CartError> {
        self.items.clear();
        Ok(())
    }
}

impl Cart {
    fn is_open(&self) -> Result<(), CartError> {
        if self.checked_out { Err(CartError::CheckedOut) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ego::codec::AnyCodec;
    use ego::model::{Durable, Stored};

    fn cart(items: &[(&str, u32)], checked_out: bool) -> Cart {
        Cart { items: items.iter().map(|(item, count)| ((*item).to_owned(), *count)).collect(), checked_out }
    }

    #[tokio::test]
    async fn items_are_counted_and_give_the_cart_another_hour() {
        let add = Add { item: "tea".into(), count: 2 };
        let then = ego::test::<Cart>().given_state(cart(&[("tea", 1)], false)).when(add).await;
        then.then_reply(3).then_state(cart(&[("tea", 3)], false)).then_scheduled("expire", PATIENCE, Expire {});
    }

    #[tokio::test]
    async fn a_cart_that_is_checked_out_stays_as_it_is() {
        let open = ego::test::<Cart>().given_state(cart(&[("tea", 1)], false));
        let out = open.when(CheckOut {}).await.then_reply(1).then_cancelled("expire").and();
        let then = out.when(Add { item: "milk".into(), count: 1 }).await;
        then.then_rejected(CartError::CheckedOut).then_state(cart(&[("tea", 1)], true));
    }

    #[tokio::test]
    async fn a_refusal_leaves_no_trace() {
        let then = ego::test::<Cart>().when(CheckOut {}).await;
        then.then_rejected(CartError::Empty).then_state(cart(&[], false));
    }

    #[test]
    fn carts_of_version_1_are_read() {
        let payload = br#"{"items": ["tea", "milk", "tea"], "checked_out": false}"#;
        let read = Cart::read(Stored { name: "state", version: 1, payload }, &AnyCodec::default());
        assert_eq!(read, Ok(cart(&[("milk", 1), ("tea", 2)], false)));
    }
}
