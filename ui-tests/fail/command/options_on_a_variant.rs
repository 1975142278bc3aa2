use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
enum Change {
    #[command(name = "deposit")]
    Deposit,
}

fn main() {}
