//! The ledger's format: a header line, then one line per movement, in fields that are set apart by `;`.
//!
//! Columns: `trans_id` `account_id` `date` (YYMMDD) `type` `operation` `amount` `balance` `k_symbol` `bank` `account`. Text may stand in
//! quotes, columns behind `amount` may be missing. The balance is not read: the bank computes its own.
//!
//! It is read line by line, so that a mistake in a line (a quote that never ends, say) costs that line and not the rest of the file.

use crate::account::Details;
use crate::money::{Money, MoneyError};
use jiff::civil::Date;
use std::io::{self, BufRead, Read};

/// A line that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `trans_id`.
    pub transaction: u64,
    /// `account_id`.
    pub account: u64,
    /// Whether the money comes or goes.
    pub direction: Direction,
    /// How much.
    pub amount: Money,
    /// The rest.
    pub details: Details,
}

/// The column `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `PRIJEM`
    In,
    /// `VYDAJ` or `VYBER`
    Out,
}

/// Why a line was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Longer than any row could be.
    #[error("the line is longer than {} bytes", Ledger::<&[u8]>::MAX_LINE)]
    TooLong,
    /// A quoted text has no end, or something stands behind it.
    #[error("a quoted text does not end before the next field")]
    Quotes,
    /// Fewer fields than a row needs.
    #[error("{found} fields, a row has at least 6")]
    TooFew { found: usize },
    /// More fields than a row has.
    #[error("{found} fields, a row has at most 10")]
    TooMany { found: usize },
    /// An id that is no whole number.
    #[error("{column} is no whole number: {text:?}")]
    Id { column: &'static str, text: String },
    /// No day of the calendar.
    #[error("no date of the form YYMMDD: {text:?}")]
    Date { text: String },
    /// Another type than the three.
    #[error("unknown type: {text:?}")]
    Type { text: String },
    /// The amount.
    #[error("{source}: {text:?}")]
    Amount { text: String, source: MoneyError },
}

/// Reads a ledger, however long, one line at a time: the number of the line (the first is 1), and what stands there.
pub struct Ledger<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Ledger<R> {
    /// The longest line, in bytes.
    pub const MAX_LINE: usize = 64 * 1024;

    /// Begins to read.
    pub fn new(input: R) -> Self {
        Self { input, line: 0 }
    }

    /// The next line without its end; `None` behind the last.
    fn next_line(&mut self) -> io::Result<Option<Result<Vec<u8>, RowError>>> {
        let mut line = Vec::new();
        let limit = Self::MAX_LINE as u64 + 1;
        if self.input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        if line.last() == Some(&b'\n') || line.len() <= Self::MAX_LINE {
            return Ok(Some(Ok(line)));
        }
        while line.last() != Some(&b'\n') {
            line.clear();
            if self.input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
                break;
            }
        }
        Ok(Some(Err(RowError::TooLong)))
    }
}

impl<R: BufRead> Iterator for Ledger<R> {
    type Item = io::Result<(u64, Result<Row, RowError>)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.next_line() {
                Ok(Some(Ok(line))) => line,
                Ok(Some(Err(error))) => return Some(Ok((self.line, Err(error)))),
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            };
            // Old files are in old encodings. What decides is ASCII, so only the texts of a statement can suffer.
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_start_matches('\u{feff}').trim();
            let header = line.trim_start_matches('"').starts_with("trans_id");
            if !line.is_empty() && !header {
                return Some(Ok((self.line, parse(line))));
            }
        }
    }
}

fn parse(line: &str) -> Result<Row, RowError> {
    let fields = split(line)?;
    let field = |index: usize| fields.get(index).map_or("", |field| field.trim());
    let text = |index: usize| Some(field(index).to_owned()).filter(|text| !text.is_empty());
    if fields.len() < 6 {
        return Err(RowError::TooFew { found: fields.len() });
    }
    if fields.iter().skip(10).any(|field| !field.trim().is_empty()) {
        return Err(RowError::TooMany { found: fields.len() });
    }
    Ok(Row {
        transaction: id("trans_id", field(0))?,
        account: id("account_id", field(1))?,
        direction: match field(3) {
            "PRIJEM" => Direction::In,
            "VYDAJ" | "VYBER" => Direction::Out,
            other => return Err(RowError::Type { text: other.to_owned() }),
        },
        amount: amount(field(5)).map_err(|source| RowError::Amount { text: field(5).to_owned(), source })?,
        details: Details {
            date: date(field(2)).ok_or_else(|| RowError::Date { text: field(2).to_owned() })?,
            operation: text(4),
            symbol: text(7),
            partner_bank: text(8),
            partner_account: text(9),
        },
    })
}

/// Takes a line apart. A quote within a quoted text is written twice.
fn split(line: &str) -> Result<Vec<String>, RowError> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, behind) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_text(quoted)?,
            None => {
                let end = rest.find(';').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match behind.strip_prefix(';') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(fields),
            None => return Err(RowError::Quotes),
        }
    }
}

/// The text up to its closing quote, and what stands behind it.
fn quoted_text(mut rest: &str) -> Result<(String, &str), RowError> {
    let mut text = String::new();
    loop {
        let (part, behind) = rest.split_once('"').ok_or(RowError::Quotes)?;
        text.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                text.push('"');
                rest = more;
            }
            None => return Ok((text, behind.trim_start())),
        }
    }
}

/// Digits alone: `parse` would also take a sign.
fn id(column: &'static str, text: &str) -> Result<u64, RowError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| RowError::Id { column, text: text.to_owned() })
}

/// Ten trillion: whatever is larger is a mistake of the ledger. Refused here, it is refused each time; refused by an account whose
/// balance cannot be counted any more, it could be booked when the import is repeated.
const LARGEST: Money = Money::from_hundredths(1_000_000_000_000_000);

fn amount(text: &str) -> Result<Money, MoneyError> {
    text.parse().and_then(|amount| if amount > LARGEST { Err(MoneyError::TooLarge) } else { Ok(amount) })
}

/// Years from 70 on are those of the last century.
fn date(text: &str) -> Option<Date> {
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |from: usize| text[from..from + 2].parse::<i8>().ok();
    let year = i16::from(two(0)?);
    Date::new(if year < 70 { 2000 + year } else { 1900 + year }, two(2)?, two(4)?).ok()
}

#[cfg(test)]
mod tests;
