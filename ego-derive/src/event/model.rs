//! An event enum as we speak of it.

use super::attr::{self, VariantAttrs};
use crate::ctxt::Ctxt;
use crate::krate;
use crate::name::Name;
use crate::personal::field;
use crate::symbol::EVENT;
use crate::ty::{self, Owned};
use crate::upcast::Upcaster;
use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, GenericParam, Generics, Ident, Path, Type};

/// ```text
/// #[derive(Event)]
/// #[ego(crate = krate)]
/// enum ident<generics> { variants }
/// ```
pub(super) struct Events<'i> {
    pub(super) ident: &'i Ident,
    pub(super) generics: &'i Generics,
    pub(super) krate: Path,
    pub(super) this: Owned,
    /// The keyword, where generated names point to.
    pub(super) keyword: Span,
    pub(super) variants: Vec<Variant<'i>>,
    pub(super) serde: Vec<Path>,
    pub(super) data: &'i Data,
}

/// ```text
/// #[event(name = "…", alias = "…", version = n, upcast(1 => f))]
/// ident shape
/// ```
pub(super) struct Variant<'i> {
    pub(super) ident: &'i Ident,
    pub(super) name: Name,
    pub(super) aliases: Vec<Name>,
    pub(super) version: u32,
    pub(super) version_span: Span,
    pub(super) upcasters: Vec<Upcaster>,
    pub(super) unreadable_upcasters: bool,
    pub(super) shape: Shape<'i>,
    /// What is personal in its fields, if it has them itself.
    pub(super) fields: field::Fields<'i>,
    /// The field that says whose, as it is said on the variant, or else on the enum.
    pub(super) own_subject: Option<Ident>,
    pub(super) subject: Option<Ident>,
    pub(super) serde: Vec<Path>,
}

pub(super) enum Shape<'i> {
    /// `Closed` and `Opened { owner: String }`: serde of the enum writes the content.
    Inline,
    /// `Opened(Opened)`: the payload is the content.
    Payload { ty: &'i Type, paren: Span },
    /// `Opened(String, u64)`, `Opened()`: refused.
    Positions { fields: &'i Fields },
}

impl<'i> Events<'i> {
    pub(super) fn read(cx: &Ctxt, input: &'i DeriveInput) -> Self {
        let mut subject = None;
        for attr in input.attrs.iter().filter(|attr| attr.path().is_ident(EVENT)) {
            match attr::subject_of_all(attr) {
                Some(ident) => subject = Some(ident),
                None => cx.error(attr.path(), "`#[event(…)]` says something about one event: move it to a variant"),
            }
        }
        let (keyword, variants) = match &input.data {
            Data::Enum(data) => (
                data.enum_token.span,
                data.variants.iter().map(|variant| Variant::read(cx, variant, &input.attrs, subject.as_ref())).collect(),
            ),
            Data::Struct(data) => (data.struct_token.span, Vec::new()),
            Data::Union(data) => (data.union_token.span, Vec::new()),
        };
        match &input.data {
            Data::Enum(_) => {}
            Data::Struct(_) => {
                let payload = format_args!(
                    "`#[derive(Event)]` goes on the enum that lists an aggregate's events; make `{}` the payload of one of its variants",
                    input.ident
                );
                cx.error_at(keyword, payload);
            }
            Data::Union(_) => cx.error_at(keyword, "`#[derive(Event)]` goes on the enum that lists an aggregate's events"),
        }
        Self {
            ident: &input.ident,
            generics: &input.generics,
            krate: krate::on_type(cx, &input.attrs),
            this: Owned::new(&input.ident, &input.generics),
            keyword,
            variants,
            serde: attr::serde(&input.attrs, attr::SERDE_ON_ENUM),
            data: &input.data,
        }
    }

    /// The payload types, each once, with the variants that carry it.
    pub(super) fn payloads(&self) -> Vec<Payload<'_, 'i>> {
        let mut payloads: Vec<Payload<'_, 'i>> = Vec::new();
        for variant in &self.variants {
            let Shape::Payload { ty, paren } = variant.shape else { continue };
            match payloads.iter_mut().find(|payload| ty::same(payload.ty, ty)) {
                Some(payload) => payload.variants.push(variant),
                None => payloads.push(Payload { ty, paren, variants: vec![variant] }),
            }
        }
        payloads
    }

    /// Whether every variant is told by the type of its payload.
    pub(super) fn is_told_by_payload(&self) -> bool {
        let payloads = self.payloads();
        !payloads.is_empty()
            && payloads.len() == self.variants.len()
            && payloads.iter().all(|payload| self.can_be_told(payload.ty))
    }

    /// Whether the type may have impls of its own: not for a parameter of the enum, nor where `Self` would become another type.
    pub(super) fn can_be_told(&self, ty: &Type) -> bool {
        let params = self.generics.params.iter();
        let mut types = params.filter_map(|param| if let GenericParam::Type(param) = param { Some(&param.ident) } else { None });
        let is_param = matches!(ty::ungroup(ty), Type::Path(path) if types.any(|param| path.path.is_ident(param)));
        !is_param && !ty::is_unit(ty) && !ty::mentions_self(ty)
    }

    /// Whether serde of the enum itself is in use.
    pub(super) fn has_inline(&self) -> bool {
        self.variants.iter().any(|variant| matches!(variant.shape, Shape::Inline))
    }
}

/// A payload type and the variants that carry it.
pub(super) struct Payload<'e, 'i> {
    pub(super) ty: &'i Type,
    pub(super) paren: Span,
    pub(super) variants: Vec<&'e Variant<'i>>,
}

impl<'i> Variant<'i> {
    fn read(cx: &Ctxt, variant: &'i syn::Variant, around: &[syn::Attribute], subject: Option<&Ident>) -> Self {
        let attrs = VariantAttrs::read(cx, &variant.attrs);
        for attr in variant.fields.iter().flat_map(|field| &field.attrs).filter(|attr| attr.path().is_ident(EVENT)) {
            cx.error(attr.path(), "`#[event(…)]` says something about one event: move it to the variant");
        }
        let ident = &variant.ident;
        let written = || Name { text: ident.unraw().to_string(), span: ident.span() };
        let shape = match &variant.fields {
            Fields::Unit | Fields::Named(_) => Shape::Inline,
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                Shape::Payload { ty: &fields.unnamed[0].ty, paren: fields.paren_token.span.open() }
            }
            fields @ Fields::Unnamed(_) => Shape::Positions { fields },
        };
        let (version, version_span) = attrs.version.unwrap_or((1, ident.span()));
        Self {
            ident,
            name: attrs.name.as_ref().map_or_else(written, Name::new),
            aliases: attrs.aliases.iter().map(Name::new).collect(),
            version,
            version_span,
            upcasters: attrs.upcasters.unwrap_or_default(),
            unreadable_upcasters: attrs.unreadable_upcasters,
            shape,
            fields: field::Fields::read(cx, &variant.fields, &[&variant.attrs, around]),
            subject: attrs.subject.clone().or_else(|| subject.cloned()),
            own_subject: attrs.subject,
            serde: attrs.serde,
        }
    }
}
