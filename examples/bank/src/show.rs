//! What the bank shows: balances of all accounts, the statement of one, its history.

use crate::Failure;
use crate::account::{Account, AccountEvent, Details, Status};
use crate::money::Money;
use crate::views::{Balance, Month};
use ego::Timestamp;
use ego::engine::RecordedJson;
use ego::message::{Metadata, Position, Revision};
use ego::prelude::*;
use ego::store::Store;
use serde::Serialize;
use std::io::Write;

/// The balances of all accounts, by number, or of those with so much or more.
pub async fn all_balances(engine: &Engine, at_least: Option<Money>) -> Result<Vec<(u64, Balance)>, Failure> {
    let head = engine.store().head().await?;
    // The index is asked for the rich, so that the others are not read at all.
    let views = || {
        let views = engine.views::<Balance>().after(head).limit(1000);
        match at_least {
            Some(least) => views.between("hundredths", least.hundredths()..),
            None => views,
        }
    };
    let mut balances = Vec::new();
    let mut page = views().page().await?;
    loop {
        for (id, balance) in page.items {
            let number = id.parse().map_err(|_| format!("the account {id:?} has no number"))?;
            balances.push((number, balance));
        }
        match page.next {
            Some(next) => page = views().at(next).page().await?,
            None => break,
        }
    }
    // The store orders ids as texts: 10 before 9.
    balances.sort_unstable_by_key(|(number, _)| *number);
    Ok(balances)
}

/// One line per account: what a program reads.
pub async fn balances(engine: &Engine, at_least: Option<Money>, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "account_id;transactions;refused;closing_hundredths")?;
    for (number, account) in all_balances(engine, at_least).await? {
        writeln!(out, "{number};{};{};{}", account.transactions, account.refused, account.balance.hundredths())?;
    }
    Ok(())
}

/// What a customer gets every month.
pub async fn months(engine: &Engine, number: u64, out: &mut impl Write) -> Result<(), Failure> {
    let head = engine.store().head().await?;
    let months = || engine.views::<Month>().after(head).prefix(format!("{number}/")).limit(100);
    let mut page = months().page().await?;
    if page.items.is_empty() {
        return Err(format!("nothing is known of account {number}").into());
    }
    writeln!(out, "Account {number}")?;
    writeln!(out, "{:<9}{:>14}{:>14}{:>10}{:>8}{:>7}", "month", "deposited", "withdrawn", "declined", "orders", "ended")?;
    loop {
        for (key, month) in &page.items {
            let name = key.split_once('/').map_or(&**key, |(_, name)| name);
            let Month { deposited, withdrawn, declined, orders_agreed, orders_ended } = month;
            writeln!(out, "{name:<9}{deposited:>14}{withdrawn:>14}{declined:>10}{orders_agreed:>8}{orders_ended:>7}")?;
        }
        match page.next {
            Some(next) => page = months().at(next).page().await?,
            None => return Ok(()),
        }
    }
}

/// What a customer reads: the movements of an account, with the balance after each.
pub async fn statement(engine: &Engine, number: u64, out: &mut impl Write) -> Result<(), Failure> {
    let mut history = engine.history::<Account>(number.to_string())?;
    let mut account = Account::default();
    while let Some(recorded) = history.next().await {
        for event in recorded?.events {
            if account.status == Status::Unopened {
                writeln!(out, "Account {number}")?;
                writeln!(out, "{:<12}{:<11}{:>14}{:>14}  details", "date", "entry", "amount", "balance")?;
            }
            // The state after each event: what loading the account does, stopped at every step.
            account.apply(&event);
            let (date, entry, amount, details) = line(&event);
            let amount = amount.map(|amount| amount.to_string()).unwrap_or_default();
            let text = format!("{date:<12}{entry:<11}{amount:>14}{:>14}  {details}", account.balance);
            writeln!(out, "{}", text.trim_end())?;
        }
    }
    match account.status {
        Status::Unopened => Err(format!("there is no account {number}").into()),
        _ => Ok(()),
    }
}

fn line(event: &AccountEvent) -> (String, &'static str, Option<Money>, String) {
    let movement = |entry, amount: &Money, details: &Details| (details.date.to_string(), entry, Some(*amount), text(details));
    let other = |entry, details: &str| (String::new(), entry, None, details.to_owned());
    match event {
        AccountEvent::Opened { on } => (on.to_string(), "opened", None, String::new()),
        AccountEvent::Deposited { amount, details } => movement("deposit", amount, details),
        AccountEvent::Withdrawn { amount, details } => movement("withdrawal", amount, details),
        AccountEvent::Declined { amount, details } => movement("DECLINED", amount, details),
        AccountEvent::Frozen { reason } => other("frozen", reason),
        AccountEvent::Unfrozen => other("unfrozen", ""),
        AccountEvent::Closed => other("closed", ""),
    }
}

fn text(details: &Details) -> String {
    let Details { date: _, operation, symbol, partner_bank, partner_account } = details;
    let parts = [operation, symbol, partner_bank, partner_account];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[derive(Serialize)]
struct Line<'r> {
    revision: Revision,
    position: Position,
    time: Timestamp,
    name: &'r str,
    content: serde_json::Value,
    metadata: &'r Metadata,
}

/// What an auditor reads: every event with its places and metadata, as JSON lines. It asks by name, as a tool would that knows no
/// types.
pub async fn history(engine: &Engine, number: u64, out: &mut impl Write) -> Result<(), Failure> {
    let mut history = engine.history_by_name(Account::KIND, number.to_string())?;
    let mut empty = true;
    while let Some(recorded) = history.next().await {
        empty = false;
        let RecordedJson { events, revision, position, metadata, .. } = recorded?;
        for (name, content) in events {
            let line = Line { revision, position, time: metadata.time, name, content, metadata: &metadata };
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
        }
    }
    if empty { Err(format!("there is no account {number}").into()) } else { Ok(()) }
}
