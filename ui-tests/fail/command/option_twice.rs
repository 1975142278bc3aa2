use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(name = "deposit")]
#[command(name = "pay-in")]
struct Deposit;

fn main() {}
