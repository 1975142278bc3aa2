//! A library that forgets a reader: the loans stay, the name goes, everywhere at once.
//!
//! ```text
//! cargo run -p forget-me
//! ```
//!
//! What to look at, from the top: which fields are personal, and whose; that the view says it, too; where the keys are; what stands in
//! the files before and after; what is left when the reader is forgotten. The store is behind keys of its own as well, so that a thief
//! of the disk reads nothing at all: that is another matter, and another key.

#![allow(missing_docs, unreachable_pub, reason = "nothing is outside of a program: `pub` means here what it means in a library")]

use ego::Personal;

use ego::prelude::*;
use ego::privacy::{Encrypted, FileKeys, ForgetReport, Key, KeyRing};
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::Path;
use std::time::Duration;

/// What happens to a library card. The id says nothing of the reader: it is what the key is kept under, and stays readable.
#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[event(subject = reader)]
enum CardEvent {
    Issued {
        reader: String,
        #[personal(redacted = "a former reader")]
        name: String,
        #[personal]
        email: Option<String>,
    },
    Lent {
        book: String,
    },
}

#[derive(Command, Debug, Serialize, Deserialize)]
struct Issue {
    reader: String,
    name: String,
    email: Option<String>,
}

#[derive(Command, Debug, Serialize, Deserialize)]
struct Lend {
    book: String,
}

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "card", event = CardEvent)]
struct Card {
    name: Option<String>,
    books: Vec<String>,
}

#[ego::handlers]
impl Card {
    #[handle]
    fn issue(&self, Issue { reader, name, email }: Issue) -> Result<CardEvent, String> {
        Ok(CardEvent::Issued { reader, name, email })
    }

    #[handle]
    fn lend(&self, cmd: Lend) -> Result<CardEvent, String> {
        if self.name.is_none() {
            return Err("there is no such card".to_owned());
        }
        Ok(CardEvent::Lent { book: cmd.book })
    }

    #[apply]
    fn apply(&mut self, event: &CardEvent) {
        match event {
            CardEvent::Issued { name, .. } => self.name = Some(name.clone()),
            CardEvent::Lent { book } => self.books.push(book.clone()),
        }
    }
}

/// What the desk sees. Without `Personal` the engine would not start: the view is folded from events with personal fields.
#[derive(Personal, Default, Debug, PartialEq, Serialize, Deserialize)]
#[personal(subject = reader)]
struct AtTheDesk {
    reader: String,
    #[personal(redacted = "a former reader")]
    name: String,
    books: u32,
}

#[ego::projection(name = "desk")]
impl AtTheDesk {
    #[on(Card)]
    fn on(&mut self, event: &CardEvent) {
        match event {
            CardEvent::Issued { reader, name, .. } => (self.reader, self.name) = (reader.clone(), name.clone()),
            CardEvent::Lent { .. } => self.books += 1,
        }
    }
}

/// The store and the keys are two places: what is destroyed in one must not come back from a backup of the other.
async fn library(folder: &Path, disk: KeyRing, master: KeyRing) -> Result<Engine, Box<dyn Error>> {
    let store = Encrypted::open(SledStore::open(folder.join("store"))?, disk).await?;
    let keys = FileKeys::open(folder.join("keys"), master)?;
    Ok(Engine::builder().store(store).subject_keys(keys).start().await?)
}

async fn show(engine: &Engine, when: &str) -> Result<(), Box<dyn Error>> {
    let card = engine.load::<Card>("card-1").await?.state;
    println!("{when}: the card is {}'s, with {:?}", card.name.unwrap_or_default(), card.books);
    let desk = engine.view::<AtTheDesk>("card-1").await?;
    println!("  the desk sees {desk:?}");
    for event in engine.history_by_name("card", "card-1")?.collect().await? {
        println!("  {}. {} {}", event.revision, event.events[0].0, event.events[0].1);
    }
    Ok(())
}

/// Whether the text stands in any file below the folder.
fn stands_in_a_file(folder: &Path, text: &str) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            stands_in_a_file(&path, text)?
        } else {
            std::fs::read(&path)?.windows(text.len()).any(|part| part == text.as_bytes())
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lends a book, forgets the reader, lends another, and starts again.
async fn run(folder: &Path) -> Result<ForgetReport, Box<dyn Error>> {
    // A program reads them from where it keeps its secrets.
    let (disk, master) = (KeyRing::new(1, Key::generate()), KeyRing::new(1, Key::generate()));
    let engine = library(folder, disk.clone(), master.clone()).await?;
    let issue = Issue { reader: "r-7".into(), name: "Ada Brown".into(), email: Some("ada@example.org".into()) };
    engine.send::<Card>("card-1", issue).await?;
    let lent = engine.send::<Card>("card-1", Lend { book: "Persuasion".into() }).await?;
    engine.view::<AtTheDesk>("card-1").after(&lent).await?;
    show(&engine, "before").await?;
    println!("  in a file: {}", stands_in_a_file(folder, "Ada Brown")?);

    let report = engine.forget("r-7").await?;
    println!("forgotten: {} event(s), views {:?}", report.events, report.views);
    show(&engine, "after").await?;

    // The card works on; a new event that would name the reader is refused.
    let lent = engine.send::<Card>("card-1", Lend { book: "Emma".into() }).await?;
    engine.view::<AtTheDesk>("card-1").after(&lent).await?;
    let again = Issue { reader: "r-7".into(), name: "Ada Brown".into(), email: None };
    if let Err(refused) = engine.send::<Card>("card-2", again).await {
        println!("refused: {refused}");
    }
    engine.stop(Duration::from_secs(10)).await?;

    let engine = library(folder, disk, master).await?;
    show(&engine, "after another start").await?;
    engine.stop(Duration::from_secs(10)).await?;
    Ok(report)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    run(folder.path()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_reader_is_forgotten_and_the_loans_stay() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let report = run(folder.path()).await?;
        assert_eq!((report.events, report.views.get("desk")), (1, Some(&1)));
        for personal in ["Ada Brown", "ada@example.org"] {
            assert!(!stands_in_a_file(folder.path(), personal)?, "{personal}");
        }
        Ok(())
    }
}
