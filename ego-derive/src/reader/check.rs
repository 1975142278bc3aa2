//! The rules of a block; those of a single method are in [`on`], [`hears`] and [`index`], those of a mode in [`mode`].
//!
//! It is an inherent impl of one type · it has a name that can be stored · versions start at 1 · it follows a kind · no kind is followed
//! twice · a reactor has no index · a saga is started, hears of each thing in one method, and reads its older states.

mod hears;
mod index;
mod mode;
mod on;

use super::model::{Reader, What};
use crate::ctxt::Ctxt;
use crate::name::{self, Name};
use crate::symbol::START;
use crate::ty;
use crate::upcast;
use syn::{GenericParam, Type};

pub(super) fn check(cx: &Ctxt, reader: &Reader<'_>) {
    inherent_impl(cx, reader);
    one_type(cx, reader);
    has_a_name(cx, reader);
    versions_start_at_one(cx, reader);
    follows_something(cx, reader);
    kinds_differ(cx, reader);
    reader.methods.iter().for_each(|method| on::check(cx, reader.what, method));
    match reader.what {
        What::Projection => {
            reader.indexes.iter().for_each(|index| index::check(cx, index));
            mode::check(cx, reader);
        }
        What::Reactor => has_no_index(cx, reader),
        What::Saga => {
            is_started(cx, reader);
            hears::check(cx, &reader.hears);
            older_states_are_read(cx, reader);
        }
    }
}

fn inherent_impl(cx: &Ctxt, reader: &Reader<'_>) {
    if let Some((path, _)) = &reader.item.trait_ {
        cx.error(
            path,
            format_args!("`#[{}]` goes on an inherent `impl` block, not on a trait implementation", reader.what.path()),
        );
    }
    if !matches!(reader.this, Type::Path(_)) {
        cx.error(reader.this, format_args!("`#[{}]` stands on an `impl` block of a type of its own", reader.what.path()));
    }
}

fn one_type(cx: &Ctxt, reader: &Reader<'_>) {
    let (lives, named) = match reader.what {
        What::Projection => ("a view is kept without a limit in time", "a view is stored under one name"),
        What::Reactor => ("a reactor lives as long as the engine", "a reactor runs under one name"),
        What::Saga => ("an instance is kept without a limit in time", "a saga is stored under one name"),
    };
    for param in &reader.item.generics.params {
        match param {
            GenericParam::Lifetime(param) => cx.error(param, format_args!("{lives}, so it cannot borrow: use owned fields")),
            other => cx.error(
                other,
                format_args!("{named}, so it is one type: write a block for each instance, as in `impl Balance<Usd>`"),
            ),
        }
    }
}

fn has_a_name(cx: &Ctxt, reader: &Reader<'_>) {
    match &reader.name {
        Some(literal) => name::check_plain(cx, &Name::new(literal), "a name"),
        None if reader.readable => {
            let path = reader.what.path();
            cx.error(
                reader.this,
                format_args!("`{}` needs a name, which is stored: write `#[{path}(name = \"…\")]`", ty::show(reader.this)),
            );
        }
        None => {}
    }
}

fn versions_start_at_one(cx: &Ctxt, reader: &Reader<'_>) {
    if let Some((0, span)) = reader.version {
        cx.error_at(span, "versions start at 1");
    }
}

fn follows_something(cx: &Ctxt, reader: &Reader<'_>) {
    if reader.methods.is_empty() && reader.item.trait_.is_none() && reader.what != What::Saga {
        cx.error(
            reader.this,
            "no method of this block is given events: mark one with `#[on(…)]` and the aggregate that it follows",
        );
    }
}

/// Other spellings of one type are found by rustc, as conflicting impls.
fn kinds_differ(cx: &Ctxt, reader: &Reader<'_>) {
    for (index, method) in reader.methods.iter().enumerate() {
        let Some(kind) = &method.kind else { continue };
        let earlier = reader.methods[..index]
            .iter()
            .filter(|earlier| earlier.mark == method.mark && earlier.method.cfgs.is_empty() && method.method.cfgs.is_empty());
        if let Some(first) = earlier.filter_map(|earlier| earlier.kind.as_ref()).find(|first| ty::same(first, kind)) {
            let (this, name) = (ty::show(reader.this), ty::show(kind));
            let twice = if method.mark == START { "is started by" } else { "follows" };
            let message = format_args!("`{this}` {twice} `{name}` twice: one method is given all its events");
            let mut error = syn::Error::new_spanned(kind, message);
            error.combine(syn::Error::new_spanned(first, "the first method is here"));
            cx.push(error);
        }
    }
}

fn has_no_index(cx: &Ctxt, reader: &Reader<'_>) {
    for index in &reader.indexes {
        cx.error(index.mark, "a reactor keeps no views, so there is nothing to find by an index");
    }
}

fn is_started(cx: &Ctxt, reader: &Reader<'_>) {
    if reader.item.trait_.is_none() && !reader.methods.iter().any(|method| method.mark == START) {
        let message =
            "nothing starts this saga: mark a method with `#[start(…)]` and the aggregate whose event begins an instance";
        cx.error(reader.this, message);
    }
}

fn older_states_are_read(cx: &Ctxt, reader: &Reader<'_>) {
    let newest = reader.version.unwrap_or((1, reader.item.impl_token.span));
    if let (true, 1.., Type::Path(path)) = (reader.readable, newest.0, reader.this)
        && let Some(last) = path.path.segments.last()
    {
        upcast::has_no_gap(cx, "saga", &last.ident, newest, &reader.upcasters);
    }
}
