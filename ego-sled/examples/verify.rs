//! Checks a store without changing it: every sum, number and place, and the index against the log.
//!
//! `cargo run -p ego-sled --example verify -- ./bank`

use ego_sled::SledStore;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("say which folder holds the store");
        return ExitCode::from(2);
    };
    match SledStore::verify(&folder) {
        Err(error) => {
            eprintln!("{folder} could not be checked: {error}");
            ExitCode::from(2)
        }
        Ok(found) => {
            println!(
                "{} segments, {} groups, {} commits, {} events, head {}",
                found.segments, found.groups, found.commits, found.events, found.head
            );
            println!("{}", if found.sealed { "closed" } else { "not closed: the next opening recovers" });
            if found.torn_bytes > 0 {
                println!("{} bytes of a write that was cut short", found.torn_bytes);
            }
            if found.index_behind > 0 {
                println!("the index lacks {} groups, which the next opening applies", found.index_behind);
            }
            for damage in &found.damage {
                println!("DAMAGE {damage}");
            }
            if found.damage.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}
