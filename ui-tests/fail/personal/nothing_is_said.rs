//! A type that says nothing of what is personal in it, and one that says both.
use ego::Personal;

#[derive(Personal)]
struct Totals {
    sum: u64,
}

#[derive(Personal)]
#[personal(none)]
struct Member {
    #[personal]
    name: String,
}

fn main() {}
