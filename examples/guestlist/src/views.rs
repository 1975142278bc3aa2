//! Each guest, and the list as a whole.

use crate::invitation::{Answer, Invitation, InvitationEvent};
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Guest {
    pub(crate) name: String,
    pub(crate) answer: Answer,
}

#[ego::projection(name = "guests", mode = inline)]
impl Guest {
    #[on(Invitation)]
    fn invitation(&mut self, event: &InvitationEvent) {
        self.answer = match event {
            InvitationEvent::Invited { name, .. } => {
                self.name.clone_from(name);
                Answer::Open
            }
            InvitationEvent::Accepted { .. } => Answer::Accepted,
            InvitationEvent::Declined { .. } => Answer::Declined,
            InvitationEvent::Confirmed { .. } => Answer::Confirmed,
            InvitationEvent::Denied { .. } => Answer::Denied,
        };
    }
}

/// Counts each answer.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GuestList {
    pub(crate) invited: u32,
    pub(crate) accepted: u32,
    pub(crate) declined: u32,
    pub(crate) confirmed: u32,
    pub(crate) denied: u32,
}

#[ego::projection(name = "guest-lists")]
impl GuestList {
    #[on(Invitation, key = party)]
    fn invitation(&mut self, event: &InvitationEvent) {
        *match event {
            InvitationEvent::Invited { .. } => &mut self.invited,
            InvitationEvent::Accepted { .. } => &mut self.accepted,
            InvitationEvent::Declined { .. } => &mut self.declined,
            InvitationEvent::Confirmed { .. } => &mut self.confirmed,
            InvitationEvent::Denied { .. } => &mut self.denied,
        } += 1;
    }
}

fn party(event: &InvitationEvent) -> &str {
    use InvitationEvent as E;
    let (E::Invited { party, .. } | E::Accepted { party } | E::Declined { party } | E::Confirmed { party } | E::Denied { party }) =
        event;
    party
}
