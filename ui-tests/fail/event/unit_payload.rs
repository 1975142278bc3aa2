use ego::prelude::*;

#[derive(Event)]
enum OrderEvent {
    Placed(()),
}

fn main() {}
