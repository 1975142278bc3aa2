//! The saga that keeps the party to its limit.

use crate::invitation::{Confirm, Deny, Invitation, InvitationEvent};
use ego::prelude::*;
use serde::{Deserialize, Serialize};

/// Answers to those who accept: one instance for each party.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Responses {
    confirmed: u32,
}

const ROOM: u32 = 2;

#[ego::saga(name = "responses")]
impl Responses {
    #[start(Invitation, key = accepts)]
    fn first(&mut self, event: &InvitationEvent, cx: &mut SagaContext<Self>, delivery: &Delivery) {
        self.next(event, cx, delivery);
    }

    #[on(Invitation, key = accepts)]
    fn next(&mut self, _: &InvitationEvent, cx: &mut SagaContext<Self>, delivery: &Delivery) {
        if self.confirmed < ROOM {
            self.confirmed += 1;
            cx.send::<Invitation>(delivery.id(), Confirm {});
        } else {
            cx.send::<Invitation>(delivery.id(), Deny {});
        }
    }
}

/// The party of a guest who comes.
fn accepts(event: &InvitationEvent) -> Option<&str> {
    if let InvitationEvent::Accepted { party } = event { Some(party) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted() -> InvitationEvent {
        InvitationEvent::Accepted { party: "olympus".into() }
    }

    #[tokio::test]
    async fn the_third_who_accepts_is_denied() {
        ego::test_saga::<Responses>()
            .id("olympus")
            .given::<Invitation>("Athena", accepted())
            .when::<Invitation>("Hades", accepted())
            .await
            .then_sends::<Invitation>("Hades", Confirm {})
            .and()
            .when::<Invitation>("Poseidon", accepted())
            .await
            .then_sends::<Invitation>("Poseidon", Deny {})
            .then_nothing_else()
            .then_state(Responses { confirmed: 2 });
    }
}
