//! Whole domains on the embedded store, killed with SIGKILL at random moments and opened again: what was acknowledged is there, what was
//! promised for later comes, and nothing happens twice.
//!
//! `cargo run --release -p life -- SCENARIO --rounds 200 --seed N` is the long form; the short form is a test for each scenario. Read
//! `scenarios/ledger.rs` first (the smallest scenario, and how to add one), then `life.rs` (what a round is). `tests/crash` does the same
//! to the store alone, `tests/projections` to views.

mod life;
mod outcome;
mod run;
mod scenarios;
mod scene;

use clap::{Parser, Subcommand};
use outcome::{Outcome, whole};
use scene::Told;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(about = "Kills domains at random moments and checks what is left", args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    process: Option<Process>,
    #[command(flatten)]
    run: Option<run::Run>,
}

#[derive(Debug, Subcommand)]
enum Process {
    /// The process that is killed.
    #[command(hide = true)]
    Work(Told),
    /// The process that compares what is left with what was said.
    #[command(hide = true)]
    Check(Told),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let ended = match (args.process, args.run) {
        (Some(Process::Work(told)), _) => block_on(told.work()),
        (Some(Process::Check(told)), _) => block_on(told.check()),
        (None, Some(run)) => run.run(),
        (None, None) => Err("which scenario? `--help` tells".into()),
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
