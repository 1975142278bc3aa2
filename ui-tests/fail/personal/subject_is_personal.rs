//! A subject that is sealed with the key that it names.
use ego::Personal;

#[derive(Personal)]
#[personal(subject = name)]
struct Member {
    #[personal]
    name: String,
}

fn main() {}
