//! The tour: a fresh store, a small ledger, a statement, the rules at work, and the store reopened.

use crate::account::{Account, AccountError, Close, Details, Freeze, Unfreeze, Withdraw};
use crate::import::import;
use crate::ledger::Ledger;
use crate::money::Money;
use crate::order::{Agree, Order, OrderError};
use crate::{Failure, close, open, show};
use ego::prelude::*;
use jiff::civil::Date;
use std::fmt::Display;
use std::io::Write;

const LEDGER: &[u8] = include_bytes!("../ledger/small.asc");
const NAME: &str = "small.asc";

/// The day after the last row of the ledger.
const TODAY: Date = Date::constant(1994, 5, 1);

/// Walks through everything, on a store that is removed at the end.
pub async fn run(out: &mut impl Write) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    writeln!(out, "A fresh store in {}\n", folder.path().display())?;
    let engine = open(folder.path()).await?;

    writeln!(out, "Importing the small ledger")?;
    import_small(&engine, out).await?;
    show::statement(&engine, 25, out).await?;
    writeln!(out)?;
    orders(&engine, out).await?;
    totals(&engine, out).await?;
    rules(&engine, out).await?;

    let before = show::all_balances(&engine, None).await?;
    close(&engine).await?;
    let engine = open(folder.path()).await?;
    for (number, view) in &before {
        // The view is kept with its checkpoint; the account is folded again from its events.
        let account = engine.load::<Account>(number.to_string()).await?.state;
        if (account.balance, account.transactions, account.refused) != (view.balance, view.transactions, view.refused) {
            return Err("the state did not come back".into());
        }
    }
    if before != show::all_balances(&engine, None).await? {
        return Err("the views did not come back".into());
    }
    writeln!(out, "The store was closed and opened again: the state of all {} accounts came back", before.len())?;
    totals(&engine, out).await?;

    writeln!(out, "Importing the small ledger again: every row is known by its trans_id")?;
    import_small(&engine, out).await?;
    writeln!(out, "With a ledger and a store of your own: bank import FILE --store DIR")?;
    close(&engine).await
}

async fn import_small(engine: &Engine, out: &mut impl Write) -> Result<(), Failure> {
    // What stands here is heard while the import runs, where an error of `out` cannot be returned.
    let mut shown = Ok(());
    let tally = import(engine, Ledger::new(LEDGER), NAME, 4, |tally, _| {
        if shown.is_ok() && tally.rows.is_multiple_of(25) {
            shown = writeln!(out, "  {} rows …", tally.rows);
        }
    })
    .await?;
    shown?;
    Ok(writeln!(out, "  {tally}\n")?)
}

async fn totals(engine: &Engine, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "{:>8}{:>14}{:>10}{:>16}", "account", "transactions", "refused", "balance")?;
    let mut sum = Money::ZERO;
    for (number, account) in show::all_balances(engine, None).await? {
        sum = sum.plus(account.balance).ok_or(AccountError::TooMuch)?;
        writeln!(out, "{number:>8}{:>14}{:>10}{:>16}", account.transactions, account.refused, account.balance)?;
    }
    writeln!(out, "{:>8}{sum:>40}\n", "total")?;
    Ok(())
}

/// Something of another kind, and what a customer reads of both at the end of a month.
async fn orders(engine: &Engine, out: &mut impl Write) -> Result<(), Failure> {
    let (amount, on) = (Money::from_hundredths(120_000), Date::constant(1994, 2, 1));
    match engine.send::<Order>("25-rent", Agree { account: 25, amount, purpose: "rent".to_owned(), on }).await {
        Ok(_) | Err(CommandError::Rejected(OrderError::AgreedBefore)) => {}
        Err(error) => return Err(error.into()),
    }
    show::months(engine, 25, out).await?;
    Ok(writeln!(out)?)
}

/// Shows how an account refuses: with the domain's own error, and without a trace in its history.
async fn rules(engine: &Engine, out: &mut impl Write) -> Result<(), Failure> {
    let details = || Details { date: TODAY, operation: Some("VYBER".to_owned()), ..Details::default() };
    let withdraw = |amount| Withdraw { amount, details: details() };
    let hundred = Money::from_hundredths(10_000);

    engine.send::<Account>("40", Freeze { reason: "lost card".to_owned() }).await?;
    tell(out, "40 is frozen; a withdrawal", engine.send::<Account>("40", withdraw(hundred)).await)?;
    engine.send::<Account>("40", Unfreeze {}).await?;
    tell(out, "40 is unfrozen; a withdrawal", engine.send::<Account>("40", withdraw(hundred)).await)?;

    tell(out, "58 shall be closed", engine.send::<Account>("58", Close {}).await)?;
    let rest = engine.load::<Account>("58").await?.state.balance;
    engine.send::<Account>("58", withdraw(rest)).await?;
    tell(out, "58 is empty and shall be closed", engine.send::<Account>("58", Close {}).await)?;
    tell(out, "58 is closed; a withdrawal", engine.send::<Account>("58", withdraw(hundred)).await)?;
    writeln!(out)?;
    Ok(())
}

fn tell<R>(out: &mut impl Write, what: &str, answer: Result<Receipt<R>, CommandError<AccountError>>) -> Result<(), Failure> {
    let answer: &dyn Display = match &answer {
        Ok(_) => &"done",
        Err(CommandError::Rejected(refused)) => refused,
        Err(_) => return answer.map(|_| ()).map_err(Into::into),
    };
    writeln!(out, "{what}: {answer}")?;
    Ok(())
}
