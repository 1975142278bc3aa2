//! `#[aggregate(…)]`.

use super::snapshot::Snapshot;
use crate::ctxt::Ctxt;
use crate::options::{self, Once};
use crate::symbol::{AGGREGATE, AGGREGATE_OPTIONS, DURABLE, EVENT, NAME, SNAPSHOT, UPCAST, VERSION};
use crate::upcast::{self, Upcaster};
use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, ExprPath, Lit, LitStr, Type};

/// The options that are there.
#[derive(Default)]
pub(super) struct AggregateAttrs {
    pub(super) name: Option<Kind>,
    pub(super) event: Option<Type>,
    /// The word `durable`.
    pub(super) durable: Option<Span>,
    pub(super) version: Option<(u32, Span)>,
    /// The word `upcast`, and what stands behind it.
    pub(super) upcasters: Option<(Span, Vec<Upcaster>)>,
    /// Whether an `upcast` was refused already.
    pub(super) unreadable_upcasters: bool,
    pub(super) snapshot: Option<Snapshot>,
}

/// `"account"`, or `C::KIND` for a generic type, whose instances need kinds of their own.
pub(super) enum Kind {
    Literal(LitStr),
    Constant(ExprPath),
}

impl AggregateAttrs {
    pub(super) fn read(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        let (mut name, mut event, mut durable) = (Once::default(), Once::default(), Once::default());
        let mut snapshot = Once::default();
        let (mut version, mut upcasters, mut unreadable_upcasters) = (Once::default(), Once::default(), false);
        for attr in attrs.iter().filter(|attr| attr.path().is_ident(AGGREGATE)) {
            options::on_item(cx, attr, AGGREGATE_OPTIONS, |key, meta| match key {
                NAME => name.set(meta, key, kind(meta)?),
                EVENT => event.set(meta, key, event_type(meta)?),
                DURABLE => durable.set(meta, key, meta.path.span()).and_then(|()| options::flag(meta)),
                SNAPSHOT => snapshot.set(meta, key, Snapshot::read(cx, meta)?),
                VERSION => version.set(meta, key, upcast::version(meta)?),
                _ => {
                    let steps = upcast::steps(meta).inspect_err(|_| unreadable_upcasters = true)?;
                    upcasters.set(meta, UPCAST, (meta.path.span(), steps))
                }
            });
        }
        Self {
            name: name.get(),
            event: event.get(),
            durable: durable.get(),
            version: version.get(),
            upcasters: upcasters.get(),
            unreadable_upcasters,
            snapshot: snapshot.get(),
        }
    }
}

fn kind(meta: &ParseNestedMeta) -> syn::Result<Kind> {
    const SHAPE: &str = "name = \"…\"";
    let value = meta.input.fork();
    if value.parse::<syn::Token![=]>().is_ok() && !value.is_empty() && !value.peek(Lit) {
        return options::value(meta, SHAPE)?.parse().map(Kind::Constant);
    }
    options::string(meta, SHAPE).map(Kind::Literal)
}

fn event_type(meta: &ParseNestedMeta) -> syn::Result<Type> {
    let value = options::value(meta, "event = AccountEvent")?;
    if value.peek(LitStr) {
        let text: LitStr = value.parse()?;
        return Err(syn::Error::new(text.span(), format!("a type belongs here, without quotes: `event = {}`", text.value())));
    }
    value.parse()
}
