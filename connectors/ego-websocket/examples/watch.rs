//! Events in a browser: `cargo run -p ego-websocket --example watch`, then open `connectors/ego-websocket/examples/watch.html`.
//! It keeps its events in memory: after a restart of the program, load the page again.

use ego::prelude::*;
use ego_websocket::{Options, WebSocketServer};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Event, Serialize, Deserialize)]
enum SensorEvent {
    Measured { degrees: f64 },
}

#[derive(Command, Serialize, Deserialize)]
struct Measure {
    degrees: f64,
}

#[derive(Aggregate, Default)]
#[aggregate(name = "sensor", event = SensorEvent)]
struct Sensor {
    last: f64,
}

#[ego::handlers]
impl Sensor {
    /// Records only what is new.
    #[handle]
    fn measure(&self, cmd: Measure) -> Result<Option<SensorEvent>, std::convert::Infallible> {
        let is_new = (cmd.degrees - self.last).abs() >= 0.1;
        Ok(is_new.then_some(SensorEvent::Measured { degrees: cmd.degrees }))
    }
    #[apply]
    fn apply(&mut self, event: &SensorEvent) {
        let SensorEvent::Measured { degrees } = event;
        self.last = *degrees;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder().event_source("/sensors").start().await?;
    let server = WebSocketServer::bind(&engine, "127.0.0.1:7878", Options::new()).await?;
    println!("events at ws://{}/ – Ctrl-C ends it", server.address());
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let mut time = 0.0_f64;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            _ = seconds.tick() => {
                time += 0.3;
                for (sensor, shift) in [("kitchen", 0.0), ("cellar", 2.0)] {
                    engine.send::<Sensor>(sensor, Measure { degrees: 20.0 + (time + shift).sin() }).await?;
                }
            }
        }
    }
    server.stop(Duration::from_secs(5)).await;
    Ok(engine.stop(Duration::from_secs(5)).await?)
}
