use ego::prelude::*;

#[derive(Command)]
union Deposit {
    amount: u64,
    count: u32,
}

fn main() {}
