//! An invitation: what its guest answers, and what the house answers then.

use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum InvitationEvent {
    Invited { party: String, name: String, age: Option<u32> },
    Accepted { party: String },
    Declined { party: String },
    Confirmed { party: String },
    Denied { party: String },
}

#[derive(Command, Serialize, Deserialize)]
pub(crate) struct Invite {
    pub(crate) party: String,
    pub(crate) name: String,
    pub(crate) age: Option<u32>,
}

#[derive(Command, Serialize, Deserialize)]
pub(crate) struct Accept {}

#[derive(Command, Serialize, Deserialize)]
pub(crate) struct Decline {}

#[derive(Command, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Confirm {}

#[derive(Command, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deny {}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    #[default]
    Open,
    Accepted,
    Declined,
    Confirmed,
    Denied,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "invitation", event = InvitationEvent)]
pub(crate) struct Invitation {
    party: Option<String>,
    name: String,
    answer: Answer,
}

type Decided = Result<Option<InvitationEvent>, String>;

#[ego::handlers]
impl Invitation {
    #[handle]
    fn invite(&self, cmd: Invite) -> Decided {
        let Invite { party, name, age } = cmd;
        if self.party.is_some() {
            Err(format!("{name} is invited"))
        } else {
            Ok(Some(InvitationEvent::Invited { party, name, age }))
        }
    }
    #[handle]
    fn accept(&self, _: Accept) -> Decided {
        let party = self.party()?;
        match self.answer {
            Answer::Open => Ok(Some(InvitationEvent::Accepted { party })),
            Answer::Declined => Err(format!("{} already declined", self.name)),
            _ => Ok(None),
        }
    }
    #[handle]
    fn decline(&self, _: Decline) -> Decided {
        let party = self.party()?;
        match self.answer {
            Answer::Open => Ok(Some(InvitationEvent::Declined { party })),
            Answer::Declined => Ok(None),
            _ => Err(format!("{} already accepted", self.name)),
        }
    }
    #[handle]
    fn confirm(&self, _: Confirm) -> Decided {
        let party = self.accepted()?;
        Ok(Some(InvitationEvent::Confirmed { party }))
    }
    #[handle]
    fn deny(&self, _: Deny) -> Decided {
        let party = self.accepted()?;
        Ok(Some(InvitationEvent::Denied { party }))
    }
    #[apply]
    fn apply(&mut self, event: &InvitationEvent) {
        self.answer = match event {
            InvitationEvent::Invited { party, name, .. } => {
                (self.party, self.name) = (Some(party.clone()), name.clone());
                Answer::Open
            }
            InvitationEvent::Accepted { .. } => Answer::Accepted,
            InvitationEvent::Declined { .. } => Answer::Declined,
            InvitationEvent::Confirmed { .. } => Answer::Confirmed,
            InvitationEvent::Denied { .. } => Answer::Denied,
        };
    }
}

impl Invitation {
    fn party(&self) -> Result<String, String> {
        self.party.clone().ok_or_else(|| "the invitee does not exist".to_owned())
    }
    fn accepted(&self) -> Result<String, String> {
        if self.answer == Answer::Accepted {
            self.party()
        } else {
            Err("only accepted invites can be confirmed or denied".to_owned())
        }
    }
}
