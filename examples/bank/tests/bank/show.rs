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

#[test]
fn the_index_of_the_balances_finds_the_rich() {
    let desk = Desk::new();
    desk.import(&desk.ledger(SMALL), 2);
    let all: Vec<String> = desk.balances().lines().skip(1).map(str::to_owned).collect();
    let hundredths = |line: &str| line.rsplit(';').next().unwrap().parse::<u64>().unwrap();
    let rich: Vec<_> = all.iter().filter(|line| hundredths(line) >= 1_000_000).cloned().collect();
    assert!(!rich.is_empty() && rich.len() < all.len(), "{all:?}");
    let found = stdout(&desk.on_store(&["balances", "--at-least", "10000"]));
    assert_eq!(found.lines().skip(1).collect::<Vec<_>>(), rich);
}

#[test]
fn a_monthly_statement_is_of_two_kinds_and_adds_up() {
    let desk = Desk::new();
    desk.import(&desk.ledger(SMALL), 2);
    let agreed = r#"{"account":58,"amount":50000,"purpose":"rent","on":"1994-02-01"}"#;
    let agreed = desk.on_store(&["send", "58-rent", "Agree", agreed, "--kind", "order"]);
    assert!(agreed.status.success(), "{agreed:?}");
    assert!(desk.on_store(&["send", "58-rent", "End", r#"{"on":"1994-03-01"}"#, "--kind", "order"]).status.success());
    let months = stdout(&desk.on_store(&["months", "58"]));
    let rows: Vec<Vec<&str>> = months.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.is_sorted_by_key(|row| row[0].to_owned()), "{months}");
    let of = |month: &str, column: usize| rows.iter().find(|row| row[0] == month).unwrap()[column].to_owned();
    assert_eq!((of("1994-02", 4), of("1994-03", 5)), ("1".to_owned(), "1".to_owned()));
    let sum = |column: usize| rows.iter().map(|row| row[column].replace('.', "").parse::<u64>().unwrap()).sum::<u64>();
    let balances = desk.balances();
    let balance = balances.lines().find(|line| line.starts_with("58;")).unwrap();
    let columns: Vec<u64> = balance.split(';').map(|column| column.parse().unwrap()).collect();
    assert_eq!(sum(1) - sum(2), columns[3]);
    assert_eq!(sum(3), columns[2]);
    let unknown = desk.on_store(&["months", "999"]);
    assert!(!unknown.status.success());
}

#[test]
fn who_watches_sees_each_event_once_those_that_are_there_and_those_that_come() {
    let desk = Desk::new();
    desk.import(&desk.ledger(SMALL), 2);
    let watch = |after: u64, commands: &str| {
        let mut child = bank()
            .args(["watch", "--after", &after.to_string(), "--store"])
            .arg(desk.store())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), commands.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    };
    let events = |text: String| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let positions = |events: &[Value]| events.iter().map(|event| event["position"].as_u64().unwrap()).collect::<Vec<_>>();
    let there = events(stdout(&watch(0, "")));
    let head = there.len() as u64;
    assert_eq!(positions(&there), (1..=head).collect::<Vec<_>>());
    let output = watch(head - 2, "25 Freeze {\"reason\":\"lost card\"}\n25 Withdraw nonsense\n25 Frieze\n\n25 Unfreeze\n");
    let seen = events(stdout(&output));
    assert_eq!(positions(&seen), (head - 1..=head + 2).collect::<Vec<_>>());
    assert_eq!((&seen[2]["name"], &seen[2]["content"]["reason"]), (&"Frozen".into(), &"lost card".into()));
    assert_eq!((&seen[3]["name"], &seen[3]["id"]), (&"Unfrozen".into(), &"25".into()));
    let complaints = stderr(&output);
    assert_eq!(complaints.lines().count(), 2, "{complaints}");
}
