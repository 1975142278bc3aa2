#[ego::handlers]
mod account {}

fn main() {}
