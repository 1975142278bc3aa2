//! Publishers: what is recorded is sent out, in the order of the log, at least once.
//!
//! The log is the outbox. A publisher follows it as any other consumer does: it is given what is durable, and its checkpoint moves when that was
//! published, not before (I6). So nothing is sent that could still be lost, nothing that is recorded is ever passed over, and after a crash
//! it goes on behind what it had finished; what it sends twice then has the same id.
//!
//! Engines that work on one store at the same time each publish what lies behind the checkpoint: nothing is lost, much comes twice. So a
//! publisher belongs to one of them.
//!
//! The states of durable aggregates are sent out in the same way, by a publisher with [`PublisherOptions::states`].
//!
//! Read [`Publisher`] and [`Envelope`] first.

mod channel;
mod cloud_event;
mod envelope;
mod file;
mod format;
mod options;
mod run;

pub use channel::ChannelPublisher;
pub use cloud_event::CloudEvent;
pub use envelope::{Envelope, FlatEvent};
pub use file::JsonLinesPublisher;
pub use format::Format;
pub use options::PublisherOptions;

pub(crate) use run::{Publishing, is_source};

use async_trait::async_trait;

/// Sends recorded events out.
///
/// ```standalone_crate
/// use ego::prelude::*;
/// use ego::publish::{Envelope, PublishError, Publisher};
///
/// struct Printer;
///
/// #[async_trait::async_trait]
/// impl Publisher for Printer {
///     fn name(&self) -> &str {
///         "printer"
///     }
///     async fn publish(&self, batch: &[Envelope]) -> Result<(), PublishError> {
///         for event in batch {
///             println!("{}", serde_json::to_string(&event.cloud_event()).map_err(PublishError::new)?);
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder().publisher(Printer).start().await?;
/// # engine.stop(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Publisher: Send + Sync + 'static {
    /// Its name, unique among the publishers of an engine. Its checkpoint is kept under `publisher/NAME`: under another name it begins anew.
    fn name(&self) -> &str;

    /// Sends these out, in this order, and answers when they need not be sent again: what comes next is given only then. Not called
    /// twice at the same time.
    ///
    /// They may have been sent before, all or some, with the same [ids](Envelope::id). To answer late is how to slow it down.
    ///
    /// When an engine stops, it waits for the answer as long as [`Engine::stop`](crate::Engine::stop) has time, then drops the call.
    ///
    /// # Errors
    /// [`PublishError`]. The same events are given again, now one by one, after a while; what happens when that fails, too, says the
    /// [policy](PublisherOptions::policy). A panic is an error like any other.
    async fn publish(&self, batch: &[Envelope]) -> Result<(), PublishError>;
}

/// Why something was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct PublishError {
    reason: String,
}

impl PublishError {
    /// With this reason.
    #[must_use]
    pub fn new(reason: impl std::fmt::Display) -> Self {
        Self { reason: reason.to_string() }
    }
}
