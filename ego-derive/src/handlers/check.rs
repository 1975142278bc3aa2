//! The rules of a block; those of a single method are in [`handler`] and [`applier`].
//!
//! It is an inherent impl of a type that owns its state · it holds a handler or an applier · no command is handled twice · a generic
//! block says where it registers · one of a durable aggregate applies nothing.

mod applier;
mod handler;

use super::model::Block;
use crate::ctxt::Ctxt;
use crate::ty;
use syn::Type;

pub(super) fn check(cx: &Ctxt, block: &Block<'_>) {
    inherent_impl(cx, block);
    ty::no_lifetimes(cx, &block.item.generics, "an aggregate lives as long as the engine, so it cannot borrow: use owned fields");
    holds_something(cx, block);
    commands_differ(cx, block);
    generic_blocks_say_where(cx, block);
    durable_blocks_apply_nothing(cx, block);
    block.handlers.iter().for_each(|handler| handler::check(cx, handler, block.is_durable()));
    applier::check(cx, &block.appliers);
}

fn inherent_impl(cx: &Ctxt, block: &Block<'_>) {
    if let Some((path, _)) = &block.item.trait_ {
        cx.error(path, "`#[ego::handlers]` goes on an inherent `impl` block, not on a trait implementation");
    }
    if !matches!(block.this, Type::Path(_)) {
        cx.error(block.this, "the handlers of an aggregate stand in an `impl` block of its own type");
    }
}

fn holds_something(cx: &Ctxt, block: &Block<'_>) {
    if block.marks.is_empty() && block.item.trait_.is_none() {
        cx.error(
            block.this,
            "no method of this block is marked with `#[handle]` or `#[apply]`: mark one, or remove `#[ego::handlers]`",
        );
    }
}

/// Other spellings of one type are found by rustc, as conflicting impls.
fn commands_differ(cx: &Ctxt, block: &Block<'_>) {
    for (index, handler) in block.handlers.iter().enumerate() {
        let Some(command) = &handler.command else { continue };
        let first = block.handlers[..index].iter().filter_map(|earlier| Some((earlier, earlier.command.as_ref()?)));
        let first = first
            .filter(|(earlier, _)| earlier.method.cfgs.is_empty() && handler.method.cfgs.is_empty())
            .find(|(_, earlier)| ty::same(earlier.ty, command.ty));
        if let Some((_, first)) = first {
            let (this, name) = (ty::show(block.this), ty::show(command.ty));
            let mut error = syn::Error::new_spanned(command.ty, format_args!("`{this}` handles the command `{name}` twice"));
            error.combine(syn::Error::new_spanned(first.ty, "the first handler is here"));
            cx.push(error);
        }
    }
}

fn durable_blocks_apply_nothing(cx: &Ctxt, block: &Block<'_>) {
    if let (Some(_), Some(applier)) = (block.durable, block.appliers.first()) {
        cx.error(
            &applier.method.sig.ident,
            "a durable aggregate has no events to apply: its handlers take `&mut self`, and the state that they leave is stored",
        );
    }
}

fn generic_blocks_say_where(cx: &Ctxt, block: &Block<'_>) {
    let this = ty::show(block.this);
    match &block.register {
        Some(register) if !block.is_generic() => {
            cx.error_at(register.key, format_args!("`{this}` is not generic and registers itself: remove `register(…)`"));
        }
        Some(register) if !block.appliers.is_empty() => cx.error_at(
            register.key,
            "this block holds the appliers, so `ego::register!(…)` registers its commands too: remove `register(…)`",
        ),
        None if block.readable && block.is_generic() && block.appliers.is_empty() && !block.handlers.is_empty() => cx.error(
            &block.item.generics,
            "a generic aggregate cannot register itself: list the instances, as in `#[ego::handlers(register(Wallet<Usd>))]`",
        ),
        _ => {}
    }
}
