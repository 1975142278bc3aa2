//! `#[on(Account)]`, `#[on(Card, key = owner_of)]`, `#[start(Order)]`.

use crate::ctxt::Ctxt;
use crate::suggest::did_you_mean;
use crate::symbol::KEY;
use proc_macro2::Span;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Expr, ExprClosure, ExprPath, Ident, Lit, Meta, Token, Type};

/// What stands in the parentheses.
#[derive(Default)]
pub(super) struct On {
    pub(super) kind: Option<Type>,
    pub(super) key: Option<Key>,
}

/// The option `key`.
pub(super) struct Key {
    pub(super) word: Span,
    pub(super) function: Function,
}

/// What gives the keys for an event.
pub(super) enum Function {
    Path(ExprPath),
    Closure(ExprClosure),
}

impl On {
    pub(super) fn read(cx: &Ctxt, mark: &str, attr: &Attribute) -> Self {
        let mut on = Self::default();
        let before = cx.count();
        if let Meta::List(list) = &attr.meta {
            let parsed = (|input: ParseStream<'_>| on.read_list(cx, mark, input)).parse2(list.tokens.clone());
            if let Err(error) = parsed {
                cx.push(error);
            }
        }
        if on.kind.is_none() && cx.count() == before {
            let message = format_args!("name the aggregate whose events the method is given: `#[{mark}(Account)]`");
            cx.error(attr.path(), message);
        }
        on
    }

    fn read_list(&mut self, cx: &Ctxt, mark: &str, input: ParseStream<'_>) -> syn::Result<()> {
        while !input.is_empty() {
            let word = input.fork().parse::<Ident>().ok();
            if word.is_some_and(|word| word == KEY) || (input.peek(Ident) && input.peek2(Token![=])) {
                self.read_option(cx, mark, input)?;
            } else {
                self.read_kind(cx, mark, input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn read_kind(&mut self, cx: &Ctxt, mark: &str, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(Lit) {
            let literal: Lit = input.parse()?;
            cx.error(literal, format_args!("the aggregate's type belongs here: `#[{mark}(Account)]`"));
            return Ok(());
        }
        let kind: Type = input.parse()?;
        match &self.kind {
            None => self.kind = Some(kind),
            Some(_) => cx.error(kind, "a method is given the events of one aggregate: write a method for each"),
        }
        Ok(())
    }

    fn read_option(&mut self, cx: &Ctxt, mark: &str, input: ParseStream<'_>) -> syn::Result<()> {
        let word: Ident = input.parse()?;
        let sign: Option<Token![=]> = input.parse()?;
        if sign.is_none() || input.is_empty() || input.peek(Token![,]) {
            cx.error(word, "this option needs a value: `key = owner_of`");
            return Ok(());
        }
        let value: Expr = input.parse()?;
        if word != KEY {
            let hint = did_you_mean(&word.to_string(), &[KEY]);
            cx.error(&word, format_args!("unknown `{mark}` option `{word}`{hint} (options: `{KEY}`)"));
            return Ok(());
        }
        if self.key.is_some() {
            cx.error(word, "`key` is given twice: keep one");
            return Ok(());
        }
        match function(&value) {
            Some(function) => self.key = Some(Key { word: word.span(), function }),
            None => cx.error(value, "a function or a closure belongs here: `key = owner_of` or `key = |event| …`"),
        }
        Ok(())
    }
}

fn function(value: &Expr) -> Option<Function> {
    match value {
        Expr::Path(path) => Some(Function::Path(path.clone())),
        Expr::Closure(closure) => Some(Function::Closure(closure.clone())),
        Expr::Group(group) => function(&group.expr),
        _ => None,
    }
}
