use ego::prelude::*;

#[derive(Event)]
enum OrderEvent {
    Placed { total: u64 },
    Sent,
}

fn main() {}
