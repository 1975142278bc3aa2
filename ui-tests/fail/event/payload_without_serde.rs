use ego::prelude::*;

#[derive(Event)]
enum OrderEvent {
    Placed(Placed),
}

struct Placed {
    total: u64,
}

fn main() {}
