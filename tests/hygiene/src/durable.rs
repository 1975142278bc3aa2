//! Durable aggregates where nothing is in scope, names are taken, types have parameters, and a `macro_rules!` writes the domain.
#![no_implicit_prelude]

use ::core::convert::Infallible;
use ::ego::model::Context;

/// Names that generated code could mean by mistake.
pub mod taken {
    /// Not serde's.
    pub trait Clone {}
    /// Not ego's.
    #[derive(Debug)]
    pub struct Saved;
    /// Not the standard library's.
    #[derive(Debug)]
    pub struct Option;
}
#[allow(unused_imports)]
use taken::{Clone, Option, Saved};

/// Puts something on a tray.
#[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
pub struct Put(pub u64);

/// Looks at a tray.
#[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
pub struct Look;

/// A tray, which had another shape twice.
#[derive(
    ::ego::Aggregate,
    ::core::default::Default,
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::serde::Serialize,
    ::serde::Deserialize,
)]
#[aggregate(name = "durable.tray", durable, version = 3, upcast(1 => doubled, 2 => named))]
pub struct Tray {
    /// How much is on it.
    pub amount: u64,
    /// What for.
    pub copy: ::std::string::String,
}

#[allow(clippy::unnecessary_wraps, reason = "both forms of an upcaster are to be expanded here")]
fn doubled(amount: u64) -> ::core::result::Result<(u64,), Infallible> {
    ::core::result::Result::Ok((amount * 2,))
}

fn named((amount,): (u64,)) -> Tray {
    Tray { amount, copy: ::std::borrow::ToOwned::to_owned("old") }
}

#[::ego::handlers]
impl Tray {
    #[handle]
    async fn put(
        &mut self,
        command: &Put,
        limit: &dyn crate::Limit,
        context: &Context,
    ) -> ::core::result::Result<u64, ::std::string::String> {
        ::core::future::ready(()).await;
        ::std::borrow::ToOwned::clone_into(context.id(), &mut self.copy);
        self.amount = ::core::cmp::Ord::min(limit.most(), self.amount + command.0);
        ::core::result::Result::Ok(self.amount)
    }
}

#[::ego::handlers(durable)]
impl Tray {
    #[handle]
    fn look(&self, _: Look) -> ::core::result::Result<u64, Infallible> {
        ::core::result::Result::Ok(self.amount)
    }
}

/// What a pile is made of.
pub trait Stuff: ::core::default::Default + ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static {
    /// The kind of its piles.
    const PILE: &'static str;
}

/// Paper.
#[derive(::core::default::Default, ::core::clone::Clone, ::core::fmt::Debug)]
pub struct Paper;

impl Stuff for Paper {
    const PILE: &'static str = "durable.pile.paper";
}

macro_rules! pile {
    ($vis:vis $state:ident < $param:ident : $bound:ident > as $kind:expr, $version:expr, $upcast:path, $reply:ty) => {
        /// A pile.
        #[derive(
            ::ego::Aggregate,
            ::core::default::Default,
            ::core::clone::Clone,
            ::core::fmt::Debug,
            ::serde::Serialize,
            ::serde::Deserialize,
        )]
        #[aggregate(name = $kind, durable, version = $version, upcast(1 => $upcast))]
        #[serde(bound = "")]
        $vis struct $state<$param: $bound> {
            /// How high it is.
            pub height: u64,
            #[serde(skip)]
            stuff: ::core::marker::PhantomData<$param>,
        }

        #[::ego::handlers(register($state<Paper>))]
        impl<$param: $bound> $state<$param> {
            #[handle]
            fn put(&mut self, command: Put) -> ::core::result::Result<$reply, Infallible> {
                self.height += command.0;
                ::core::result::Result::Ok(self.height)
            }
            #[handle]
            fn look(&self, _: &Look) -> ::core::result::Result<$reply, Infallible> {
                ::core::result::Result::Ok(self.height)
            }
        }
    };
}

fn pile_of<S: Stuff>(height: u64) -> Pile<S> {
    Pile { height, stuff: ::core::marker::PhantomData }
}

pile!(pub Pile<S: Stuff> as S::PILE, 2, pile_of, u64);

::ego::register!(Pile<Paper>);
