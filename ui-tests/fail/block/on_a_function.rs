#[ego::handlers]
fn deposit() {}

fn main() {}
