//! Kills the engine on the embedded store at random moments, thousands of times, and checks what is left after each.
//!
//! `cargo run --release -p crash -- --rounds 10000` is the long form; the short form is a test. Read `killer.rs` first (what a round is),
//! then `child.rs` (who is killed) and `check` (what is compared). SIGKILL leaves what was handed to the system: whether it reached the
//! disk is not seen here.

mod check;
mod child;
mod chores;
mod clients;
mod domain;
mod house;
mod killer;
mod known;
mod model;
mod outcome;
mod phase;
mod random;
mod run;
mod said;
mod tried;
mod views;

use clap::{Parser, Subcommand};
use outcome::{Outcome, whole};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(
    about = "Kills the engine on the embedded store at random moments and checks what is left",
    args_conflicts_with_subcommands = true
)]
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
    /// The process that checks what is left.
    #[command(hide = true)]
    Check(check::Check),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let ended = match args.process {
        None => args.run.run(),
        Some(Process::Child(child)) => block_on(child.run()),
        Some(Process::Check(check)) => block_on(check.run()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", whole(&*failure));
            ExitCode::FAILURE
        }
    }
}

fn block_on(process: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(process)
}
