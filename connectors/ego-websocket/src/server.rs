//! Taking clients, and saying goodbye to them.

use crate::client;
use crate::options::Options;
use ego::Engine;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// How many clients that are too many are told so at the same time; more are cut off without a word.
const REFUSALS: usize = 64;

/// A server of events. Dropped, it takes no more clients and says goodbye to those that it has.
///
/// ```standalone_crate
/// use ego::Engine;
/// use ego_websocket::{Options, WebSocketServer};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder().start().await?;
/// let server = WebSocketServer::bind(&engine, "127.0.0.1:0", Options::new()).await?;
/// println!("events at ws://{}/", server.address());
///
/// server.stop(Duration::from_secs(5)).await;
/// engine.stop(Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocketServer {
    address: SocketAddr,
    slots: Arc<Semaphore>,
    clients: usize,
    ending: watch::Sender<bool>,
    accepting: Option<JoinHandle<()>>,
}

impl WebSocketServer {
    /// Takes clients at this address, on the runtime that it is called on. Port 0 finds a free one.
    ///
    /// # Errors
    /// What the operating system says to the address.
    pub async fn bind(engine: &Engine, address: impl ToSocketAddrs, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let clients = options.clients.min(Semaphore::MAX_PERMITS);
        let slots = Arc::new(Semaphore::new(clients));
        let ending = watch::Sender::new(false);
        let accepting = tokio::spawn(accept(listener, engine.clone(), options, Arc::clone(&slots), ending.subscribe()));
        Ok(Self { address, slots, clients, ending, accepting: Some(accepting) })
    }

    /// Where it takes clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many clients it has.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients - self.slots.available_permits()
    }

    /// Takes no more clients, says goodbye to those that it has, and waits for them as long as this. When the engine is stopped first, its
    /// clients are told so, and new ones, too.
    pub async fn stop(mut self, within: Duration) {
        self.ending.send_replace(true);
        if let Some(mut accepting) = self.accepting.take()
            && tokio::time::timeout(within, &mut accepting).await.is_err()
        {
            // The clients go with it.
            accepting.abort();
        }
    }
}

impl Drop for WebSocketServer {
    fn drop(&mut self) {
        self.ending.send_replace(true);
    }
}

/// Waits for the end, be it that nobody could say so any more.
pub(crate) async fn ended(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}

async fn accept(
    listener: TcpListener,
    engine: Engine,
    options: Options,
    slots: Arc<Semaphore>,
    mut ending: watch::Receiver<bool>,
) {
    let mut clients = JoinSet::new();
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let stream = tokio::select! {
            biased;
            () = ended(&mut ending) => break,
            Some(_) = clients.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // There are too many files open, or the client is gone. The first takes a while to pass.
                    tracing::warn!(%error, "a client was not taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
            let serving = client::serve(stream, engine.clone(), options.clone(), ending.clone());
            clients.spawn(async move {
                serving.await;
                drop(slot);
            });
        } else if let Ok(refusal) = Arc::clone(&refusals).try_acquire_owned() {
            clients.spawn(async move {
                client::refuse(stream).await;
                drop(refusal);
            });
        }
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}
