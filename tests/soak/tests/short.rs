//! A short soak on each store. `EGO_SOAK_SEED` does the same again, as far as the machine lets it; a long one is
//! `cargo run --release -p soak -- --minutes 10`.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use soak::{Plan, Report, Where, soak};
use std::time::Duration;

/// One test: what is in memory is counted for the whole process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_clients_do_the_log_holds_what_they_were_told() {
    let seed = std::env::var("EGO_SOAK_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("EGO_SOAK_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    for (place, seconds) in [(Where::Folder(folder.path().to_owned()), 4), (Where::Memory, 2)] {
        let plan = Plan {
            time: Duration::from_secs(seconds),
            least: 2000,
            seed,
            clients: 50,
            shelves: 3000,
            report: Duration::from_millis(500),
            place,
        };
        println!("{plan:?}");
        let report = soak(&plan).await.unwrap();
        println!("{report}");
        assert!(report.broken.is_empty(), "EGO_SOAK_SEED={seed}: {}", report.broken.join("\n"));
        everything_happened(&report);
    }
}

/// A soak in which something never happened shows nothing of it.
fn everything_happened(report: &Report) {
    for what in [
        "conflict",
        "dropped under way",
        "dropped unpolled",
        "forgotten",
        "histories read",
        "loaded",
        "panicked",
        "refused",
        "repeated",
        "sent twice at once",
        "snapshots",
    ] {
        assert!(report.counts.get(what).is_some_and(|count| *count > 0), "never: {what}");
    }
    assert!(report.given_up > 100, "{} shelves were given up on", report.given_up);
    let found = &report.found;
    assert!(found.acknowledged > 1000 && found.unknown > 0 && found.nothing > 0 && found.shelves > 500, "{found}");
}
