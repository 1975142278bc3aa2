//! `cargo run --release -p soak -- --minutes 10`: see the library's documentation.

use clap::Parser;
use soak::growth::Growth;
use soak::{Plan, Where, soak};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Soaks an engine in everything at once, and compares its log with what it said.
#[derive(Parser)]
struct Arguments {
    /// How long.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Does the same again; a new one when left out.
    #[arg(long, env = "EGO_SOAK_SEED")]
    seed: Option<u64>,
    /// How many clients there are.
    #[arg(long, default_value_t = 200)]
    clients: u64,
    /// How many shelves there are at a time.
    #[arg(long, default_value_t = 20_000)]
    shelves: usize,
    /// On the store in memory, instead of the embedded one.
    #[arg(long)]
    memory: bool,
    /// Where the embedded store is made, and left; a folder for temporary files when left out.
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { minutes, seed, clients, shelves, memory, folder } = Arguments::parse();
    let seed = seed.unwrap_or_else(rand::random);
    println!("EGO_SOAK_SEED={seed}");
    let temporary = tempfile::tempdir()?;
    let place = if memory { Where::Memory } else { Where::Folder(folder.unwrap_or_else(|| temporary.path().to_owned())) };
    let time = Duration::try_from_secs_f64(minutes * 60.0)?;
    let plan = Plan { time, least: 0, seed, clients, shelves, report: Duration::from_secs(10).min(time / 10), place };
    let report = soak(&plan).await?;
    print!("{report}");
    let mut well = report.broken.is_empty();
    if let Some(growth) = Growth::of(&report.samples) {
        println!("{growth}");
        // The store in memory keeps everything there.
        if time >= Growth::SHORTEST && !memory && !growth.is_flat() {
            println!("BROKEN: memory is not flat");
            well = false;
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
