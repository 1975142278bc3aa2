//! Stored names stay.

use super::Red;
use crate::house::domain;
use ego::prelude::*;
use ego::schema::Schema;
use serde::{Deserialize, Serialize};

mod released {
    use super::*;
    #[derive(Event, Serialize, Deserialize)]
    pub(super) enum AccountEvent {
        Opened {
            owner: String,
        },
        #[event(alias = "PaidIn")]
        Deposited {
            amount: u64,
        },
    }
    #[derive(Command, Serialize, Deserialize)]
    pub(super) struct Deposit {
        pub(super) amount: u64,
    }
    domain!(pub(super) Account, "account", AccountEvent, Deposit);
}

mod event_gone {
    use super::*;
    #[derive(Event, Serialize, Deserialize)]
    pub(super) enum AccountEvent {
        #[event(alias = "PaidIn")]
        Deposited { amount: u64 },
    }
    domain!(pub(super) Account, "account", AccountEvent, super::released::Deposit);
}

mod event_renamed {
    use super::*;
    #[derive(Event, Serialize, Deserialize)]
    pub(super) enum AccountEvent {
        Begun {
            owner: String,
        },
        #[event(alias = "PaidIn")]
        Deposited {
            amount: u64,
        },
    }
    domain!(pub(super) Account, "account", AccountEvent, super::released::Deposit);
}

mod alias_gone {
    use super::*;
    #[derive(Event, Serialize, Deserialize)]
    pub(super) enum AccountEvent {
        Opened { owner: String },
        Deposited { amount: u64 },
    }
    domain!(pub(super) Account, "account", AccountEvent, super::released::Deposit);
}

mod kind_renamed {
    use super::*;
    domain!(pub(super) Account, "savings", super::released::AccountEvent, super::released::Deposit);
}

mod command_renamed {
    use super::*;
    #[derive(Command, Serialize, Deserialize)]
    pub(super) struct PayIn {
        pub(super) amount: u64,
    }
    domain!(pub(super) Account, "account", super::released::AccountEvent, PayIn);
}

pub(super) fn released() -> Schema {
    Schema::new().aggregate::<released::Account>().command::<released::Account, released::Deposit>()
}

pub(super) fn all() -> Vec<Red> {
    vec![
        Red(
            "event_gone",
            released(),
            Schema::new().aggregate::<event_gone::Account>().command::<event_gone::Account, released::Deposit>(),
        ),
        Red(
            "event_renamed_without_an_alias",
            released(),
            Schema::new().aggregate::<event_renamed::Account>().command::<event_renamed::Account, released::Deposit>(),
        ),
        Red(
            "alias_gone",
            released(),
            Schema::new().aggregate::<alias_gone::Account>().command::<alias_gone::Account, released::Deposit>(),
        ),
        Red(
            "kind_renamed",
            released(),
            Schema::new().aggregate::<kind_renamed::Account>().command::<kind_renamed::Account, released::Deposit>(),
        ),
        Red(
            "command_renamed",
            released(),
            Schema::new().aggregate::<command_renamed::Account>().command::<command_renamed::Account, command_renamed::PayIn>(),
        ),
    ]
}

#[test]
fn what_is_retired_on_purpose_may_go_and_stays_in_the_lock() {
    let without = || Schema::new().aggregate::<released::Account>();
    super::said(released(), without(), &[]).unwrap_err();
    super::said(released(), without(), &["account/Deposit"]).unwrap();
    let other = Schema::new().aggregate::<kind_renamed::Account>();
    let news = super::said(released(), other, &["account"]).unwrap_err();
    assert!(news.to_string().contains("the kind \"savings\"") && !news.to_string().contains("account"), "{news}");
}
