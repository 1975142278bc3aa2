// Every form of a command.
use ego::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
struct Unit;
#[derive(Command, Serialize, Deserialize)]
struct Tuple(u8, String);
#[derive(Command, Serialize, Deserialize)]
#[command(name = "named")]
struct Named {
    r#type: u8,
}
#[derive(Command, Serialize, Deserialize)]
enum Several {
    One,
    Two { n: u8 },
}
#[derive(Command, Serialize, Deserialize)]
struct Generic<T>(T);
#[derive(Command, Serialize, Deserialize)]
struct Bounded<T, const N: usize>
where
    T: Copy,
{
    value: T,
}
#[derive(Command, Serialize, Deserialize)]
struct r#Yield;

fn main() {
    assert_eq!([Unit::NAME, Tuple::NAME, Named::NAME, Several::NAME], ["Unit", "Tuple", "named", "Several"]);
    assert_eq!([Generic::<u8>::NAME, Bounded::<u8, 3>::NAME, r#Yield::NAME], ["Generic", "Bounded", "Yield"]);
}
