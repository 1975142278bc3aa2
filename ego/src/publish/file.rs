//! Publishing to a file.

use super::{Envelope, Format, PublishError, Publisher};
use crate::archive::Lines;
use crate::model::Token;
use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::Value;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Publishes to the end of a file, one line of JSON for each event, durable before it answers.
///
/// A line stands there once: what is given again, after a crash or a reset, is compared with the line that is there and left as it is.
/// What a killed process left of a line is cut off when the file is opened. A file that holds events of another log is an error, also an
/// earlier log of the same source: then give the publisher another file.
///
/// The file is the publisher's alone: nobody else can open it as such, until the engine was stopped and dropped.
pub struct JsonLinesPublisher {
    name: String,
    path: PathBuf,
    format: Format,
    written: Arc<Mutex<Written>>,
}

struct Written {
    lines: Lines,
    /// The identity of the last line.
    last: Option<Token>,
    /// Where a line stands that was just looked for: what is looked for next stands there or behind.
    found: Option<(Token, u64)>,
}

impl JsonLinesPublisher {
    /// Opens the file, or makes it, for a publisher of this name. Reads and syncs it: it blocks for a moment.
    ///
    /// # Errors
    /// What the operating system says; [`io::ErrorKind::WouldBlock`] when somebody has it open as a publisher's file;
    /// [`io::ErrorKind::InvalidData`] when its last line is no event. But for half a line at its end it was not changed.
    pub fn open(name: impl Into<String>, path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let mut lines = Lines::open(&path)?;
        let last = lines.before(lines.end())?.map(|(_, line)| identity(&line)).transpose()?;
        let written = Written { lines, last, found: None };
        Ok(Self { name: name.into(), path, format: Format::default(), written: Arc::new(Mutex::new(written)) })
    }

    /// Writes events in this format instead of as CloudEvents.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for JsonLinesPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesPublisher").field("name", &self.name).field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Publisher for JsonLinesPublisher {
    fn name(&self) -> &str {
        &self.name
    }

    async fn publish(&self, batch: &[Envelope]) -> Result<(), PublishError> {
        let events: Vec<_> = batch.iter().map(|event| (event.delivery.token(), event.json(self.format))).collect();
        let written = Arc::clone(&self.written);
        let write = tokio::task::spawn_blocking(move || written.lock().add(&events));
        let failed = |error: &dyn fmt::Display| PublishError::new(format_args!("{}: {error}", self.path.display()));
        write.await.map_err(|lost| failed(&lost))?.map_err(|error| failed(&error))
    }
}

impl Written {
    /// Adds those that are not there.
    fn add(&mut self, events: &[(Token, String)]) -> io::Result<()> {
        let (mut lines, mut last) = (Vec::new(), self.last);
        for (token, event) in events {
            if Some(*token) <= self.last && self.holds(*token, event)? {
                continue;
            }
            lines.extend(event.as_bytes());
            lines.push(b'\n');
            last = last.max(Some(*token));
        }
        if !lines.is_empty() {
            self.lines.append(&lines)?;
            self.last = last;
        }
        Ok(())
    }

    /// Whether the event stands in the file already.
    fn holds(&mut self, token: Token, event: &str) -> io::Result<bool> {
        let mut at = match self.found {
            Some((found, at)) if found <= token => at,
            _ => self.first_from(token)?,
        };
        while let Some((line, end)) = self.lines.at(at)? {
            let found = identity(&line)?;
            if found >= token {
                self.found = Some((found, at));
                return if found > token { Ok(false) } else { same(&line, event).map(|()| true) };
            }
            at = end;
        }
        Ok(false)
    }

    /// Where the lines begin, seen from the end, that are not before this one.
    fn first_from(&mut self, token: Token) -> io::Result<u64> {
        let mut first = self.lines.end();
        while let Some((begin, line)) = self.lines.before(first)? {
            if identity(&line)? < token {
                break;
            }
            first = begin;
        }
        Ok(first)
    }
}

fn identity(line: &[u8]) -> io::Result<Token> {
    let read: Option<Value> = serde_json::from_slice(line).ok();
    let id = read.as_ref().and_then(|line| line.get("id")?.as_str()).and_then(Token::parse);
    id.ok_or_else(|| invalid(format!("it holds a line that is no published event: {}", shown(line))))
}

/// Whether both are the same event, be it in another version of its shape.
fn same(line: &[u8], event: &str) -> io::Result<()> {
    const IDENTITY: [&str; 7] = ["source", "subject", "revision", "commandid", "aggregate_type", "aggregate_id", "version"];
    let (line_read, event): (Value, Value) = (serde_json::from_slice(line)?, serde_json::from_str(event)?);
    if IDENTITY.iter().all(|field| line_read.get(field) == event.get(field)) {
        return Ok(());
    }
    Err(invalid(format!(
        "it holds the events of another log, or in another format: {} stands where {event} belongs",
        shown(line)
    )))
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().take(200).collect()
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
