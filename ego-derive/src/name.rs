//! Stored names: what is written at the definition and nothing else (I10).

use crate::ctxt::Ctxt;
use proc_macro2::Span;
use syn::LitStr;

/// A stored name and where it is written.
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl Name {
    pub(crate) fn new(literal: &LitStr) -> Self {
        Self { text: literal.value(), span: literal.span() }
    }
}

/// The name of an event or a command: it has to survive logs, URLs and command lines.
pub(crate) fn check_text(cx: &Ctxt, name: &Name) {
    if name.text.is_empty() {
        cx.error_at(name.span, "a stored name cannot be empty");
    } else if let Some(character) = name.text.chars().find(|c| c.is_control() || c.is_whitespace()) {
        cx.error_at(name.span, format_args!("a stored name cannot hold {character:?}"));
    } else if name.text.len() > 100 {
        cx.error_at(name.span, "a stored name has at most 100 bytes");
    }
}

/// The name of an aggregate's kind, which stands in the name of every stream.
pub(crate) fn check_kind(cx: &Ctxt, name: &Name) {
    let refused = name.text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
    match refused {
        Some(character) => {
            let message = format_args!("a kind has ASCII letters, digits, `.`, `_` and `-`; {character:?} cannot stand here");
            cx.error_at(name.span, message);
        }
        None => check_text(cx, name),
    }
}
