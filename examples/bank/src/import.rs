//! Imports a ledger: one reader, some clients, one count.
//!
//! The rows of an account always go to the same client, and a client sends one command after the other: so every account sees its
//! rows in the order of the file, however many clients there are. The `trans_id` is the command id. A command that was recorded
//! before has no second effect, so an import that was broken off is repeated from the start, and nothing is booked twice.

use crate::account::{Account, AccountError, Answer, Deposit, Open, Withdraw};
use crate::ledger::{Direction, Ledger, Row, RowError};
use ego::engine::{CommandError, Receipt};
use ego::message::{CorrelationId, MetadataDraft};
use ego::prelude::*;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, BufRead};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinError, JoinSet};

/// How many rows may wait for a client, and how many answers for the count. The reader waits when a queue is full.
const QUEUE: usize = 64;

/// What became of the rows. Shown as the line that an import ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All rows: the sum of the other counts but `accounts`.
    pub rows: u64,
    /// How many accounts they are of; known at the end.
    pub accounts: u64,
    /// The money moved.
    pub applied: u64,
    /// The balance was too small.
    pub declined: u64,
    /// Booked before.
    pub repeated: u64,
    /// Not understood or refused.
    pub bad: u64,
}

impl Tally {
    fn booked(&mut self, receipt: &Receipt<Answer>) {
        let count = match receipt.reply {
            _ if receipt.repeated => &mut self.repeated,
            Answer::Done { .. } => &mut self.applied,
            Answer::Declined { .. } => &mut self.declined,
        };
        *count += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, accounts, applied, declined, repeated, bad } = self;
        write!(f, "rows={rows} accounts={accounts} applied={applied} declined={declined} repeated={repeated} bad={bad}")
    }
}

/// A row that was not booked. The import goes on behind it.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadRow {
    line: u64,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    NotUnderstood(#[from] RowError),
    #[error(transparent)]
    Refused(CommandError<AccountError>),
}

/// Why an import ended early. What was answered before is kept; the next import goes on behind it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be read.
    #[error("the ledger could not be read")]
    Read(#[source] io::Error),
    /// A command failed for a reason that no other row would escape.
    #[error("the import stopped at line {line}; what was booked stays, so import the ledger again to go on")]
    Stopped { line: u64, source: CommandError<AccountError> },
    /// A part of the import panicked.
    #[error("the import broke down")]
    Broken(#[from] JoinError),
}

/// What the reader and the clients tell the count.
enum Report {
    Booked(Receipt<Answer>),
    Bad(BadRow),
    End(ImportError),
}

/// Imports all rows of a ledger; `heard` hears the count after each row, and what was wrong with a bad one. Bad rows are no error.
pub async fn import(
    engine: &Engine,
    ledger: Ledger<impl BufRead + Send + 'static>,
    name: &str,
    clients: usize,
    mut heard: impl FnMut(&Tally, Option<&BadRow>),
) -> Result<Tally, ImportError> {
    let (reports, mut answers) = mpsc::channel(QUEUE);
    let (mut queues, mut tasks) = (Vec::new(), JoinSet::new());
    for _ in 0..clients.max(1) {
        let (queue, rows) = mpsc::channel(QUEUE);
        let client = Client { engine: engine.clone(), metadata: metadata(name), known: HashSet::new(), reports: reports.clone() };
        tasks.spawn(client.work(rows));
        queues.push(queue);
    }
    let reader = tokio::task::spawn_blocking(move || read(ledger, &queues, &reports));

    let (mut tally, mut end) = (Tally::default(), None);
    while let Some(report) = answers.recv().await {
        let mut bad_row = None;
        match report {
            Report::Booked(receipt) => tally.booked(&receipt),
            Report::Bad(row) => {
                tally.bad += 1;
                bad_row = Some(row);
            }
            Report::End(error) => {
                // Whoever still has something to say finds nobody there, and ends.
                answers.close();
                end.get_or_insert(error);
                continue;
            }
        }
        tally.rows += 1;
        heard(&tally, bad_row.as_ref());
    }
    reader.await?;
    while let Some(accounts) = tasks.join_next().await {
        tally.accounts += accounts?;
    }
    end.map_or(Ok(tally), Err)
}

/// Who asks, and in which conversation: it stands with every event, so that each can be traced to its ledger.
fn metadata(name: &str) -> MetadataDraft {
    let draft = MetadataDraft::new().actor("import");
    // A file's name may be longer or stranger than an id.
    if CorrelationId::new(name).is_ok() { draft.correlation_id(name) } else { draft }
}

/// Deals the rows out. Runs on a thread of its own, because reading a file blocks.
fn read(ledger: Ledger<impl BufRead>, queues: &[Sender<(u64, Row)>], reports: &Sender<Report>) {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    for next in ledger {
        let sent = match next {
            Ok((line, Ok(row))) => {
                let queue = hasher.hash_one(row.account) % queues.len() as u64;
                queues[queue as usize].blocking_send((line, row)).is_ok()
            }
            Ok((line, Err(error))) => reports.blocking_send(Report::Bad(BadRow { line, reason: error.into() })).is_ok(),
            Err(error) => {
                // Nobody listens only when the import is ending already.
                let _ = reports.blocking_send(Report::End(ImportError::Read(error)));
                false
            }
        };
        if !sent {
            break;
        }
    }
}

struct Client {
    engine: Engine,
    metadata: MetadataDraft,
    /// The accounts that this import has opened or found open.
    known: HashSet<u64>,
    reports: Sender<Report>,
}

impl Client {
    /// Books rows until there are no more, and tells of how many accounts they were.
    async fn work(mut self, mut rows: Receiver<(u64, Row)>) -> u64 {
        while let Some((line, row)) = rows.recv().await {
            let report = match self.book(line, row).await {
                Ok(receipt) => Report::Booked(receipt),
                Err(error) if is_about_the_row(&error) => Report::Bad(BadRow { line, reason: Reason::Refused(error) }),
                Err(source) => Report::End(ImportError::Stopped { line, source }),
            };
            let ended = matches!(report, Report::End(_));
            if self.reports.send(report).await.is_err() || ended {
                break;
            }
        }
        self.known.len() as u64
    }

    async fn book(&mut self, line: u64, row: Row) -> Result<Receipt<Answer>, CommandError<AccountError>> {
        let Row { transaction, account, direction, amount, details } = row;
        let id = account.to_string();
        let metadata = self.metadata.clone().entry("line", line.to_string());
        if self.known.insert(account) {
            let open = self.engine.send::<Account>(&id, Open { on: details.date });
            match open.command_id("open").metadata(metadata.clone()).await {
                // Refused when it was opened otherwise: the row itself finds out whether the account can be used.
                Ok(_) | Err(CommandError::Rejected(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let sending = match direction {
            Direction::In => self.engine.send::<Account>(id, Deposit { amount, details }),
            Direction::Out => self.engine.send::<Account>(id, Withdraw { amount, details }),
        };
        sending.command_id(transaction.to_string()).metadata(metadata).await
    }
}

/// Whether the next row may fare better. A failing store is nobody's fault, and repeating the import is the answer to it.
fn is_about_the_row(error: &CommandError<AccountError>) -> bool {
    use CommandError::{Codec, CommandIdReused, Invalid, Panicked, Refused, Rejected};
    matches!(error, Rejected(_) | CommandIdReused { .. } | Refused(_) | Invalid(_) | Codec { .. } | Panicked { .. })
}

#[cfg(test)]
mod tests;
