//! Fields that are personal, on whatever has named fields: an event, a payload, a state, a view.

use crate::ctxt::Ctxt;
use crate::hygiene::{at, code, krate_at};
use crate::options::{self, Once};
use crate::symbol::{PERSONAL, PERSONAL_FIELD_OPTIONS};
use crate::ty;
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, Field, Ident, Lit, Meta, Path, Token, Type};

/// What is written with named fields.
pub(crate) struct Fields<'i> {
    pub(crate) fields: Vec<Personal<'i>>,
    /// Serde's options on all of it that change how fields are named or written.
    serde: Vec<Path>,
}

/// One of them.
pub(crate) struct Personal<'i> {
    ident: &'i Ident,
    ty: &'i Type,
    /// As serde writes it.
    name: String,
    /// `#[personal]`, and what stands in its place when it is forgotten.
    personal: Option<(Path, Option<Expr>)>,
    /// Whether serde may leave it out.
    optional: bool,
    /// Serde's options that change what is written of it.
    serde: Vec<Path>,
}

const SERDE_ON_FIELD: &[&str] = &["flatten", "skip", "skip_serializing", "with", "serialize_with", "getter"];
const SERDE_ON_ALL: &[&str] = &["rename_all", "rename_all_fields", "into", "transparent", "remote"];

impl<'i> Fields<'i> {
    /// `around` are the attributes of the struct, or of the variant and its enum.
    pub(crate) fn read(cx: &Ctxt, fields: impl IntoIterator<Item = &'i Field>, around: &[&[Attribute]]) -> Self {
        let fields = fields.into_iter().filter_map(|field| Personal::read(cx, field)).collect();
        let serde = around.iter().flat_map(|attrs| serde(attrs)).map(|option| option.path().clone());
        Self { fields, serde: serde.filter(|path| is_one_of(path, SERDE_ON_ALL)).collect() }
    }

    /// Where it is said that something is personal.
    pub(crate) fn first_mark(&self) -> Option<&Path> {
        self.fields.iter().find_map(|field| field.personal.as_ref()).map(|(mark, _)| mark)
    }

    /// The rules, when something is personal: serde writes the fields as they are named · the subject is one of them, and not personal
    /// itself.
    pub(crate) fn check(&self, cx: &Ctxt, subject: Option<&Ident>) {
        if self.first_mark().is_none() {
            if let Some(subject) = subject {
                self.subject(cx, subject);
            }
            return;
        }
        for option in &self.serde {
            cx.error(
                option,
                "personal fields are found by their names: rename the fields one by one, with `#[serde(rename = \"…\")]`",
            );
        }
        for field in self.fields.iter().filter(|field| field.personal.is_some()) {
            for option in &field.serde {
                cx.error(
                    option,
                    "a personal field is written under its own name and as its type writes it: give it a type of its own",
                );
            }
        }
        if let Some(subject) = subject {
            self.subject(cx, subject);
        }
    }

    fn subject(&self, cx: &Ctxt, subject: &Ident) {
        match self.fields.iter().find(|field| field.ident == subject) {
            None => {
                let known: Vec<_> = self.fields.iter().map(|field| format!("`{}`", field.ident.unraw())).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                cx.error(subject, format_args!("there is no field `{subject}` (fields: {known})"));
            }
            Some(field) if field.personal.is_some() => {
                cx.error(
                    subject,
                    "the subject names whose key is to be used, so it cannot be sealed with it: use an id that says nothing",
                );
            }
            Some(field) if !field.serde.is_empty() => {
                cx.error(&field.serde[0], "the subject is written under its own name and as its type writes it");
            }
            Some(_) => {}
        }
    }

    /// Whether any of them may hold something personal.
    pub(crate) fn may_be_personal(&self) -> bool {
        self.fields.iter().any(|field| field.personal.is_some() || !is_plain(field.ty))
    }

    /// `Shape::Fields { subject: Some("owner_id"), fields: &[Field::personal("name", false, || redacted::<String>("nobody".into()))] }`,
    /// with `Silent` in scope.
    pub(crate) fn shape(&self, krate: &Path, subject: Option<&Ident>) -> TokenStream {
        let subject = match subject.and_then(|subject| self.fields.iter().find(|field| field.ident == subject)) {
            Some(field) => {
                let name = &field.name;
                code!(::core::option::Option::Some(#name))
            }
            None => code!(::core::option::Option::None),
        };
        let fields = self.fields.iter().filter_map(|field| field.expand(krate));
        code!(#krate::__private::Shape::Fields { subject: #subject, fields: &[#(#fields),*] })
    }
}

impl<'i> Personal<'i> {
    fn read(cx: &Ctxt, field: &'i Field) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let mut personal: Option<(Path, Option<Expr>)> = None;
        for attr in field.attrs.iter().filter(|attr| attr.path().is_ident(PERSONAL)) {
            let mut redacted = Once::default();
            if !matches!(attr.meta, Meta::Path(_)) {
                options::on_item(cx, attr, PERSONAL_FIELD_OPTIONS, |key, meta| {
                    redacted.set(meta, key, options::value(meta, "redacted = \"…\"")?.parse()?)
                });
            }
            if personal.is_some() {
                cx.error(attr.path(), "`#[personal]` stands here twice: keep one");
            }
            personal = Some((attr.path().clone(), redacted.get()));
        }
        let options = serde(&field.attrs);
        let mut name = ident.unraw().to_string();
        for option in &options {
            match option {
                Meta::NameValue(rename) if rename.path.is_ident("rename") => {
                    if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &rename.value {
                        name = text.value();
                    }
                }
                Meta::List(rename) if rename.path.is_ident("rename") && personal.is_some() => {
                    cx.error(rename, "a personal field has one name: write `#[serde(rename = \"…\")]`");
                }
                _ => {}
            }
        }
        Some(Self {
            ident,
            ty: &field.ty,
            name,
            personal,
            optional: options.iter().any(|option| option.path().is_ident("skip_serializing_if")),
            serde: options.iter().map(Meta::path).filter(|path| is_one_of(path, SERDE_ON_FIELD)).cloned().collect(),
        })
    }

    fn expand(&self, krate: &Path) -> Option<TokenStream> {
        let (name, ty, optional) = (&self.name, self.ty, self.optional);
        let place = at(ty.span());
        let near = krate_at(krate, ty.span());
        let Some((_, redacted)) = &self.personal else {
            let shape = quote_spanned!(place=> #near::__private::Ask::<#ty>::shape);
            return (!is_plain(ty)).then(|| code!(#krate::__private::Field::other(#name, #shape)));
        };
        let redacted = match redacted {
            None => quote_spanned!(place=> ::core::default::Default::default()),
            Some(text @ Expr::Lit(ExprLit { lit: Lit::Str(_), .. })) => {
                quote_spanned!(at(text.span())=> ::core::convert::From::from(#text))
            }
            Some(other) => code!(#other),
        };
        let redacted = quote_spanned!(place=> #near::__private::redacted::<#ty>(#redacted));
        Some(code!(#krate::__private::Field::personal(#name, #optional, || #redacted)))
    }
}

/// Serde's options among the attributes. What is no attribute of serde's is left to serde.
fn serde(attrs: &[Attribute]) -> Vec<Meta> {
    let lists = attrs.iter().filter(|attr| attr.path().is_ident("serde"));
    lists.filter_map(|attr| attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()).flatten().collect()
}

fn is_one_of(path: &Path, options: &[&str]) -> bool {
    options.iter().any(|option| path.is_ident(option))
}

/// A type that is known to say nothing of what is personal in it: it need not be asked.
fn is_plain(ty: &Type) -> bool {
    const PLAIN: &[&str] = &[
        "String",
        "bool",
        "char",
        "f32",
        "f64",
        "i8",
        "i16",
        "i32",
        "i64",
        "i128",
        "isize",
        "u8",
        "u16",
        "u32",
        "u64",
        "u128",
        "usize",
        "Uuid",
        "Timestamp",
    ];
    match ty::ungroup(ty) {
        Type::Path(path) if path.qself.is_none() => {
            path.path.get_ident().is_some_and(|ident| PLAIN.iter().any(|plain| ident == plain))
        }
        _ => false,
    }
}
