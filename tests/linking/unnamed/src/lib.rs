//! A library that a program depends on and does not name: nothing of it is linked.

use accounts::{Eur, Wallet};
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// What can happen to an invoice.
#[derive(Event, Debug, Serialize, Deserialize)]
pub enum InvoiceEvent {
    /// It was sent.
    Sent,
}

/// Sends the invoice.
#[derive(Command, Debug, Serialize, Deserialize)]
pub struct Send;

/// An invoice.
#[derive(Aggregate, Debug, Default)]
#[aggregate(name = "invoice", event = InvoiceEvent)]
pub struct Invoice;

#[ego::handlers]
impl Invoice {
    #[handle]
    fn send(&self, _: Send) -> Result<InvoiceEvent, Infallible> {
        Ok(InvoiceEvent::Sent)
    }
    #[apply]
    fn apply(&mut self, event: &InvoiceEvent) {
        match event {
            InvoiceEvent::Sent => {}
        }
    }
}

ego::register!(Wallet<Eur>);
