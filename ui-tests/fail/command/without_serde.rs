use ego::prelude::*;

#[derive(Command)]
struct Deposit {
    amount: u64,
}

fn main() {}
