//! A block of handlers and appliers as we speak of it.

use super::attr::{self, BlockAttrs, Register, Role};
use crate::ctxt::Ctxt;
use crate::ty::ungroup;
use proc_macro2::Span;
use syn::{
    Attribute, FnArg, GenericParam, Ident, ImplItem, ImplItemFn, ItemImpl, PatType, Path, ReturnType, Signature, Type,
    TypeReference,
};

/// ```text
/// #[ego::handlers(crate = krate, register(…))]
/// impl Account { handlers, appliers, and whatever else }
/// ```
pub(super) struct Block<'i> {
    pub(super) krate: Path,
    pub(super) register: Option<Register>,
    pub(super) readable: bool,
    pub(super) item: &'i ItemImpl,
    pub(super) this: &'i Type,
    pub(super) handlers: Vec<Handler<'i>>,
    pub(super) appliers: Vec<Applier<'i>>,
    /// Every `handle` and `apply` in an attribute, as it is written.
    pub(super) marks: Vec<&'i Ident>,
}

/// ```text
/// #[handle] async fn withdraw(&self, cmd: Withdraw, context: &Context, fraud: &dyn Fraud) -> output
///                                    ^command       ^extras
/// ```
pub(super) struct Handler<'i> {
    pub(super) method: Method<'i>,
    pub(super) command: Option<Command<'i>>,
    pub(super) extras: Vec<(&'i PatType, Extra<'i>)>,
}

pub(super) struct Command<'i> {
    pub(super) ty: &'i Type,
    /// The reference, for a handler that takes `&Withdraw`.
    pub(super) reference: Option<&'i TypeReference>,
}

pub(super) enum Extra<'i> {
    Context,
    Service(&'i Type),
    /// Refused.
    Other,
}

/// ```text
/// #[apply] fn deposited(&mut self, e: &Deposited)
///                                      ^event
/// ```
pub(super) struct Applier<'i> {
    pub(super) method: Method<'i>,
    pub(super) event: Option<&'i Type>,
}

/// What both have.
pub(super) struct Method<'i> {
    pub(super) item: &'i ImplItemFn,
    pub(super) sig: &'i Signature,
    pub(super) cfgs: Vec<&'i Attribute>,
}

impl<'i> Block<'i> {
    pub(super) fn read(cx: &Ctxt, attrs: BlockAttrs, item: &'i ItemImpl) -> Self {
        let BlockAttrs { krate, register, readable } = attrs;
        let (mut handlers, mut appliers, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        for item in &item.items {
            let attrs = attributes(item);
            let Some(role) = attr::mark(cx, &krate, attrs) else { continue };
            marks.extend(attrs.iter().filter_map(|attr| attr::role(&krate, attr)).map(|(_, word)| word));
            match (item, role) {
                (ImplItem::Fn(item), Role::Handler) => handlers.push(Handler::read(item)),
                (ImplItem::Fn(item), Role::Applier) => appliers.push(Applier::read(item)),
                (_, Role::Handler) => cx.error(marks.last(), "`#[handle]` marks a method"),
                (_, Role::Applier) => cx.error(marks.last(), "`#[apply]` marks a method"),
            }
        }
        Self { krate, register, readable, item, this: ungroup(&item.self_ty), handlers, appliers, marks }
    }

    /// Whether there is more than one type that the block speaks about.
    pub(super) fn is_generic(&self) -> bool {
        self.item.generics.params.iter().any(|param| !matches!(param, GenericParam::Lifetime(_)))
    }
}

/// The attributes of an item in an impl block.
pub(super) fn attributes(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

impl<'i> Handler<'i> {
    fn read(item: &'i ImplItemFn) -> Self {
        let method = Method::new(item);
        let mut params = method.params();
        let command = params.next().map(|param| match ungroup(&param.ty) {
            Type::Reference(reference) => Command { ty: ungroup(&reference.elem), reference: Some(reference) },
            ty => Command { ty, reference: None },
        });
        let extras = params.map(|param| (param, Extra::read(&param.ty))).collect();
        Self { method, command, extras }
    }

    /// The written return type.
    pub(super) fn output(&self) -> Option<&'i Type> {
        match &self.method.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ungroup(ty)),
        }
    }
}

impl<'i> Extra<'i> {
    fn read(ty: &'i Type) -> Self {
        match ungroup(ty) {
            Type::Reference(TypeReference { mutability: None, lifetime: None, elem, .. }) => match bare(elem) {
                ty if is_context(ty) => Self::Context,
                ty => Self::Service(ty),
            },
            _ => Self::Other,
        }
    }
}

impl<'i> Applier<'i> {
    fn read(item: &'i ImplItemFn) -> Self {
        let method = Method::new(item);
        let event = method.params().next().and_then(|param| match ungroup(&param.ty) {
            Type::Reference(TypeReference { mutability: None, elem, .. }) => Some(bare(elem)),
            _ => None,
        });
        Self { method, event }
    }
}

impl<'i> Method<'i> {
    fn new(item: &'i ImplItemFn) -> Self {
        let cfgs = item.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect();
        Self { item, sig: &item.sig, cfgs }
    }

    /// The parameters behind the receiver.
    pub(super) fn params(&self) -> impl Iterator<Item = &'i PatType> + use<'i> {
        self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(param) => Some(param),
            FnArg::Receiver(_) => None,
        })
    }

    pub(super) fn keyword(&self) -> Span {
        self.sig.fn_token.span
    }
}

/// The type without groups and parentheses, as in `&(dyn Fraud + Send)`.
fn bare(ty: &Type) -> &Type {
    match ungroup(ty) {
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// The context is known by the last part of its path, which is all that a macro can see of a type.
pub(super) fn is_context(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Context" && last.arguments.is_none()))
}
