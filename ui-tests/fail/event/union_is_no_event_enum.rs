use ego::prelude::*;

#[derive(Event)]
union Placed {
    total: u64,
    count: u32,
}

fn main() {}
