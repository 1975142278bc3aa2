//! What was released stays readable. `EGO_LOCK=write cargo test -p schema-change` adds what is new.

use schema_change as _;

#[test]
fn what_was_released_stays_readable() {
    ego::schema_lock!().assert();
}
