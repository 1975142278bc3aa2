//! A personal field whose type has no default, and for which nothing else is given.
use ego::Personal;

#[derive(serde::Serialize)]
enum Blood {
    A,
    B,
}

#[derive(Personal)]
#[personal(subject = id)]
struct Donor {
    id: u64,
    #[personal]
    blood: Blood,
}

fn main() {}
