use ego::prelude::*;

#[derive(Event)]
enum OrderEvent<'a> {
    Placed { by: &'a str },
}

fn main() {}
