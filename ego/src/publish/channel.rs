//! Publishing to the same process.

use super::{Envelope, PublishError, Publisher};
use async_trait::async_trait;
use tokio::sync::{Semaphore, mpsc};

/// Publishes to a channel of this process. When it is full, the publisher waits: nothing is dropped. When nobody receives any more, that
/// is an error.
///
/// What was received counts as published, whatever becomes of it then. An engine that stops while the channel is full waits for room as long
/// as it has time; what had no room is published after the next start.
///
/// ```standalone_crate
/// # use ego::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
/// # enum TillEvent { Paid { amount: u64 } }
/// # #[derive(Command, Serialize, Deserialize)]
/// # struct Pay { amount: u64 }
/// # #[derive(Aggregate, Default)]
/// # #[aggregate(name = "till", event = TillEvent)]
/// # struct Till { sum: u64 }
/// # #[ego::handlers]
/// # impl Till {
/// #     #[handle]
/// #     fn pay(&self, cmd: Pay) -> Result<TillEvent, String> { Ok(TillEvent::Paid { amount: cmd.amount }) }
/// #     #[apply]
/// #     fn apply(&mut self, event: &TillEvent) { let TillEvent::Paid { amount } = event; self.sum += amount; }
/// # }
/// use ego::publish::ChannelPublisher;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (publisher, mut published) = ChannelPublisher::new("screen", 64);
/// let engine = Engine::builder().publisher(publisher).start().await?;
/// engine.send::<Till>("t-1", Pay { amount: 5 }).await?;
///
/// let event = published.recv().await.ok_or("closed")?;
/// assert_eq!((&*event.id(), event.name), ("1.0", "Paid"));
/// assert_eq!(event.cloud_event().subject, "till/t-1");
/// # engine.stop(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ChannelPublisher {
    name: String,
    sender: mpsc::Sender<Envelope>,
}

impl ChannelPublisher {
    /// A publisher of this name, and the end where so many events, 1 or more, wait at most to be received.
    #[must_use]
    pub fn new(name: impl Into<String>, capacity: usize) -> (Self, mpsc::Receiver<Envelope>) {
        let (sender, receiver) = mpsc::channel(capacity.clamp(1, Semaphore::MAX_PERMITS));
        (Self { name: name.into(), sender }, receiver)
    }
}

#[async_trait]
impl Publisher for ChannelPublisher {
    fn name(&self) -> &str {
        &self.name
    }

    async fn publish(&self, batch: &[Envelope]) -> Result<(), PublishError> {
        for envelope in batch {
            self.sender
                .send(envelope.clone())
                .await
                .map_err(|_| PublishError::new("nobody receives from the channel any more"))?;
        }
        Ok(())
    }
}
