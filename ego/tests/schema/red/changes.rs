//! A released shape stays, wherever in it something changes. Each fixture is the content of an event, as it was and as it is.

use super::Red;
use crate::house::domain;
use ego::prelude::*;
use ego::schema::Schema;
use serde::{Deserialize, Serialize};

/// A schema with one event of this content.
macro_rules! event {
    ({ $($fields:tt)* } $($items:item)*) => {{
        $($items)*
        #[derive(Event, Serialize, Deserialize)]
        enum OrderEvent {
            Placed { $($fields)* },
        }
        domain!(Order, "order", OrderEvent);
        Schema::new().aggregate::<Order>()
    }};
}

/// A schema with one event that carries this payload.
macro_rules! payload {
    ($($payload:tt)*) => {{
        #[derive(Serialize, Deserialize)]
        $($payload)*
        #[derive(Event, Serialize, Deserialize)]
        enum OrderEvent {
            Placed(Payload),
        }
        domain!(Order, "order", OrderEvent);
        Schema::new().aggregate::<Order>()
    }};
}

/// A schema with one command of this content.
macro_rules! command {
    ({ $($fields:tt)* }) => {{
        #[derive(Event, Serialize, Deserialize)]
        enum OrderEvent {}
        #[derive(Command, Serialize, Deserialize)]
        struct Place { $($fields)* }
        domain!(Order, "order", OrderEvent, Place);
        Schema::new().aggregate::<Order>().command::<Order, Place>()
    }};
}

pub(super) fn all() -> Vec<Red> {
    let total = || event!({ total: u64 });
    vec![
        Red("field_gone", event!({ total: u64, note: String }), total()),
        Red("field_added_without_a_default", total(), event!({ total: u64, note: String })),
        Red("field_of_another_type", total(), event!({ total: u32 })),
        Red("field_renamed", total(), event!({ #[serde(rename = "sum")] total: u64 })),
        Red("field_became_an_option", total(), event!({ total: Option<u64> })),
        Red("default_gone", event!({ #[serde(default)] total: u64 }), total()),
        Red("field_alias_gone", event!({ #[serde(alias = "sum")] total: u64 }), total()),
        Red(
            "nested_field_of_another_type",
            event!({ lines: Vec<Line> } #[derive(Serialize, Deserialize)] struct Line { price: Option<u64> }),
            event!({ lines: Vec<Line> } #[derive(Serialize, Deserialize)] struct Line { price: Option<String> }),
        ),
        Red(
            "nested_in_a_map",
            event!({ by_day: std::collections::BTreeMap<String, (u8, u8)> }),
            event!({ by_day: std::collections::BTreeMap<String, (u8, u16)> }),
        ),
        Red(
            "map_of_other_keys",
            event!({ by_day: std::collections::BTreeMap<u8, u8> }),
            event!({ by_day: std::collections::BTreeMap<u16, u8> }),
        ),
        Red("list_became_an_array", event!({ colour: Vec<u8> }), event!({ colour: [u8; 3] })),
        Red(
            "variant_gone",
            event!({ kind: Kind } #[derive(Serialize, Deserialize)] enum Kind { Plain, Gift { from: String } }),
            event!({ kind: Kind } #[derive(Serialize, Deserialize)] enum Kind { Plain }),
        ),
        Red(
            "variant_with_other_content",
            event!({ kind: Kind } #[derive(Serialize, Deserialize)] enum Kind { Plain, Gift { from: String } }),
            event!({ kind: Kind } #[derive(Serialize, Deserialize)] enum Kind { Plain, Gift(String) }),
        ),
        Red(
            "payload_of_another_type",
            payload!(
                struct Payload {
                    total: u64,
                }
            ),
            payload!(
                struct Payload(u64);
            ),
        ),
        Red("command_of_another_shape", command!({ total: u64 }), command!({ total: u64, note: String })),
    ]
}
