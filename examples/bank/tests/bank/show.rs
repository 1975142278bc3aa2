//! What the program shows.

use crate::ledger::SMALL;
use crate::run::{Desk, bank, stderr, stdout};
use ego_sled::SledStore;
use serde_json::Value;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

#[test]
fn without_arguments_it_shows_that_the_state_comes_back() {
    let tour = bank().output().unwrap();
    let text = stdout(&tour);
    assert!(tour.status.success() && tour.stderr.is_empty(), "{tour:?}");
    let expected = [
        "rows=120 accounts=7 applied=117 declined=3 repeated=0 bad=0",
        "DECLINED",
        "the account is frozen",
        "58 is closed; a withdrawal: the account is closed",
        "the state of all 7 accounts came back",
        "rows=120 accounts=7 applied=0 declined=0 repeated=120 bad=0",
    ];
    let mut rest = &text[..];
    for part in expected {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is missing or too early in\n{text}")).1;
    }
    let store = text.lines().next().unwrap().rsplit(' ').next().unwrap();
    assert!(!std::path::Path::new(store).exists(), "{store} is left behind");
}

#[test]
fn a_statement_shows_each_movement_with_the_balance_after_it() {
    let desk = Desk::new();
    desk.import(&desk.ledger(SMALL), 2);
    let statement = stdout(&desk.on_store(&["statement", "58"]));
    let lines: Vec<_> = statement.lines().collect();
    assert_eq!(lines[0], "Account 58");
    assert_eq!(lines[2], "1994-01-17  opened                             0.00");
    assert_eq!(lines[3], "1994-01-17  deposit            600.00        600.00  VKLAD");
    assert_eq!(lines[4], "1994-01-28  DECLINED           750.00        600.00  VYBER");
}

#[test]
fn a_history_is_json_lines_with_places_and_metadata() {
    let desk = Desk::new();
    desk.import(&desk.ledger(SMALL), 2);
    let history = stdout(&desk.on_store(&["history", "58"]));
    let events: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 9);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["revision"], index + 1);
        assert_eq!(event["metadata"]["actor"], "import");
        assert_eq!(event["metadata"]["correlation_id"], "ledger.asc");
        assert_eq!(event["time"], event["metadata"]["time"]);
    }
    assert!(events.windows(2).all(|pair| pair[0]["position"].as_u64() < pair[1]["position"].as_u64()));
    assert_eq!(events[0]["name"], "Opened");
    assert_eq!((&events[2]["name"], &events[2]["content"]["amount"]), (&"Declined".into(), &75_000.into()));
    assert_eq!(events[2]["metadata"]["command"], "Withdraw");
}

#[test]
fn what_is_not_there_is_said_and_not_made() {
    let desk = Desk::new();
    for arguments in [&["balances"][..], &["statement", "58"], &["history", "58"]] {
        let output = desk.on_store(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("there is no store in"), "{output:?}");
        assert!(output.stdout.is_empty() && !desk.store().exists());
    }
    desk.import(&desk.ledger(SMALL), 2);
    for action in ["statement", "history"] {
        let output = desk.on_store(&[action, "59"]);
        assert_eq!((output.status.code(), &*stderr(&output)), (Some(1), "error: there is no account 59\n"));
    }
}

#[test]
fn commands_can_be_sent_by_name() {
    let desk = Desk::new();
    let deposit = r#"{"amount":70005,"details":{"date":"1994-01-04"}}"#;
    assert_eq!(stdout(&desk.on_store(&["send", "7", "Open", r#"{"on":"1994-01-03"}"#])), "null\n");
    assert_eq!(stdout(&desk.on_store(&["send", "7", "Deposit", deposit])), "{\"Done\":{\"balance\":70005}}\n");
    let refused = desk.on_store(&["send", "7", "Close"]);
    assert_eq!((refused.status.code(), &*stderr(&refused)), (Some(1), "error: the account still holds 700.05\n"));
    let unknown = desk.on_store(&["send", "7", "Rob"]);
    assert!(stderr(&unknown).contains("has no command \"Rob\"; it has: Close, Deposit, Freeze, Open"), "{unknown:?}");
    assert_eq!(desk.balances(), "account_id;transactions;refused;closing_hundredths\n7;1;0;70005\n");
}

#[test]
fn a_store_that_is_free_in_a_moment_is_waited_for() {
    let desk = Desk::new();
    let held = SledStore::open(desk.store()).unwrap();
    let waiting = bank().args(["balances", "--store"]).arg(desk.store()).stdout(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    drop(held);
    assert!(waiting.wait_with_output().unwrap().status.success());
}

#[test]
fn a_store_that_somebody_has_open_is_refused() {
    let desk = Desk::new();
    let held = SledStore::open(desk.store()).unwrap();
    let refused = desk.on_store(&["balances"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("in use by another process"), "{refused:?}");
    assert!(refused.stdout.is_empty());
    drop(held);
}
