//! One file per rule in `fail/`, each pinned to the exact text that rustc prints; every accepted form in `pass/`.
//!
//! `TRYBUILD=overwrite cargo test -p ui-tests` writes the texts anew. Read them before they are committed: a message points at the
//! smallest token and says what to write instead, and one mistake makes one error.
