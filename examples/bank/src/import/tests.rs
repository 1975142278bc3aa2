use super::*;
use std::io::{BufReader, Read};
use std::sync::{Arc, Mutex};

const LEDGER: &str =
    "1;7;940101;PRIJEM;VKLAD;10.00\n2;7;940102;VYBER;VYBER;20.00\n2;7;940102;VYBER;VYBER;20.00\nx\n2;7;940103;PRIJEM;;1.00\n";

/// The count, and what was said of the bad rows.
async fn imported(engine: &Engine, ledger: &'static str) -> (Result<Tally, ImportError>, Vec<String>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let ledger = Ledger::new(ledger.as_bytes());
    let tally = import(engine, ledger, "test", 3, |_, bad| said.lock().unwrap().extend(bad.map(ToString::to_string))).await;
    let mut said = said.lock().unwrap().clone();
    said.sort();
    (tally, said)
}

#[tokio::test]
async fn every_row_is_counted_once() {
    let engine = Engine::builder().start().await.unwrap();
    let (tally, said) = imported(&engine, LEDGER).await;
    assert_eq!(tally.unwrap().to_string(), "rows=5 accounts=1 applied=1 declined=1 repeated=1 bad=2");
    let reasons =
        ["line 4: 1 fields, a row has at least 6", "line 5: the command id 2 was used for the command \"Withdraw\" before"];
    assert_eq!(said, reasons);
    let (again, _) = imported(&engine, LEDGER).await;
    assert_eq!(again.unwrap().to_string(), "rows=5 accounts=1 applied=0 declined=0 repeated=3 bad=2");
}

#[tokio::test]
async fn each_event_tells_where_it_came_from() {
    let engine = Engine::builder().start().await.unwrap();
    imported(&engine, LEDGER).await.0.unwrap();
    let last = engine.history::<Account>("7").unwrap().collect().await.unwrap().pop().unwrap();
    assert_eq!(last.metadata.command_id.as_str(), "2");
    assert_eq!(last.metadata.correlation_id.as_str(), "test");
    assert_eq!(last.metadata.actor.as_ref().map(AsRef::as_ref), Some("import"));
    assert_eq!(last.metadata.entries["line"], "2");
}

#[tokio::test]
async fn an_engine_that_takes_nothing_ends_the_import() {
    let engine = Engine::builder().start().await.unwrap();
    engine.stop(std::time::Duration::from_secs(1)).await.unwrap();
    let (tally, _) = imported(&engine, LEDGER).await;
    assert!(matches!(tally, Err(ImportError::Stopped { line: 1, source: CommandError::Stopped })), "{tally:?}");
}

/// A row, and then the disk fails.
struct Torn(&'static [u8]);

impl Read for Torn {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::Error::other("torn")) } else { self.0.read(into) }
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_to_its_end_is_an_error() {
    let engine = Engine::builder().start().await.unwrap();
    let torn = Ledger::new(BufReader::new(Torn(b"1;7;940101;PRIJEM;VKLAD;10.00\n")));
    let mut booked = 0;
    let ended = import(&engine, torn, "test", 3, |tally, _| booked = tally.applied).await;
    assert!(matches!(ended, Err(ImportError::Read(_))), "{ended:?}");
    assert_eq!(engine.load::<Account>("7").await.unwrap().state.transactions, 1);
}
