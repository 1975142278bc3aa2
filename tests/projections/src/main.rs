//! Projections on the embedded store under everything that happens to them: killed at random moments, paused, rebuilt, thrown away, with
//! handlers that are slow, fail and panic, and a store that fails now and then. Whenever views are read they are what the log says up to
//! their checkpoint; in the end all of them are, each event folded exactly once, in its order.
//!
//! `cargo run --release -p projections -- --cases 1000` is the long form; the short form is a test. Read `case.rs` first (what a case is),
//! then `child.rs` (who is killed), `reader.rs` and `end.rs` (what is compared). `tests/crash` does the same to the log.

mod case;
mod child;
mod domain;
mod end;
mod facts;
mod house;
mod kept;
mod operator;
mod outcome;
mod reader;
mod run;
mod said;
mod shaky;
mod views;

use clap::{Parser, Subcommand};
use outcome::{Outcome, whole};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(about = "Kills those who fold projections, and checks what is left", args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    process: Option<Process>,
    #[command(flatten)]
    run: run::Run,
}

#[derive(Debug, Subcommand)]
enum Process {
    /// The process that is killed.
    #[command(hide = true)]
    Child(child::Child),
    /// The process that catches up and compares.
    #[command(hide = true)]
    End(end::End),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let ended = match args.process {
        None => args.run.run(),
        Some(Process::Child(child)) => block_on(child.run()),
        Some(Process::End(end)) => block_on(end.run()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", whole(&*failure));
            // Whatever else runs is not waited for.
            ExitCode::FAILURE
        }
    }
}

fn block_on(process: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(process);
    runtime.shutdown_background();
    ended
}
