//! What a parameter stands for could not be asked.
use ego::Personal;

#[derive(Personal)]
#[personal(subject = id)]
struct Member<T> {
    id: u64,
    #[personal]
    name: String,
    more: T,
}

fn main() {}
