//! Whatever a method may look like: aliases, lifetimes that are not its own, patterns, and helpers between the handlers.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

type Recorded<T, E = &'static str> = Result<T, E>;
type Kept = Change;
type Nested = Decision<Change, Option<(u64, Vec<String>)>>;
type Eight<T> = (T, T, T, T, T, T, T, T);
type Asked = Ask;
type Here = Survey;
type Service = dyn crate::Limit;

/// What can happen.
#[derive(Event, Serialize, Deserialize)]
pub enum Change {
    /// With a borrowed or owned text.
    Noted {
        /// The text.
        text: Cow<'static, str>,
    },
}

macro_rules! commands {
    ($($name:ident)*) => { $(
        /// A request.
        #[derive(Command, Serialize, Deserialize)]
        pub struct $name {
            /// A number.
            pub n: u64,
        }
    )* };
}
commands! { Ask AskTwice AskAll AskBoxed AskNested AskLong AskNothing AskManyServices }

/// A state.
#[derive(Aggregate, Default)]
#[aggregate(name = "signatures", event = Change)]
pub struct Survey {
    /// What was noted.
    pub notes: Vec<String>,
}

fn noted(text: impl Into<Cow<'static, str>>) -> Change {
    Change::Noted { text: text.into() }
}

#[ego::handlers]
impl Here {
    #[handle]
    fn ask(&self, Ask { n }: Asked) -> Recorded<Kept> {
        Ok(noted(n.to_string()))
    }
    #[handle]
    fn ask_twice(&self, mut command: AskTwice) -> Result<Vec<Change>, Cow<'static, str>> {
        command.n += 1;
        Ok(vec![noted("twice"), noted(command.n.to_string())])
    }
    #[handle]
    #[rustfmt::skip]
    fn ask_all(&self, &AskAll { n }: &AskAll, limit: &Service) -> Result<Option<Vec<Change>>, Box<str>> {
        Ok((n < limit.most()).then(|| vec![noted(Self::longest("all", "one"))]))
    }
    #[handle]
    async fn ask_boxed(&self, command: AskBoxed, _: &(dyn crate::Limit + 'static)) -> Result<Change, std::io::Error> {
        let later: std::pin::Pin<Box<dyn Future<Output = u64> + Send>> = Box::pin(async move { command.n });
        Ok(noted(later.await.to_string()))
    }
    #[handle]
    fn ask_nested(&self, command: AskNested) -> Recorded<Nested, std::fmt::Error> {
        Ok(emit(vec![Some([(noted("a"), noted("b"))])]).and(()).and(noted("c")).reply(Some((command.n, self.notes.clone()))))
    }
    #[handle]
    fn ask_long(&self, _: AskLong) -> Result<Eight<Change>, &'static str> {
        let note = || noted("x");
        Ok((note(), note(), note(), note(), note(), note(), note(), note()))
    }
    #[handle]
    async fn ask_nothing(&self, _command: AskNothing) -> Result<(), std::convert::Infallible> {
        Ok(())
    }
    #[handle]
    async fn ask_many_services(
        &self,
        command: AskManyServices,
        first: &dyn crate::Limit,
        cx: &Context,
        second: &crate::UpTo,
        third: &(u8, String),
        fourth: &[u64],
        fifth: &str,
        sixth: &(dyn Fn(u64) -> u64 + Send + Sync),
    ) -> Result<Decision<Change, u64>, String> {
        let sum = first.most() + second.0 + u64::from(third.0) + fourth.iter().sum::<u64>() + sixth(command.n);
        Ok(emit(noted(format!("{fifth} {}", cx.id()))).reply(sum))
    }
    #[apply]
    fn apply(&mut self, event: &Kept) {
        let Change::Noted { text } = event;
        self.notes.push(text.clone().into_owned());
    }

    /// A helper with lifetimes and parameters of its own.
    #[must_use]
    pub fn longest<'a, T: AsRef<str> + ?Sized>(a: &'a T, b: &'a T) -> &'a str {
        if a.as_ref().len() < b.as_ref().len() { b.as_ref() } else { a.as_ref() }
    }

    /// Another, which is no handler although it looks like one.
    ///
    /// # Errors
    /// Never.
    pub async fn handle(&self, engine: &Engine) -> Result<usize, std::convert::Infallible> {
        std::future::ready(()).await;
        Ok(engine.active_aggregates() + self.notes.len())
    }
}

/// A view.
#[derive(Default, Serialize, Deserialize)]
pub struct Notes {
    /// What was noted, each with where from.
    pub notes: Vec<String>,
}

type There = Notes;
type About = Delivery;

#[ego::projection(name = "signatures.notes")]
impl There {
    #[on(Here, key = Self::first)]
    #[rustfmt::skip]
    async fn noted(
        &mut self,
        Change::Noted { text }: &Kept,
        first: &dyn crate::Limit,
        second: &crate::UpTo,
        delivery: &Delivery,
        third: &(u8, String),
        fourth: &[u64],
        fifth: &str,
        ego::message::Metadata { time, .. }: &ego::message::Metadata,
        sixth: &(dyn Fn(u64) -> u64 + Send + Sync),
    ) -> Recorded<Fold> {
        let later: std::pin::Pin<Box<dyn Future<Output = u64> + Send>> = Box::pin(async { sixth(1) });
        let sum = first.most() + second.0 + u64::from(third.0) + fourth.iter().sum::<u64>() + later.await;
        self.notes.push(format!("{text} {sum} {fifth} {} {time}", delivery.id()));
        Ok(Fold::Keep)
    }

    fn first(Change::Noted { text }: &Kept, delivery: &About) -> Vec<Option<String>> {
        vec![Some(text.clone().into_owned()), None, Some(delivery.id().to_owned())]
    }

    #[index]
    fn longest(&self) -> Option<&str> {
        self.notes.iter().map(String::as_str).max_by_key(|note| note.len())
    }
    #[index]
    fn lengths(&self) -> Vec<(u64, &'_ str)> {
        self.notes.iter().map(|note| (note.len() as u64, &**note)).collect()
    }
}

/// A reactor.
#[derive(Default)]
pub enum Reactor {
    /// The only one.
    #[default]
    Only,
}

#[ego::reactor(name = "signatures.reactor")]
impl Reactor {
    #[on(Survey)]
    fn noted(&self, _: &Change, limit: &Service) -> Recorded<(), Box<str>> {
        if limit.most() > 0 { Ok(()) } else { Err("no limit".into()) }
    }
}
