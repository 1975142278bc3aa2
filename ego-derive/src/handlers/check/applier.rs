//! The rules of event appliers, one function each:
//! a plain method, not async · `&mut self` · one event, by reference · returns nothing · a match names every event · no event twice.

use super::super::model::Applier;
use crate::ctxt::Ctxt;
use crate::signature;
use crate::ty::{same, show, ungroup};
use syn::visit::{self, Visit};
use syn::{Expr, ExprMatch, Ident, Pat, ReceiverKind, ReturnType, Type, TypeReference};

const SHAPE: &str = "`fn apply(&mut self, event: &AccountEvent)`";

pub(super) fn check(cx: &Ctxt, appliers: &[Applier<'_>]) {
    for applier in appliers {
        signature::is_plain(cx, &applier.method, "an applier", "every event is one concrete type");
        is_not_async(cx, applier);
        changes_the_state(cx, applier);
        takes_one_event(cx, applier);
        returns_nothing(cx, applier);
    }
    // Only a lone applier can be the one for the whole enum; another's `_` is about its own payload.
    if let [applier] = appliers {
        names_every_event(cx, applier);
    }
    events_differ(cx, appliers);
}

fn is_not_async(cx: &Ctxt, applier: &Applier<'_>) {
    if let Some(token) = &applier.method.sig.asyncness {
        cx.error(token, "an applier cannot be async: replay must be pure and deterministic");
    }
}

fn changes_the_state(cx: &Ctxt, applier: &Applier<'_>) {
    let Some(receiver) = applier.method.sig.receiver() else {
        return cx
            .error(&applier.method.sig.ident, format_args!("an applier changes the state, so it takes `&mut self`: {SHAPE}"));
    };
    if !matches!(&receiver.kind, ReceiverKind::Reference(_, _, Some(_))) {
        cx.error(receiver, "an applier changes the state, so it takes `&mut self`");
    }
}

fn takes_one_event(cx: &Ctxt, applier: &Applier<'_>) {
    let mut params = applier.method.params();
    let Some(event) = params.next() else {
        return cx.error(&applier.method.sig.ident, format_args!("this applier takes no event: an applier looks like {SHAPE}"));
    };
    match ungroup(&event.ty) {
        Type::ImplTrait(ty) => cx.error(ty, "an applier cannot be generic: every event is one concrete type"),
        Type::Reference(TypeReference { mutability: Some(token), .. }) => {
            cx.error(token, "an applier cannot change the event: the event is a fact and is shared");
        }
        Type::Reference(TypeReference { lifetime: Some(lifetime), .. }) if applier.method.sig.generics.params.is_empty() => {
            cx.error(lifetime, "an applier needs no named lifetimes: leave them out");
        }
        Type::Reference(reference) => {
            if let Type::ImplTrait(ty) = ungroup(&reference.elem) {
                cx.error(ty, "an applier cannot be generic: every event is one concrete type");
            }
        }
        ty => cx.error(ty, format_args!("an applier borrows the event (`&{}`): the event is a fact and is shared", show(ty))),
    }
    for more in params {
        cx.error(more, "an applier sees only the state and the event: anything else would make replay differ from the first run");
    }
}

fn returns_nothing(cx: &Ctxt, applier: &Applier<'_>) {
    if let ReturnType::Type(_, ty) = &applier.method.sig.output
        && !matches!(ungroup(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
    {
        cx.error(ty, "an applier returns nothing: the event has happened and cannot be refused");
    }
}

/// rustc refuses a match that forgets an event, unless an arm takes whatever comes.
fn names_every_event(cx: &Ctxt, applier: &Applier<'_>) {
    let event = applier.method.params().next().and_then(|param| match &*param.pat {
        Pat::Ident(pat) => Some(&pat.ident),
        _ => None,
    });
    if let Some(event) = event {
        Matches { cx, event }.visit_block(&applier.method.item.block);
    }
}

struct Matches<'c> {
    cx: &'c Ctxt,
    event: &'c Ident,
}

impl<'t> Visit<'t> for Matches<'_> {
    fn visit_expr_match(&mut self, expr: &'t ExprMatch) {
        if is_event(&expr.expr, self.event) {
            expr.arms.iter().for_each(|arm| self.check_arm(&arm.pat));
        }
        visit::visit_expr_match(self, expr);
    }
}

impl Matches<'_> {
    fn check_arm(&self, pat: &Pat) {
        let takes_all = match pat {
            Pat::Wild(_) => true,
            Pat::Ident(pat) => match &pat.subpat {
                Some((_, inside)) => return self.check_arm(inside),
                // A constant or an imported variant is not written in lower case.
                None => pat.ident.to_string().starts_with(|first: char| first.is_lowercase() || first == '_'),
            },
            Pat::Or(pat) => return pat.cases.iter().for_each(|case| self.check_arm(case)),
            Pat::Paren(pat) => return self.check_arm(&pat.pat),
            Pat::Reference(pat) => return self.check_arm(&pat.pat),
            _ => false,
        };
        if takes_all {
            self.cx.error(pat, "name every event here: this arm would silently ignore an event added later");
        }
    }
}

/// `event`, `*event`, `&*event`, `(event)`.
fn is_event(expr: &Expr, event: &Ident) -> bool {
    match expr {
        Expr::Path(path) => path.path.is_ident(event),
        Expr::Unary(unary) => is_event(&unary.expr, event),
        Expr::Reference(reference) => is_event(&reference.expr, event),
        Expr::Paren(paren) => is_event(&paren.expr, event),
        Expr::Group(group) => is_event(&group.expr, event),
        _ => false,
    }
}

/// Other spellings of one type are found by rustc, as conflicting impls.
fn events_differ(cx: &Ctxt, appliers: &[Applier<'_>]) {
    for (index, applier) in appliers.iter().enumerate() {
        let Some(event) = applier.event else { continue };
        let earlier = appliers[..index].iter().filter(|earlier| earlier.method.cfgs.is_empty() && applier.method.cfgs.is_empty());
        if let Some(first) = earlier.filter_map(|earlier| earlier.event).find(|first| same(first, event)) {
            let mut error = syn::Error::new_spanned(event, format_args!("the event `{}` has two appliers", show(event)));
            error.combine(syn::Error::new_spanned(first, "the first applier is here"));
            cx.push(error);
        }
    }
}
