//! Personal fields that serde would write under other names, or not as they are.
use ego::Personal;
use serde::{Deserialize, Serialize};

#[derive(Personal, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[personal(subject = id)]
struct Member {
    id: u64,
    #[personal]
    full_name: String,
}

#[derive(Personal, Serialize, Deserialize)]
#[personal(subject = id)]
struct Guest {
    id: u64,
    #[personal]
    #[serde(flatten)]
    rest: Vec<(String, String)>,
}

fn main() {}
