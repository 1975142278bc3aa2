//! The attributes of an event enum and its variants.

use crate::ctxt::Ctxt;
use crate::options::{self, Once};
use crate::personal;
use crate::symbol::{ALIAS, EVENT, EVENT_OPTIONS, NAME, SUBJECT, UPCAST, VERSION};
use proc_macro2::{Span, TokenStream};
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, ExprPath, Ident, LitStr, Meta, Path, Token, parenthesized};

/// `#[event(…)]` on one variant.
#[derive(Default)]
pub(super) struct VariantAttrs {
    pub(super) name: Option<LitStr>,
    pub(super) aliases: Vec<LitStr>,
    pub(super) version: Option<(u32, Span)>,
    /// The field with whose personal data it holds.
    pub(super) subject: Option<Ident>,
    pub(super) upcasters: Option<Vec<Upcaster>>,
    /// Whether an `upcast` was refused already.
    pub(super) unreadable_upcasters: bool,
    /// Serde's options that would change what the variant's content looks like.
    pub(super) serde: Vec<Path>,
}

/// `1 => function`.
pub(super) struct Upcaster {
    pub(super) from: u32,
    pub(super) from_span: Span,
    pub(super) step: ExprPath,
}

impl VariantAttrs {
    pub(super) fn read(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        let (mut name, mut version, mut upcasters, mut subject) =
            (Once::default(), Once::default(), Once::default(), Once::default());
        let (mut aliases, mut unreadable_upcasters) = (Vec::new(), false);
        for attr in attrs.iter().filter(|attr| attr.path().is_ident(EVENT)) {
            options::on_item(cx, attr, EVENT_OPTIONS, |key, meta| match key {
                NAME => name.set(meta, key, options::string(meta, "name = \"…\"")?),
                ALIAS => {
                    aliases.push(options::string(meta, "alias = \"…\"")?);
                    Ok(())
                }
                VERSION => {
                    const SHAPE: &str = "version = 2";
                    version.set(meta, key, options::number(options::value(meta, SHAPE)?, SHAPE)?)
                }
                SUBJECT => subject.set(meta, key, personal::subject(meta)?),
                _ => {
                    let steps = steps(meta).inspect_err(|_| unreadable_upcasters = true)?;
                    upcasters.set(meta, UPCAST, steps)
                }
            });
        }
        Self {
            name: name.get(),
            aliases,
            version: version.get(),
            subject: subject.get(),
            upcasters: upcasters.get(),
            unreadable_upcasters,
            serde: serde(attrs, SERDE_ON_VARIANT),
        }
    }
}

/// `#[event(subject = owner_id)]` on the enum: for all its events. `None` when the attribute says anything else.
pub(super) fn subject_of_all(attr: &Attribute) -> Option<Ident> {
    let mut subject = None;
    let parsed = attr.parse_nested_meta(|meta| match meta.path.is_ident(SUBJECT) {
        true => personal::subject(&meta).map(|ident| subject = Some(ident)),
        false => Err(meta.error("")),
    });
    parsed.ok().and(subject)
}

/// `(1 => f, 2 => g)`.
fn steps(meta: &ParseNestedMeta) -> syn::Result<Vec<Upcaster>> {
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

/// What serde would do to the whole enum instead of writing a variant's content after the tag.
pub(super) const SERDE_ON_ENUM: &[&str] = &["tag", "content", "untagged", "from", "try_from", "into", "transparent", "remote"];
const SERDE_ON_VARIANT: &[&str] =
    &["untagged", "skip", "skip_serializing", "skip_deserializing", "other", "with", "serialize_with", "deserialize_with"];

/// Those of serde's options that are in the list. What is no attribute of serde's is left to serde.
pub(super) fn serde(attrs: &[Attribute], refused: &[&str]) -> Vec<Path> {
    let lists = attrs.iter().filter(|attr| attr.path().is_ident("serde"));
    lists
        .filter_map(|attr| attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok())
        .flatten()
        .map(|option| option.path().clone())
        .filter(|path| refused.iter().any(|refused| path.is_ident(refused)))
        .collect()
}
