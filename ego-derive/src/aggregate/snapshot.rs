//! `snapshot(…)` in `#[aggregate(…)]`, and the number for the shape of a state.

use crate::ctxt::Ctxt;
use crate::duration::duration;
use crate::hygiene::{at, code, krate_at};
use crate::options::{self, Once};
use crate::symbol::{AFTER, EVERY, REPLAYED, SLOWER_THAN, SNAPSHOT, SNAPSHOT_OPTIONS};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use std::time::Duration;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Fields, Path, Token, parenthesized};

/// When snapshots are taken; never of their own accord when nothing is said.
pub(super) struct Snapshot {
    /// The word.
    pub(super) word: Span,
    every: Option<u32>,
    after: Option<Duration>,
    replayed: Option<u32>,
    slower_than: Option<Duration>,
}

impl Snapshot {
    /// `snapshot`, or `snapshot(every = 100, …)`.
    pub(super) fn read(cx: &Ctxt, meta: &ParseNestedMeta) -> syn::Result<Self> {
        const SHAPE: &str = "`snapshot(every = 100)`, or `snapshot` alone to take them by hand";
        let word = meta.path.span();
        let (mut every, mut after) = (Once::default(), Once::default());
        let (mut replayed, mut slower_than) = (Once::default(), Once::default());
        if meta.input.peek(syn::token::Paren) {
            let list;
            parenthesized!(list in meta.input);
            let tokens: TokenStream = list.parse()?;
            if tokens.is_empty() {
                return Err(syn::Error::new(word, format!("nothing is listed: {SHAPE}")));
            }
            options::in_list(cx, SNAPSHOT, tokens, SNAPSHOT_OPTIONS, |key, meta| match key {
                EVERY => every.set(meta, key, events(meta, "every = 100")?),
                AFTER => after.set(meta, key, duration(meta, "after = \"10m\"")?),
                REPLAYED => replayed.set(meta, key, events(meta, "replayed = 1000")?),
                _ => slower_than.set(meta, key, duration(meta, "slower_than = \"50ms\"")?),
            });
        } else if !meta.input.is_empty() && !meta.input.peek(Token![,]) {
            return Err(syn::Error::new(word, format!("the policy stands in parentheses: {SHAPE}")));
        }
        Ok(Self { word, every: every.get(), after: after.get(), replayed: replayed.get(), slower_than: slower_than.get() })
    }

    /// `Snapshots::by_hand().every(100).with_shape(…)`. Here rustc says that the state cannot be written.
    pub(super) fn expand(&self, krate: &Path, shape: u64) -> TokenStream {
        let nearby = krate_at(krate, self.word);
        let by_hand = quote_spanned!(at(self.word)=> #nearby::model::Snapshots::by_hand());
        let events = |name: &str, events: Option<u32>| {
            events.map(|events| {
                let (name, events) = (syn::Ident::new(name, Span::mixed_site()), u64::from(events));
                code!(.#name(#events))
            })
        };
        let time = |name: &str, time: Option<Duration>| {
            time.map(|time| {
                let name = syn::Ident::new(name, Span::mixed_site());
                let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                code!(.#name(::core::time::Duration::from_millis(#milliseconds)))
            })
        };
        let (every, replayed) = (events(EVERY, self.every), events(REPLAYED, self.replayed));
        let (after, slower_than) = (time(AFTER, self.after), time(SLOWER_THAN, self.slower_than));
        code! {
            const SNAPSHOTS: ::core::option::Option<#krate::model::Snapshots<Self>> =
                ::core::option::Option::Some(#by_hand #every #after #replayed #slower_than .with_shape(#shape));
        }
    }
}

fn events(meta: &ParseNestedMeta, shape: &str) -> syn::Result<u32> {
    match options::number(options::value(meta, shape)?, shape)? {
        (0, span) => Err(syn::Error::new(span, format!("at least one event: `{shape}`"))),
        (events, _) => Ok(events),
    }
}

/// A number for what serde sees of a state: its fields, their types, and serde's own options. It says nothing of the types of the fields.
pub(super) fn shape(input: &DeriveInput) -> u64 {
    let mut text = serde(&input.attrs);
    match &input.data {
        Data::Struct(data) => fields(&data.fields, &mut text),
        Data::Enum(data) => {
            for variant in &data.variants {
                text += &format!("|{} {}", serde(&variant.attrs), variant.ident);
                fields(&variant.fields, &mut text);
            }
        }
        Data::Union(_) => {}
    }
    // FNV-1a: the same whatever compiles it.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn fields(fields: &Fields, text: &mut String) {
    for field in fields {
        let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        *text += &format!(",{} {name}:{}", serde(&field.attrs), field.ty.to_token_stream());
    }
}

fn serde(attrs: &[Attribute]) -> String {
    attrs.iter().filter(|attr| attr.path().is_ident("serde")).map(|attr| attr.to_token_stream().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn the_shape_is_what_serde_sees() {
        let one: DeriveInput = parse_quote!(
            struct A {
                x: u8,
            }
        );
        let same: DeriveInput = parse_quote!(
            #[aggregate(name = "a", snapshot)]
            pub struct B {
                /// Said of it.
                pub x: u8,
            }
        );
        assert_eq!(shape(&one), shape(&same));
        let others: [DeriveInput; 6] = [
            parse_quote!(
                struct A {
                    y: u8,
                }
            ),
            parse_quote!(
                struct A {
                    x: u16,
                }
            ),
            parse_quote!(
                struct A {
                    x: u8,
                    y: u8,
                }
            ),
            parse_quote!(
                struct A {
                    #[serde(default)]
                    x: u8,
                }
            ),
            parse_quote!(
                #[serde(rename_all = "camelCase")]
                struct A {
                    x: u8,
                }
            ),
            parse_quote!(
                enum A {
                    X { x: u8 },
                }
            ),
        ];
        let mut shapes: Vec<u64> = others.iter().chain([&one]).map(shape).collect();
        shapes.sort_unstable();
        shapes.dedup();
        assert_eq!(shapes.len(), 7);
    }
}
