//! A second kind: a standing order, by which an account pays the same amount every month.

use crate::money::Money;
use ego::prelude::*;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What can happen to a standing order.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrderEvent {
    /// The account shall pay from this day on.
    Agreed { account: u64, amount: Money, purpose: String, on: Date },
    /// It shall not any more.
    Ended { account: u64, on: Date },
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Agree {
    pub account: u64,
    pub amount: Money,
    pub purpose: String,
    pub on: Date,
}

#[derive(Command, Debug, Serialize, Deserialize)]
pub struct End {
    pub on: Date,
}

/// Why an order refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    #[error("the order was agreed before")]
    AgreedBefore,
    #[error("the order is not in force")]
    NotInForce,
    #[error("an order cannot end before it began")]
    TooEarly,
}

/// A standing order: who pays, and since when, while it is in force.
#[derive(Aggregate, Clone, Debug, Default, PartialEq, Eq)]
#[aggregate(name = "order", event = OrderEvent)]
pub struct Order {
    agreed: bool,
    in_force: Option<(u64, Date)>,
}

#[ego::handlers]
impl Order {
    #[handle]
    fn agree(&self, cmd: Agree) -> Result<OrderEvent, OrderError> {
        if self.agreed {
            return Err(OrderError::AgreedBefore);
        }
        let Agree { account, amount, purpose, on } = cmd;
        Ok(OrderEvent::Agreed { account, amount, purpose, on })
    }

    #[handle]
    fn end(&self, cmd: End) -> Result<OrderEvent, OrderError> {
        match self.in_force {
            None => Err(OrderError::NotInForce),
            Some((_, since)) if cmd.on < since => Err(OrderError::TooEarly),
            Some((account, _)) => Ok(OrderEvent::Ended { account, on: cmd.on }),
        }
    }

    #[apply]
    fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Agreed { account, on, .. } => (self.agreed, self.in_force) = (true, Some((*account, *on))),
            OrderEvent::Ended { .. } => self.in_force = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Date = Date::constant(1994, 1, 3);

    fn agreed() -> OrderEvent {
        OrderEvent::Agreed { account: 25, amount: Money::from_hundredths(500), purpose: "SIPO".into(), on: DAY }
    }

    #[tokio::test]
    async fn an_order_is_agreed_once_also_when_it_has_ended() {
        let agree = || Agree { account: 25, amount: Money::from_hundredths(500), purpose: "SIPO".into(), on: DAY };
        ego::test::<Order>().when(agree()).await.then_events([agreed()]);
        let ended = OrderEvent::Ended { account: 25, on: DAY };
        ego::test::<Order>().given([agreed(), ended]).when(agree()).await.then_rejected(OrderError::AgreedBefore);
    }

    #[tokio::test]
    async fn an_order_ends_once_and_not_before_it_began() {
        let early = DAY.yesterday().unwrap();
        ego::test::<Order>().given([agreed()]).when(End { on: early }).await.then_rejected(OrderError::TooEarly);
        ego::test::<Order>().when(End { on: DAY }).await.then_rejected(OrderError::NotInForce);
        ego::test::<Order>()
            .given([agreed()])
            .when(End { on: DAY })
            .await
            .then_events([OrderEvent::Ended { account: 25, on: DAY }])
            .and()
            .when(End { on: DAY })
            .await
            .then_rejected(OrderError::NotInForce);
    }
}
