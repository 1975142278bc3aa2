use ego::prelude::*;

#[derive(Command)]
struct Deposit<'a> {
    by: &'a str,
}

fn main() {}
