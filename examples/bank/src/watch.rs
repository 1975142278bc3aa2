//! Events as they come, for whoever watches; and commands, so that something comes.

use crate::account::Account;
use crate::{Failure, send};
use ego::message::Position;
use ego::prelude::*;
use ego::subscription::{DeliveredJson, Subscription};
use serde_json::json;
use std::io::{Write, stderr};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// Prints what was recorded behind `after` and what comes. Each line of standard input is a command to an account; at its end, everything
/// that was recorded until then is printed.
pub async fn watch(engine: &Engine, after: Option<Position>, out: &mut impl Write) -> Result<(), Failure> {
    let events = engine.subscribe();
    let events = if let Some(after) = after { events.after(after) } else { events.from_start() };
    let mut events = events.json().await?;
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => print(&event?, out)?,
                None => return Ok(()),
            },
            line = lines.next_line() => match line? {
                Some(line) => obey(engine, line.trim()).await,
                None => break,
            },
        }
    }
    drain(engine, &mut events, out).await
}

/// What was recorded so far and is not printed yet.
async fn drain(engine: &Engine, events: &mut Subscription<DeliveredJson>, out: &mut impl Write) -> Result<(), Failure> {
    use ego::store::Store;
    let head = engine.store().head().await?;
    while !events.is_drained() || events.position() < head {
        let Some(event) = events.next().await else { break };
        print(&event?, out)?;
    }
    Ok(())
}

/// A command that is refused or not understood ends nothing.
async fn obey(engine: &Engine, line: &str) {
    let mut parts = line.splitn(3, ' ');
    let (Some(account), Some(command)) = (parts.next(), parts.next()) else {
        if !line.is_empty() {
            say("a command is written as: ACCOUNT COMMAND JSON");
        }
        return;
    };
    let sent = match serde_json::from_str(parts.next().unwrap_or("{}")) {
        Ok(content) => send(engine, Account::KIND, account, command, content).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = sent {
        say(&crate::with_causes(&*error));
    }
}

fn say(text: &str) {
    // Nothing can be done about a standard error that is closed.
    let _ = writeln!(stderr(), "error: {text}");
}

fn print(DeliveredJson { name, event, delivery, .. }: &DeliveredJson, out: &mut impl Write) -> Result<(), Failure> {
    let line = json!({
        "position": delivery.position(),
        "time": delivery.time(),
        "kind": delivery.stream().kind(),
        "id": delivery.id(),
        "revision": delivery.revision(),
        "name": name,
        "content": event,
    });
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
