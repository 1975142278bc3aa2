//! `version = 3, upcast(1 => f, 2 => g)`: how what was stored in an older shape is read, for events and for states.

use crate::ctxt::Ctxt;
use crate::hygiene::{at, krate_at};
use crate::options;
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{ExprPath, Ident, Path, Token, parenthesized};

/// `1 => function`.
pub(crate) struct Upcaster {
    pub(crate) from: u32,
    pub(crate) from_span: Span,
    pub(crate) step: ExprPath,
}

/// `version = 3`.
pub(crate) fn version(meta: &ParseNestedMeta) -> syn::Result<(u32, Span)> {
    const SHAPE: &str = "version = 2";
    options::number(options::value(meta, SHAPE)?, SHAPE)
}

/// `(1 => f, 2 => g)`.
pub(crate) fn steps(meta: &ParseNestedMeta) -> syn::Result<Vec<Upcaster>> {
    const SHAPE: &str = "upcast(1 => function)";
    if !meta.input.peek(syn::token::Paren) {
        return Err(syn::Error::new(meta.path.span(), format!("the upcasters stand in parentheses: `{SHAPE}`")));
    }
    let list;
    parenthesized!(list in meta.input);
    if list.is_empty() {
        return Err(syn::Error::new(meta.path.span(), format!("no upcaster is listed: `{SHAPE}`")));
    }
    let steps = Punctuated::<Upcaster, Token![,]>::parse_terminated_with(&list, step);
    // What stands behind a refused step is no mistake of its own.
    list.parse::<TokenStream>()?;
    Ok(steps?.into_iter().collect())
}

fn step(input: ParseStream<'_>) -> syn::Result<Upcaster> {
    let (from, from_span) = options::number(input, "1 => function")?;
    input.parse::<Token![=>]>()?;
    let start = input.span();
    let path = input.parse::<ExprPath>();
    match path {
        Ok(step) if input.is_empty() || input.peek(Token![,]) => Ok(Upcaster { from, from_span, step }),
        _ => Err(syn::Error::new(start, "an upcaster is the path of a function: `1 => v1_to_v2`")),
    }
}

/// The upcasters are listed as 1, 2, … up to the version before the newest.
pub(crate) fn has_no_gap(cx: &Ctxt, what: &str, name: &Ident, (newest, newest_span): (u32, Span), upcasters: &[Upcaster]) {
    for (expected, upcaster) in (1..).zip(upcasters) {
        let (from, span) = (upcaster.from, upcaster.from_span);
        if from == 0 {
            return cx.error_at(span, "versions start at 1");
        }
        if newest == 1 {
            return cx.error_at(span, format_args!("`{name}` is at version 1: there is nothing to upcast; add `version = 2`"));
        }
        if from >= newest {
            let last = newest.saturating_sub(1);
            let message = format_args!("`{name}` is at version {newest}: the last upcaster is the one from version {last}");
            return cx.error_at(span, message);
        }
        if from != expected {
            return cx.error_at(
                span,
                format_args!("expected the upcaster from version {expected} here: list them in order, without a gap"),
            );
        }
    }
    let listed = u32::try_from(upcasters.len()).unwrap_or(u32::MAX);
    let missing = listed.saturating_add(1);
    if missing < newest {
        let message = format_args!(
            "{what} `{name}` is at version {newest} but nothing upcasts version {missing}: add `upcast({missing} => function)`"
        );
        cx.error_at(newest_span, message);
    }
}

/// The way from the oldest of these shapes: `let old = old(codec, stored)?; let old = step(stored, f(old))?; last(g(old))`. rustc checks
/// that each step takes what the step before gives, and points at the function when it does not.
pub(crate) fn way(
    krate: &Path,
    steps: &[Upcaster],
    elsewhere: Span,
    last: impl Fn(&TokenStream, Span, &TokenStream) -> TokenStream,
) -> TokenStream {
    let first = steps.first().map_or(elsewhere, |upcaster| upcaster.step.span());
    let nearby = krate_at(krate, first);
    let mut body = quote_spanned!(at(first)=> let old = #nearby::__private::old(codec, stored)?;);
    for (place, upcaster) in (1..).zip(steps) {
        let (step, span) = (&upcaster.step, upcaster.step.span());
        let nearby = krate_at(krate, span);
        let call = quote_spanned!(at(span)=> #step(old));
        body.extend(if place < steps.len() {
            quote_spanned!(at(span)=> let old = #nearby::__private::step(stored, #call)?;)
        } else {
            last(&nearby, span, &call)
        });
    }
    body
}
