//! A redacted value of another type than the field.
use ego::Personal;

#[derive(Personal)]
#[personal(subject = id)]
struct Member {
    id: u64,
    #[personal(redacted = "unknown")]
    born: u16,
}

fn main() {}
