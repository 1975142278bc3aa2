//! What a server takes.

use std::time::Duration;

/// How many clients a server has, and how long it waits for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(crate) clients: usize,
    pub(crate) buffer: usize,
    pub(crate) patience: Duration,
    pub(crate) ping: Duration,
    pub(crate) origins: Vec<String>,
}

impl Default for Options {
    /// [`Options::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// 1,000 clients, of which each holds 100 events at most; 30 seconds for a message, a ping every 30 seconds; from any origin.
    #[must_use]
    pub fn new() -> Self {
        Self { clients: 1000, buffer: 100, patience: Duration::from_secs(30), ping: Duration::from_secs(30), origins: Vec::new() }
    }

    /// How many clients there may be; who comes then is refused with the status 503.
    #[must_use]
    pub fn clients(mut self, clients: usize) -> Self {
        self.clients = clients;
        self
    }

    /// How many events are read at once for a client, and held at most, 1 or more.
    #[must_use]
    pub fn buffer(mut self, events: usize) -> Self {
        self.buffer = events.max(1);
        self
    }

    /// How long a client may take to begin, to take a message, and to answer a goodbye.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// How often a client is asked whether it is there. One that says nothing until it is asked the second time is given up.
    #[must_use]
    pub fn ping(mut self, every: Duration) -> Self {
        self.ping = every.max(Duration::from_millis(1));
        self
    }

    /// Takes the pages of this origin, as `https://bank.example`, besides those allowed before, and refuses those of all others with the status
    /// 403. Clients that are no browsers send no origin, and are taken.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }
}
