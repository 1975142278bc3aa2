//! `#[ego::projection(…)]`, `#[ego::reactor(…)]` and `#[ego::saga(…)]`.

use super::model::What;
use crate::ctxt::Ctxt;
use crate::krate;
use crate::options::{self, Once};
use crate::suggest::did_you_mean;
use crate::symbol::{AUDIENCE, CRATE, MODE, NAME, UPCAST, VERSION};
use crate::upcast::{self, Upcaster};
use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Ident, LitStr, Path};

/// The options that are there.
pub(super) struct ReaderAttrs {
    pub(super) krate: Path,
    pub(super) name: Option<LitStr>,
    pub(super) version: Option<(u32, Span)>,
    pub(super) mode: Option<(Mode, Span)>,
    pub(super) audience: Option<Audience>,
    pub(super) upcasters: Vec<Upcaster>,
    /// Whether the options could be read, so that a missing one is really missing.
    pub(super) readable: bool,
}

/// When a projection is folded; as `ego::model::Mode`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Inline,
    Async,
    Live,
}

/// Who of several nodes is given an event; as `ego::model::Audience`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    Group,
    Observer,
    Ephemeral,
}

const MODES: &[(&str, Mode)] = &[("inline", Mode::Inline), ("async", Mode::Async), ("live", Mode::Live)];
const AUDIENCES: &[(&str, Audience)] =
    &[("group", Audience::Group), ("observer", Audience::Observer), ("ephemeral", Audience::Ephemeral)];

impl ReaderAttrs {
    pub(super) fn read(cx: &Ctxt, what: What, options: TokenStream) -> Self {
        let before = cx.count();
        let (mut krate, mut name, mut version) = (Once::default(), Once::default(), Once::default());
        let (mut mode, mut audience, mut upcasters) = (Once::default(), Once::default(), Once::default());
        options::in_list(cx, what.path(), options, what.options(), |key, meta| match key {
            CRATE => krate.set(meta, key, krate::path(meta)?),
            NAME => name.set(meta, key, options::string(meta, "name = \"…\"")?),
            VERSION => version.set(meta, key, upcast::version(meta)?),
            UPCAST => upcasters.set(meta, key, upcast::steps(meta)?),
            MODE => mode.set(meta, key, word(meta, MODES, "mode = inline")?),
            AUDIENCE => audience.set(meta, key, word(meta, AUDIENCES, "audience = observer")?.0),
            _ => Ok(()),
        });
        Self {
            krate: krate.get().unwrap_or_else(krate::default),
            name: name.get(),
            version: version.get(),
            mode: mode.get(),
            audience: audience.get(),
            upcasters: upcasters.get().unwrap_or_default(),
            readable: cx.count() == before,
        }
    }
}

/// One of a few words behind the `=`.
fn word<T: Copy>(meta: &ParseNestedMeta, known: &[(&str, T)], shape: &str) -> syn::Result<(T, Span)> {
    let value = options::value(meta, shape)?;
    if value.peek(LitStr) {
        let text: LitStr = value.parse()?;
        return Err(syn::Error::new(text.span(), format!("a word belongs here, without quotes: `{shape}`")));
    }
    let ident =
        value.call(Ident::parse_any).map_err(|error| syn::Error::new(error.span(), format!("a word belongs here: `{shape}`")))?;
    let text = ident.unraw().to_string();
    if let Some((_, found)) = known.iter().find(|(word, _)| *word == text) {
        return Ok((*found, ident.span()));
    }
    let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
    let (key, hint) = (crate::ty::show(&meta.path), did_you_mean(&text, &words));
    let listed = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    Err(syn::Error::new(ident.span(), format!("unknown {key} `{text}`{hint} (there are: {listed})")))
}
