//! `#[aggregate(…)]`.

use crate::ctxt::Ctxt;
use crate::options::{self, Once};
use crate::symbol::{AGGREGATE, AGGREGATE_OPTIONS, NAME};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, ExprPath, Lit, LitStr, Type};

/// The options that are there.
#[derive(Default)]
pub(super) struct AggregateAttrs {
    pub(super) name: Option<Kind>,
    pub(super) event: Option<Type>,
}

/// `"account"`, or `C::KIND` for a generic type, whose instances need kinds of their own.
pub(super) enum Kind {
    Literal(LitStr),
    Constant(ExprPath),
}

impl AggregateAttrs {
    pub(super) fn read(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        let (mut name, mut event) = (Once::default(), Once::default());
        for attr in attrs.iter().filter(|attr| attr.path().is_ident(AGGREGATE)) {
            options::on_item(cx, attr, AGGREGATE_OPTIONS, |key, meta| match key {
                NAME => name.set(meta, key, kind(meta)?),
                _ => event.set(meta, key, event_type(meta)?),
            });
        }
        Self { name: name.get(), event: event.get() }
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
