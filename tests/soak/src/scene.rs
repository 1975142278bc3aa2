//! What the clients, and what runs beside them, share.

use crate::figures::Figures;
use crate::ground::Ground;
use crate::said::{Ledger, Said};
use ego::Engine;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::atomic::AtomicBool;

/// What the clients, and what runs beside them, share.
pub struct Scene {
    /// Where commands are sent to.
    pub engine: Engine,
    /// What clients were told.
    pub ledger: Ledger,
    /// Which shelves there are.
    pub ground: Ground,
    /// What is measured.
    pub figures: Figures,
    /// Nothing is recorded any more: what grows now, leaks.
    pub quiet: AtomicBool,
    /// Nobody sends anything any more.
    pub done: AtomicBool,
    /// Shelves on which somebody gave up.
    pub given_up: Mutex<HashSet<u64>>,
}

impl Scene {
    /// Writes down what a client was told.
    pub fn say(&self, said: &Said) {
        if let Err(error) = self.ledger.write(said) {
            self.figures.broken(format!("the acknowledgement file: {error}"));
        }
    }
}
