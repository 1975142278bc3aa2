//! The rules of a command handler, one function each:
//! a plain method · `&self`, or `&mut self` of a durable aggregate · a command first · then the context and services, by shared reference · a nameable `Result` is returned.

use super::super::model::{Extra, Handler, Receiver, is_context};
use crate::ctxt::Ctxt;
use crate::signature;
use crate::ty::{show, ungroup};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{PatType, ReturnType, Type, TypeImplTrait, TypeReference};

const SHAPE: &str = "`fn deposit(&self, cmd: Deposit) -> Result<AccountEvent, AccountError>`";

pub(super) fn check(cx: &Ctxt, handler: &Handler<'_>, durable: bool) {
    let why = "every command is registered as one concrete type";
    signature::is_plain(cx, &handler.method, "a command handler", why);
    takes_self_by_reference(cx, handler, durable);
    takes_a_command(cx, handler);
    if !comes_second(handler) {
        handler.extras.iter().for_each(|(param, extra)| takes_shared_references(cx, handler, param, extra));
    }
    takes_the_context_once(cx, handler);
    returns_a_nameable_type(cx, handler);
}

fn takes_self_by_reference(cx: &Ctxt, handler: &Handler<'_>, durable: bool) {
    let Some(receiver) = handler.method.sig.receiver() else {
        let message = format_args!("a command handler takes `&self`, the state that decides: {SHAPE}");
        return cx.error(&handler.method.sig.ident, message);
    };
    match handler.receiver() {
        Receiver::Shared => {}
        Receiver::Exclusive if durable => {}
        Receiver::Exclusive => cx.error(
            receiver,
            "a command handler takes `&self`, not `&mut self`: state changes only in `#[apply]`, or it could not be replayed (a durable aggregate has no `#[apply]`)",
        ),
        Receiver::Other => cx.error(receiver, "a command handler takes `&self`: the state stays where it is"),
    }
}

fn takes_a_command(cx: &Ctxt, handler: &Handler<'_>) {
    let Some(command) = &handler.command else {
        let message = format_args!("this handler takes no command: a command handler looks like {SHAPE}");
        return cx.error(&handler.method.sig.ident, message);
    };
    match command.ty {
        Type::ImplTrait(ty) => {
            cx.error(ty, "a command handler cannot be generic: every command is registered as one concrete type")
        }
        ty if comes_second(handler) => {
            cx.error(ty, format_args!("the command comes first, then the context and services: {SHAPE}"));
        }
        ty => match command.reference {
            Some(TypeReference { mutability: Some(token), .. }) => {
                cx.error(
                    token,
                    format_args!("a handler reads its command and does not change it: take `{0}` or `&{0}`", show(ty)),
                );
            }
            Some(reference) => names_no_lifetime(cx, handler, reference),
            None => {}
        },
    }
}

fn takes_shared_references(cx: &Ctxt, handler: &Handler<'_>, param: &PatType, extra: &Extra<'_>) {
    let Extra::Other = extra else { return };
    match ungroup(&param.ty) {
        ty if is_context(ty) => cx.error(ty, "the context is lent to the handler: write `&Context`"),
        Type::Reference(TypeReference { mutability: Some(token), .. }) => {
            cx.error(token, "a handler shares its services with all others: take them by `&`");
        }
        Type::Reference(reference) => names_no_lifetime(cx, handler, reference),
        ty => {
            let name = show(ty);
            cx.error(ty, format_args!("after the command come `&Context` and services by shared reference: write `&{name}`"));
        }
    }
}

/// Whether the first parameter is one of those that come behind the command.
fn comes_second(handler: &Handler<'_>) -> bool {
    let first = handler.command.as_ref().map(|command| command.ty);
    first.is_some_and(|ty| is_context(ty) || matches!(ty, Type::TraitObject(_)))
}

/// A lifetime that the method declares is refused there.
fn names_no_lifetime(cx: &Ctxt, handler: &Handler<'_>, reference: &TypeReference) {
    if let Some(lifetime) = &reference.lifetime
        && handler.method.sig.generics.params.is_empty()
    {
        cx.error(lifetime, "a command handler needs no named lifetimes: leave them out");
    }
}

fn takes_the_context_once(cx: &Ctxt, handler: &Handler<'_>) {
    let contexts = handler.extras.iter().filter(|(_, extra)| matches!(extra, Extra::Context));
    for (param, _) in contexts.skip(1) {
        cx.error(&param.ty, "the handler has the context already: remove this parameter");
    }
}

fn returns_a_nameable_type(cx: &Ctxt, handler: &Handler<'_>) {
    match &handler.method.sig.output {
        ReturnType::Default => cx.error(
            &handler.method.sig.ident,
            "this handler returns nothing, so it could never record an event: return `Result<events, error>`",
        ),
        ReturnType::Type(_, ty) => Nameable { cx }.visit_type(ty),
    }
}

/// The return type becomes an associated type, where nothing can be left to the compiler.
struct Nameable<'c> {
    cx: &'c Ctxt,
}

impl<'t> Visit<'t> for Nameable<'_> {
    fn visit_type_impl_trait(&mut self, ty: &'t TypeImplTrait) {
        self.cx.error(ty, "a handler's return type must be nameable: write the type itself instead of `impl`");
    }

    fn visit_type_reference(&mut self, ty: &'t TypeReference) {
        if ty.lifetime.is_none() {
            self.cx.error_at(ty.and_token.span(), "a handler returns what it owns: a reference would end with the call");
        }
        visit::visit_type_reference(self, ty);
    }
}
