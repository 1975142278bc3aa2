use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(nmae = "deposit")]
struct Deposit;

fn main() {}
