//! `cargo run --release -p powercut -- --images 20000` opens so many images of power cuts and says what it found.

use clap::{Parser, Subcommand};
use powercut::{Plan, Result, Work};

#[derive(Parser)]
#[command(about = "Opens stores as power cuts could leave them, and compares them with what was acknowledged")]
struct Arguments {
    /// How many images are opened, at least.
    #[arg(long, default_value_t = 20_000)]
    images: u64,
    /// What everything random depends on; EGO_POWERCUT_SEED says it, too.
    #[arg(long)]
    seed: Option<u64>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// The process that is recorded.
    #[command(hide = true)]
    Work(Work),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Work(work)) => work.run(),
        None => {
            let plan = Plan::new(std::env::current_exe()?, arguments.images, arguments.seed);
            let report = powercut::run(&plan)?;
            println!("{report}");
            report.verdict()
        }
    }
}
