//! What an import books, counts and says.

use crate::ledger::{SMALL, generated, replayed};
use crate::run::{Desk, count, stderr, stdout};

const HEADER: &str = r#""trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account""#;

#[test]
fn the_small_ledger_comes_out_as_computed_apart() {
    let desk = Desk::new();
    let imported = desk.import(&desk.ledger(SMALL), 1);
    assert_eq!(imported.status.code(), Some(0), "{imported:?}");
    assert_eq!(stdout(&imported), "rows=120 accounts=7 applied=117 declined=3 repeated=0 bad=0\n");
    assert!(imported.stderr.is_empty());
    assert_eq!(desk.balances(), replayed(SMALL));
}

#[test]
fn any_number_of_clients_gives_the_same() {
    let ledger = generated(1200);
    let expected = replayed(&ledger);
    let mut ends = Vec::new();
    for clients in [1, 7, 64] {
        let desk = Desk::new();
        let imported = desk.import(&desk.ledger(&ledger), clients);
        assert_eq!(imported.status.code(), Some(0), "{imported:?}");
        assert_eq!(desk.balances(), expected);
        ends.push(stdout(&imported));
    }
    ends.dedup();
    assert_eq!(ends.len(), 1, "{ends:?}");
}

#[test]
fn an_import_that_is_repeated_books_nothing() {
    let desk = Desk::new();
    let ledger = desk.ledger(SMALL);
    desk.import(&ledger, 3);
    let again = desk.import(&ledger, 64);
    assert_eq!(stdout(&again), "rows=120 accounts=7 applied=0 declined=0 repeated=120 bad=0\n");
    assert_eq!(desk.balances(), replayed(SMALL));
}

#[test]
fn a_ledger_that_goes_on_is_imported_from_where_it_went_on() {
    let desk = Desk::new();
    let half: String = SMALL.split_inclusive('\n').take(61).collect();
    desk.import(&desk.ledger(half), 4);
    let rest = desk.import(&desk.ledger(SMALL), 4);
    assert_eq!((count(&rest, "repeated"), count(&rest, "rows")), (60, 120));
    assert_eq!(desk.balances(), replayed(SMALL));
}

#[test]
fn a_bad_row_is_reported_by_its_line_and_the_import_goes_on() {
    let desk = Desk::new();
    let ledger = desk.ledger(format!(
        "{HEADER}\n\
         1;10;940101;\"PRIJEM\";\"VKLAD\";100.00;;;;\n\
         2;10;940131;\"PRIJEM\";\"VKLAD\";1.005;;;;\n\
         \n\
         3;10;940230;\"PRIJEM\";\"VKLAD\";1.00;;;;\n\
         4;11;940201;\"UROK\";\"\";1.00;;;;\n\
         five;10;940201;\"PRIJEM\";\"VKLAD\";1.00;;;;\n\
         6;10;940201;\"PRIJEM;\"VKLAD\";1.00;;;;\n\
         7;10;940201;\"VYDAJ\";\"VYBER\";-1.00;;;;\n\
         1;10;940201;\"VYDAJ\";\"VYBER\";1.00;;;;\n\
         8;10;940201;\"VYDAJ\";\"VYBER\";99.99;;;;\n"
    ));
    for (clients, counted) in [
        (1, "rows=9 accounts=1 applied=2 declined=0 repeated=0 bad=7\n"),
        (64, "rows=9 accounts=1 applied=0 declined=0 repeated=2 bad=7\n"),
    ] {
        let imported = desk.import(&ledger, clients);
        assert_eq!(imported.status.code(), Some(2));
        assert_eq!(stdout(&imported), counted);
        let mut said: Vec<_> = stderr(&imported).lines().map(str::to_owned).collect();
        said.sort_by_key(|line| line["line ".len()..].split(':').next().unwrap().parse::<u32>().unwrap());
        let reasons = [
            "line 3: the amount has parts of a hundredth: \"1.005\"",
            "line 5: no date of the form YYMMDD: \"940230\"",
            "line 6: unknown type: \"UROK\"",
            "line 7: trans_id is no whole number: \"five\"",
            "line 8: a quoted text does not end before the next field",
            "line 9: the amount is negative: \"-1.00\"",
            "line 10: the command id 1 was used for the command \"Deposit\" before",
        ];
        assert_eq!(said, reasons);
    }
    assert_eq!(desk.balances(), "account_id;transactions;refused;closing_hundredths\n10;2;0;1\n");
}

#[test]
fn an_account_that_refuses_makes_a_bad_row() {
    let desk = Desk::new();
    desk.import(&desk.ledger(format!("{HEADER}\n1;10;940101;PRIJEM;VKLAD;5.00\n")), 1);
    assert!(desk.on_store(&["send", "10", "Freeze", r#"{"reason":"lost card"}"#]).status.success());
    let ledger = desk.ledger(format!("{HEADER}\n1;10;940101;PRIJEM;VKLAD;5.00\n2;10;940102;VYDAJ;VYBER;5.00\n"));
    let imported = desk.import(&ledger, 1);
    assert_eq!(imported.status.code(), Some(2));
    assert_eq!(stderr(&imported), "line 3: the account is frozen\n");
    assert_eq!(stdout(&imported), "rows=2 accounts=1 applied=0 declined=0 repeated=1 bad=1\n");
    // It was not recorded: once the reason is gone, the row is booked.
    assert!(desk.on_store(&["send", "10", "Unfreeze"]).status.success());
    assert_eq!(stdout(&desk.import(&ledger, 1)), "rows=2 accounts=1 applied=1 declined=0 repeated=1 bad=0\n");
}

#[test]
fn an_account_that_a_teller_opened_is_used() {
    let desk = Desk::new();
    assert!(desk.on_store(&["send", "10", "Open", r#"{"on":"1994-01-01"}"#]).status.success());
    let imported = desk.import(&desk.ledger(format!("{HEADER}\n1;10;940101;PRIJEM;VKLAD;5.00\n")), 1);
    assert_eq!(stdout(&imported), "rows=1 accounts=1 applied=1 declined=0 repeated=0 bad=0\n", "{imported:?}");
}

#[test]
fn the_oddities_of_old_files_are_read() {
    let desk = Desk::new();
    let ledger = desk.ledger(
        b"\"trans_id\";\"account_id\";\"date\";\"type\";\"operation\";\"amount\";\"balance\";\"k_symbol\";\"bank\";\"account\"\r\n\
          1;10;940101;PRIJEM;VKLAD;700\r\n\
          \r\n\
          \"2\";\"10\";\"940102\";\"PRIJEM\";\"VKL\xC1D\";\"0.5\";\"\";\"D\xD9CHOD\"\r\n\
          3;9;940103;\"PRIJEM\";;20.00;20.00; ;;;\r\n\
          4;10;940104;VYDAJ;\"P\xD8EVOD\";700.51;0;\"\";\"AB\";\"1234\"",
    );
    let imported = desk.import(&ledger, 2);
    assert_eq!(stdout(&imported), "rows=4 accounts=2 applied=3 declined=1 repeated=0 bad=0\n", "{imported:?}");
    assert_eq!(desk.balances(), "account_id;transactions;refused;closing_hundredths\n9;1;0;2000\n10;3;1;70050\n");
}

#[test]
fn a_ledger_that_is_not_there_is_a_failure() {
    let desk = Desk::new();
    let imported = desk.import("nowhere.asc".as_ref(), 1);
    assert_eq!(imported.status.code(), Some(1));
    assert!(stderr(&imported).starts_with("error: nowhere.asc: "), "{imported:?}");
    assert!(imported.stdout.is_empty() && !desk.store().exists());
}
