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

/// A name that stands in other names: the kind in that of every stream, a projection in those of its tables. `what` is `a kind`.
pub(crate) fn check_plain(cx: &Ctxt, name: &Name, what: &str) {
    let refused = name.text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
    match refused {
        Some(character) => {
            let message = format_args!("{what} has ASCII letters, digits, `.`, `_` and `-`; {character:?} cannot stand here");
            cx.error_at(name.span, message);
        }
        None => check_text(cx, name),
    }
}
