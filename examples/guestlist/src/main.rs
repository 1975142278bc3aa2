//! A party with room for two: guests are invited and answer, and a saga confirms those who accept, until the house is full.
//!
//! ```text
//! cargo run -p guestlist
//! ```
//!
//! An invitation knows only its own guest. How many there are is known by the saga, whose state is recorded with each decision: no restart
//! and no second node forgets a guest or counts one twice. Two projections show each guest, and the list as a whole.

mod invitation;
mod responses;
mod views;

use ego::prelude::*;
use invitation::{Accept, Decline, Invitation, InvitationEvent, Invite};
use std::error::Error;
use std::time::Duration;
use views::{Guest, GuestList};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let engine = Engine::builder().start().await?;
    for (name, age) in [("Athena", Some(42)), ("Hades", None), ("Zeus", None), ("Poseidon", None)] {
        engine.send::<Invitation>(name, Invite { party: "olympus".into(), name: name.into(), age }).await?;
    }
    engine.send::<Invitation>("Athena", Accept {}).await?;
    if let Err(error) = engine.send::<Invitation>("Athena", Decline {}).await {
        println!("Athena cannot decline any more: {error}");
    }
    engine.send::<Invitation>("Hades", Accept {}).await?;
    engine.send::<Invitation>("Zeus", Decline {}).await?;
    let mut denied = engine.wait_for::<Invitation>(|one| matches!(one.event, InvitationEvent::Denied { .. })).await?;
    engine.send::<Invitation>("Poseidon", Accept {}).await?;
    // The last to be answered: the saga's commands go out one after the other.
    let last = denied.within(Duration::from_secs(10)).await?.delivery.position();

    for (_, guest) in engine.views::<Guest>().page().await?.items {
        println!("{} - {:?}", guest.name, guest.answer);
    }
    let list = engine.view::<GuestList>("olympus").after(last).await?.unwrap_or_default();
    let GuestList { invited, accepted, declined, confirmed, denied } = list;
    println!("guest list: {invited} invited - {accepted} accepted, {declined} declined - {confirmed} confirmed, {denied} denied");
    Ok(engine.stop(Duration::from_secs(10)).await?)
}
