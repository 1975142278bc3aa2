use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum OrderEvent {
    #[event(version = 2, upcast("1" => to_v3))]
    Placed,
}

#[derive(Deserialize)]
struct V1 {}
#[derive(Deserialize)]
struct V2 {}
fn to_v2(_: V1) -> V2 {
    V2 {}
}
fn to_v3(_: V2) -> OrderEvent {
    OrderEvent::Placed
}

fn main() {}
