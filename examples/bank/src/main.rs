//! A small bank: imports a ledger into event-sourced accounts, and shows balances, statements and histories.
//!
//! ```text
//! cargo run -p bank                                           # the tour: a small ledger, a statement, and the store reopened
//! cargo run -p bank -- import FILE --store DIR --clients 64   # a ledger of your own
//! cargo run -p bank -- balances --store DIR                  # from a view; --at-least 50000 asks its index
//! cargo run -p bank -- months 25 --store DIR                 # a view of several kinds
//! cargo run -p bank -- statement 25 --store DIR
//! cargo run -p bank -- history 25 --store DIR
//! cargo run -p bank -- send 25 Freeze '{"reason":"lost card"}' --store DIR
//! cargo run -p bank -- watch --store DIR                     # events as they come, and commands from the keyboard
//! ```
//!
//! Read `account.rs` first: it is the domain, with a second kind in `order.rs`. Then `import.rs`, which sends the commands, `views.rs`,
//! what is folded from the events as they come, and `show.rs`, which reads.
//!
//! Exit codes: 0 when all went well, 1 for a failure, 2 when rows of a ledger were bad.

#![allow(unreachable_pub, reason = "nothing is outside of a program: `pub` means here what it means in a library")]

mod account;
mod demo;
mod import;
mod ledger;
mod money;
mod order;
mod show;
mod views;
mod watch;

use account::Account;
use clap::{Args, Parser, Subcommand};
use ego::message::{MetadataDraft, Position};
use ego::prelude::*;
use ego::store::StoreError;
use ego_sled::SledStore;
use import::{BadRow, Tally};
use ledger::Ledger;
use money::Money;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Anything that ends the program early.
pub type Failure = Box<dyn Error + Send + Sync>;

const BAD_ROWS: u8 = 2;

/// A small bank on ego. Without a command, it shows what it can do.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Books all rows of a ledger. What was booked before is not booked again.
    Import {
        file: PathBuf,
        #[command(flatten)]
        at: At,
        /// How many commands may be under way at once.
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=4096))]
        clients: u16,
    },
    /// Prints the balances of all accounts.
    Balances {
        /// Only those with so many koruna or more.
        #[arg(long, value_name = "KORUNA")]
        at_least: Option<u64>,
        #[command(flatten)]
        at: At,
    },
    /// Prints what happened to an account in each month.
    Months {
        account: u64,
        #[command(flatten)]
        at: At,
    },
    /// Prints the movements of an account.
    Statement {
        account: u64,
        #[command(flatten)]
        at: At,
    },
    /// Prints all events of an account, as JSON lines.
    History {
        account: u64,
        #[command(flatten)]
        at: At,
    },
    /// Prints events as JSON lines, those that are there and those that come, and takes commands from standard input, one to a line, as
    /// `send` does: `25 Freeze {"reason":"lost card"}`. Ends with it.
    Watch {
        /// Only what was recorded behind this position.
        #[arg(long, default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        at: At,
    },
    /// Sends any command, by its name, and prints the answer: Open, Deposit, Withdraw, Freeze, Unfreeze, Close; Agree and End to an order.
    Send {
        /// The number of the account, or the name of the order.
        id: String,
        command: String,
        /// The command's content.
        #[arg(default_value = "{}", value_parser = json)]
        json: serde_json::Value,
        #[arg(long, default_value = Account::KIND)]
        kind: String,
        #[command(flatten)]
        at: At,
    },
}

fn json(text: &str) -> serde_json::Result<serde_json::Value> {
    serde_json::from_str(text)
}

#[derive(Args)]
struct At {
    /// The folder of the store.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
}

impl At {
    /// What only reads shall not make a store.
    fn existing(&self) -> Result<&Path, Failure> {
        if self.store.is_dir() {
            return Ok(&self.store);
        }
        Err(format!("there is no store in {}: `bank import` makes one", self.store.display()).into())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        // Whoever reads has read enough: `bank history 25 --store DIR | head`.
        Err(failure) if is_broken_pipe(&*failure) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing can be done about a standard error that is closed.
            let _ = writeln!(io::stderr(), "error: {}", with_causes(&*failure));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    match arguments.action {
        None => demo::run(&mut out).await?,
        Some(Action::Import { file, at, clients }) => {
            // First, so that a name with a slip of the pen makes no store.
            let ledger = File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let tally = on_store(&at.store, async |engine| import_file(engine, ledger, &name, clients.into()).await).await?;
            writeln!(out, "{tally}")?;
            if tally.bad > 0 {
                return Ok(ExitCode::from(BAD_ROWS));
            }
        }
        Some(Action::Balances { at_least, at }) => {
            let least = at_least.map(|koruna| koruna.checked_mul(100).ok_or("so many koruna are never there")).transpose()?;
            let least = least.map(Money::from_hundredths);
            on_store(at.existing()?, async |engine| show::balances(engine, least, &mut out).await).await?;
        }
        Some(Action::Months { account, at }) => {
            on_store(at.existing()?, async |engine| show::months(engine, account, &mut out).await).await?;
        }
        Some(Action::Watch { after, at }) => {
            on_store(&at.store, async |engine| watch::watch(engine, Position::new(after), &mut out).await).await?;
        }
        Some(Action::Statement { account, at }) => {
            on_store(at.existing()?, async |engine| show::statement(engine, account, &mut out).await).await?;
        }
        Some(Action::History { account, at }) => {
            on_store(at.existing()?, async |engine| show::history(engine, account, &mut out).await).await?;
        }
        Some(Action::Send { id, command, json, kind, at }) => {
            let reply = on_store(&at.store, async |engine| send(engine, &kind, &id, &command, json).await).await?;
            writeln!(out, "{reply}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Does something with the bank on this store, and closes it whatever came of it.
async fn on_store<T>(folder: &Path, work: impl AsyncFnOnce(&Engine) -> Result<T, Failure>) -> Result<T, Failure> {
    let engine = open(folder).await?;
    let outcome = work(&engine).await;
    let closed = close(&engine).await;
    let outcome = outcome?;
    closed?;
    Ok(outcome)
}

/// The bank, running on the store in this folder. Waits a little for a store that is in use: a program that was killed keeps it until
/// the operating system has cleared it away.
pub async fn open(folder: &Path) -> Result<Engine, Failure> {
    let give_up = Instant::now() + Duration::from_secs(2);
    let store = loop {
        match SledStore::open(folder) {
            Err(StoreError::InUse { .. }) if Instant::now() < give_up => sleep(Duration::from_millis(20)).await,
            opened => break opened?,
        }
    };
    Ok(Engine::builder().store(store).start().await?)
}

/// Finishes what is under way, and lets go of the store.
pub async fn close(engine: &Engine) -> Result<(), Failure> {
    Ok(engine.stop(Duration::from_secs(30)).await?)
}

async fn import_file(engine: &Engine, ledger: File, name: &str, clients: usize) -> Result<Tally, Failure> {
    let watched = io::stderr().is_terminal();
    let heard = |tally: &Tally, bad: Option<&BadRow>| {
        let mut err = io::stderr().lock();
        // An import is not given up because nobody watches it.
        let _ = match bad {
            Some(bad) => writeln!(err, "{bad}"),
            None if watched && tally.rows.is_multiple_of(1000) => write!(err, "{} rows\r", tally.rows),
            None => Ok(()),
        };
    };
    Ok(import::import(engine, Ledger::new(BufReader::new(ledger)), name, clients, heard).await?)
}

/// Sends a command by its name: what an HTTP endpoint would do.
pub async fn send(
    engine: &Engine,
    kind: &str,
    id: &str,
    command: &str,
    json: serde_json::Value,
) -> Result<serde_json::Value, Failure> {
    let sending = engine.dispatch(kind, id, command, json);
    Ok(sending.metadata(MetadataDraft::new().actor("teller")).await?.reply)
}

fn is_broken_pipe(failure: &(dyn Error + Send + Sync + 'static)) -> bool {
    failure.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// An error and what led to it, on one line.
fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}
