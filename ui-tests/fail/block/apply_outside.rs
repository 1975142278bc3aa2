struct Account;

impl Account {
    #[ego::apply]
    fn apply(&mut self, _: &u8) {}
}

fn main() {}
