//! What is registered in a program, asked through the engine alone: by names, as a tool would.

use ego::Engine;
use ego::engine::{CommandError, EngineBuilder, UnknownTarget};
use serde_json::{Value, json};

/// Prints every kind and its commands, sends one command of each by name, and prints what was recorded.
///
/// # Errors
/// What goes wrong on the way.
pub async fn report(builder: EngineBuilder) -> Result<(), Box<dyn std::error::Error>> {
    let engine = builder.start().await?;
    for kind in known(&engine, "", "").await {
        println!("{kind}: {}", known(&engine, kind, "").await.join(", "));
    }
    for (kind, command, json) in [
        ("account", "Deposit", json!({ "cents": 500 })),
        ("wallet.usd", "Deposit", json!({ "cents": 7 })),
        ("wallet.eur", "Deposit", json!({ "cents": 7 })),
        ("order", "Place", json!({ "item": "tea" })),
        ("order", "cancel", Value::Null),
        ("order", "cancel", Value::Null),
        ("invoice", "Send", Value::Null),
    ] {
        match engine.dispatch(kind, "1", command, json).await {
            Ok(receipt) => println!("{kind}/{command} replies {}", receipt.reply),
            Err(error) => println!("{kind}/{command}: {error}"),
        }
        if let Ok(mut history) = engine.history_by_name(kind, "1") {
            while let Some(recorded) = history.next().await {
                let recorded = recorded?;
                for (name, content) in recorded.events {
                    println!("  {} {name} {content}", recorded.revision);
                }
            }
        }
    }
    Ok(())
}

/// The names that the engine knows, from its answer to one that it does not.
async fn known(engine: &Engine, kind: &str, command: &str) -> Vec<&'static str> {
    match engine.dispatch(kind, "1", command, Value::Null).await {
        Err(CommandError::Unknown(UnknownTarget::Kind { known, .. } | UnknownTarget::Command { known, .. })) => known,
        _ => Vec::new(),
    }
}
