//! The rules of an `#[index]` method, one function each:
//! a plain method, not async · `&self` · nothing else · a nameable return type.

use super::super::model::Index;
use crate::ctxt::Ctxt;
use crate::signature;
use syn::{ReceiverKind, ReturnType};

const METHOD: &str = "an `#[index]` method";
const SHAPE: &str = "`fn owner(&self) -> &str`";

pub(super) fn check(cx: &Ctxt, index: &Index<'_>) {
    signature::is_safe(cx, &index.method, METHOD);
    signature::is_concrete(cx, &index.method, METHOD, "an index is sorted by one type");
    is_not_async(cx, index);
    reads_the_view(cx, index);
    takes_nothing_else(cx, index);
    returns_something(cx, index);
}

fn is_not_async(cx: &Ctxt, index: &Index<'_>) {
    if let Some(token) = &index.method.sig.asyncness {
        cx.error(token, format_args!("{METHOD} cannot be async: a view is found by what stands in it"));
    }
}

fn reads_the_view(cx: &Ctxt, index: &Index<'_>) {
    let sig = index.method.sig;
    match sig.receiver() {
        None => cx.error(&sig.ident, format_args!("{METHOD} reads the view, so it takes `&self`: {SHAPE}")),
        Some(receiver) if !matches!(&receiver.kind, ReceiverKind::Reference(_, _, None)) => {
            cx.error(receiver, format_args!("{METHOD} reads the view, so it takes `&self`"));
        }
        Some(_) => {}
    }
}

fn takes_nothing_else(cx: &Ctxt, index: &Index<'_>) {
    for param in index.method.params() {
        cx.error(param, format_args!("{METHOD} takes nothing but `&self`: a view is found by what stands in it"));
    }
}

fn returns_something(cx: &Ctxt, index: &Index<'_>) {
    match &index.method.sig.output {
        ReturnType::Default => {
            cx.error(&index.method.sig.ident, format_args!("{METHOD} returns what the view is found by: {SHAPE}"));
        }
        ReturnType::Type(..) => signature::returns_a_nameable_type(cx, &index.method, METHOD),
    }
}
