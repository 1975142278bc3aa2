//! Versions go up by one, and each released one is read in its shape. Views change only with their version.

use super::Red;
use crate::house::domain;
use ego::codec::{AnyCodec, CodecError};
use ego::model::{DecodeError, EventSchema, Stored};
use ego::prelude::*;
use ego::schema::Schema;
use serde::{Deserialize, Serialize};

mod v2 {
    use super::*;
    #[derive(Event, Serialize, Deserialize)]
    pub(super) enum AccountEvent {
        #[event(version = 2, upcast(1 => cents))]
        Deposited { cents: u64 },
    }
    #[derive(Deserialize)]
    struct V1 {
        euros: u32,
    }
    fn cents(v1: V1) -> AccountEvent {
        AccountEvent::Deposited { cents: u64::from(v1.euros) * 100 }
    }
    domain!(pub(super) Account, "account", AccountEvent);
}

mod v1 {
    use super::*;
    #[derive(Event, Serialize, Deserialize)]
    pub(super) enum AccountEvent {
        Deposited { euros: u32 },
    }
    domain!(pub(super) Account, "account", AccountEvent);
}

mod v3 {
    use super::*;
    #[derive(Event, Serialize, Deserialize)]
    pub(super) enum AccountEvent {
        #[event(version = 3, upcast(1 => cents, 2 => same))]
        Deposited { cents: u64 },
    }
    #[derive(Deserialize)]
    struct V1 {
        euros: u32,
    }
    struct V2 {
        cents: u64,
    }
    fn cents(v1: V1) -> V2 {
        V2 { cents: u64::from(v1.euros) * 100 }
    }
    fn same(v2: V2) -> AccountEvent {
        AccountEvent::Deposited { cents: v2.cents }
    }
    impl<'de> Deserialize<'de> for V2 {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            u64::deserialize(from).map(|cents| Self { cents })
        }
    }
    domain!(pub(super) Account, "account", AccountEvent);
}

/// The upcaster takes something else than what was released.
macro_rules! upcasts_from {
    ($module:ident { $($fields:tt)* } $(, $attribute:meta)?) => {
        mod $module {
            use super::*;
            #[derive(Event, Serialize, Deserialize)]
            pub(super) enum AccountEvent {
                #[event(version = 2, upcast(1 => cents))]
                Deposited { cents: u64 },
            }
            #[derive(Deserialize)]
            #[allow(dead_code)]
            $(#[$attribute])?
            struct V1 { $($fields)* }
            fn cents(_: V1) -> AccountEvent {
                AccountEvent::Deposited { cents: 0 }
            }
            domain!(pub(super) Account, "account", AccountEvent);
        }
    };
}
upcasts_from!(of_another_type { euros: String });
upcasts_from!(of_another_name { euro: u32 });
upcasts_from!(of_a_narrower_type { euros: u16 });
upcasts_from!(that_refuses {}, serde(deny_unknown_fields));

/// By hand, so that nothing asks for an upcaster.
pub(super) struct ByHand;
impl Event for ByHand {
    const SCHEMAS: &'static [EventSchema] = &[EventSchema::new("Deposited", 2)];
    fn schema(&self) -> &'static EventSchema {
        &Self::SCHEMAS[0]
    }
    fn encode_into(&self, _: &AnyCodec, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(())
    }
    fn decode(stored: Stored<'_>, codec: &AnyCodec, events: &mut Vec<Self>) -> Result<(), DecodeError> {
        if stored.version != 2 {
            return Err(DecodeError::unknown(stored));
        }
        codec.decode::<u64>(stored.payload).map_err(|error| DecodeError::content(stored, error))?;
        events.push(Self);
        Ok(())
    }
}
mod not_upcast {
    use super::*;
    domain!(pub(super) Account, "account", ByHand);
}

/// A view in two versions, with one field more or another.
macro_rules! view {
    ($module:ident, $version:literal, { $($fields:tt)* }) => {
        pub(super) mod $module {
            use super::*;
            #[derive(Default, Serialize, Deserialize)]
            pub(crate) struct Balance { $($fields)* }
            impl ego::model::Projection for Balance {
                const NAME: &'static str = "balances";
                const VERSION: u32 = $version;
            }
            impl ego::projection::Sources for Balance {
                const SOURCES: &'static [ego::projection::Source<Self>] = &[];
            }
        }
    };
}
view!(view_1, 1, { cents: u64 });
view!(view_2, 2, { cents: u64 });
view!(view_of_another_type, 1, { cents: String });
view!(view_with_more, 1, { cents: u64, #[serde(default)] deposits: u64 });
view!(view_2_with_more, 2, { cents: u64, deposits: u64 });

/// A durable state, or one with snapshots, of this shape.
macro_rules! state {
    ($module:ident, $version:literal, { $($fields:tt)* }) => {
        mod $module {
            use super::*;
            use ego::model::{AsState, Durable, Saved, Snapshots};

            #[derive(Default, Clone, Serialize, Deserialize)]
            pub(super) struct Cart { $($fields)* }
            impl Aggregate for Cart {
                const KIND: &'static str = "cart";
                const VERSION: u32 = $version;
                const STATE: Option<AsState<Self>> = Some(AsState::of());
                type Event = Saved<Self>;
                fn apply(&mut self, event: &Saved<Self>) {
                    self.clone_from(event.state());
                }
            }
            impl Durable for Cart {
                fn read(stored: Stored<'_>, codec: &AnyCodec) -> Result<Self, DecodeError> {
                    codec.decode(stored.payload).map_err(|error| DecodeError::content(stored, error))
                }
            }

            #[allow(dead_code, reason = "not every fixture names it")]
            #[derive(Default, Clone, Serialize, Deserialize)]
            #[allow(dead_code, reason = "not every shape is that of a snapshot")]
            pub(super) struct Tally { $($fields)* }
            impl Aggregate for Tally {
                const KIND: &'static str = "tally";
                const VERSION: u32 = $version;
                const SNAPSHOTS: Option<Snapshots<Self>> = Some(Snapshots::by_hand());
                type Event = v1::AccountEvent;
                fn apply(&mut self, _: &v1::AccountEvent) {}
            }
        }
    };
}
state!(state_1, 1, { items: u32 });
state!(state_with_more, 1, { items: u32, #[serde(default)] note: String });
state!(state_of_another_type, 1, { items: String });
state!(state_2, 2, { items: u32 });

mod no_state {
    use super::*;
    domain!(pub(super) Cart, "cart", super::v1::AccountEvent);
}

pub(super) fn all() -> Vec<Red> {
    let (v1, v2, v3) = (
        || Schema::new().aggregate::<v1::Account>(),
        || Schema::new().aggregate::<v2::Account>(),
        || Schema::new().aggregate::<v3::Account>(),
    );
    let view_1 = || Schema::new().view::<view_1::Balance>();
    vec![
        Red("version_goes_back", v2(), v1()),
        Red("version_is_skipped", v1(), v3()),
        Red("upcaster_of_another_shape", v2(), v3()),
        Red("upcaster_of_another_type", v1(), Schema::new().aggregate::<of_another_type::Account>()),
        Red("upcaster_of_another_name", v1(), Schema::new().aggregate::<of_another_name::Account>()),
        Red("upcaster_of_a_narrower_type", v1(), Schema::new().aggregate::<of_a_narrower_type::Account>()),
        Red("upcaster_that_refuses_a_field", v1(), Schema::new().aggregate::<that_refuses::Account>()),
        Red("new_version_without_an_upcaster", v1(), Schema::new().aggregate::<not_upcast::Account>()),
        Red(
            "state_of_another_type",
            Schema::new().aggregate::<state_1::Cart>(),
            Schema::new().aggregate::<state_of_another_type::Cart>(),
        ),
        Red("state_goes_back", Schema::new().aggregate::<state_2::Cart>(), Schema::new().aggregate::<state_1::Cart>()),
        Red("state_became_events", Schema::new().aggregate::<state_1::Cart>(), Schema::new().aggregate::<no_state::Cart>()),
        Red(
            "snapshot_with_more",
            Schema::new().aggregate::<state_1::Tally>(),
            Schema::new().aggregate::<state_with_more::Tally>(),
        ),
        Red("view_changed", view_1(), Schema::new().view::<view_of_another_type::Balance>()),
        Red("view_with_more", view_1(), Schema::new().view::<view_with_more::Balance>()),
        Red("view_goes_back", Schema::new().view::<view_2::Balance>(), view_1()),
    ]
}

#[test]
fn a_new_version_with_its_upcaster_or_of_a_view_is_only_new() {
    for (released, now, said) in [
        (
            Schema::new().aggregate::<v1::Account>(),
            Schema::new().aggregate::<v2::Account>(),
            "- version 2 of the event \"Deposited\" of \"account\"",
        ),
        (
            Schema::new().view::<view_1::Balance>(),
            Schema::new().view::<view_2_with_more::Balance>(),
            "- version 2 of the view \"balances\"",
        ),
        (
            Schema::new().aggregate::<state_1::Cart>(),
            Schema::new().aggregate::<state_with_more::Cart>(),
            "- in the state of \"cart\": `note`, which may be left out",
        ),
        (
            Schema::new().aggregate::<state_1::Cart>(),
            Schema::new().aggregate::<state_2::Cart>(),
            "- version 2 of the state of \"cart\"",
        ),
        (
            Schema::new().aggregate::<state_1::Tally>(),
            Schema::new().aggregate::<state_2::Tally>(),
            "- version 2 of the snapshot of \"tally\"",
        ),
    ] {
        let error = super::said(released, now, &[]).unwrap_err();
        let expected = format!("ego.lock.json does not know yet:\n{said}\nAdd it with `EGO_LOCK=write cargo test`.");
        assert_eq!(error.to_string(), expected);
    }
}
