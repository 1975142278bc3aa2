//! The import, killed at random moments and repeated until it ends.

use crate::ledger::{Random, generated, replayed};
use crate::run::{Desk, count};
use std::thread;
use std::time::Duration;

const ROWS: u64 = 20_000;
const KILLS: u32 = 10;

#[test]
fn an_import_that_is_killed_and_repeated_books_every_row_once() {
    let desk = Desk::new();
    let text = generated(ROWS);
    let ledger = desk.ledger(&text);
    let mut random = Random(u64::from(std::process::id()) << 32 | 0x9E37_79B9);
    let (mut broken_off, mut booked) = (0, 0);
    for _ in 0..KILLS {
        let mut import = desk.importing(&ledger, 32);
        let moment = Duration::from_millis(20 + random.below(400));
        thread::sleep(moment);
        if import.try_wait().unwrap().is_none() {
            broken_off += 1;
        }
        // SIGKILL on Unix: nothing of the program runs after it.
        import.kill().unwrap();
        import.wait().unwrap();
        if desk.store().exists() {
            let now = transactions(&desk.balances());
            assert!(now >= booked, "{booked} rows were booked, after a kill at {moment:?} {now} are left");
            booked = now;
        }
    }
    assert!(broken_off > 0, "every import ended before it was killed");
    let last = desk.import(&ledger, 32);
    assert!(last.status.success(), "{last:?}");
    assert_eq!(desk.balances(), replayed(&text));
    assert_eq!((count(&last, "rows"), count(&last, "bad")), (ROWS, 0));
    let [applied, declined, repeated] = ["applied", "declined", "repeated"].map(|name| count(&last, name));
    assert_eq!(applied + declined + repeated, ROWS);
    assert!(repeated >= booked, "{last:?}");
}

fn transactions(balances: &str) -> u64 {
    balances.lines().skip(1).map(|line| line.split(';').nth(1).unwrap().parse::<u64>().unwrap()).sum()
}
