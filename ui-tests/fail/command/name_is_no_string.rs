use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(name = deposit)]
struct Deposit;

fn main() {}
