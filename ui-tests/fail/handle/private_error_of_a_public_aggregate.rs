mod domain {
    use ego::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Event, Serialize, Deserialize)]
    pub enum AccountEvent {
        Closed,
    }
    #[derive(Command, Serialize, Deserialize)]
    pub struct Close;
    #[derive(Debug)]
    struct Open;
    impl std::fmt::Display for Open {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Ok(())
        }
    }
    #[derive(Aggregate, Default)]
    #[aggregate(name = "account", event = AccountEvent)]
    pub struct Account;

    #[ego::handlers]
    impl Account {
        #[handle]
        fn close(&self, _: Close) -> Result<AccountEvent, Open> {
            Err(Open)
        }
        #[apply]
        fn apply(&mut self, _: &AccountEvent) {}
    }
}

fn main() {}
