//! Every form of a handler.

use crate::support::{context, record};
use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Seen {
    One { n: u64 },
    Two,
}
use Seen::{One, Two};

macro_rules! commands {
    ($($name:ident)*) => { $(#[derive(Command, Serialize, Deserialize)] struct $name { n: u64 })* };
}
commands! { Whole Unit Several Optional Tuple Decided Aliased Borrowed WithContext WithServices Later Nested Fails Hidden }

#[derive(Command, Serialize, Deserialize)]
#[command(name = "either-way")]
enum Either {
    Left { n: u64 },
    Right,
}

type Outcome<T> = Result<T, String>;

struct Prices(u64);
trait Rates: Send + Sync {
    fn rate(&self) -> u64;
}
impl Rates for Prices {
    fn rate(&self) -> u64 {
        self.0 * 10
    }
}

#[derive(Aggregate, Default)]
#[aggregate(name = "forms", event = Seen)]
struct Forms;

#[ego::handlers]
impl Forms {
    const LIMIT: u64 = 100;

    #[apply]
    fn seen(&mut self, event: &Seen) {
        match event {
            One { .. } | Two => {}
        }
    }
    #[handle]
    fn whole(&self, command: Whole) -> Result<Seen, Infallible> {
        Ok(One { n: command.n })
    }
    #[ego::handle]
    fn unit(&self, _: Unit) -> Result<(), Infallible> {
        Ok(())
    }
    #[handle]
    fn several(&self, command: Several) -> Result<Vec<Seen>, Infallible> {
        Ok((0..command.n).map(|n| One { n }).collect())
    }
    #[handle]
    fn optional(&self, Optional { n }: Optional) -> Result<Option<Seen>, Infallible> {
        Ok((n > 0).then_some(Two))
    }
    #[handle]
    fn tuple(&self, _: Tuple) -> Result<(Seen, [Seen; 2]), Infallible> {
        Ok((Two, [Two, Two]))
    }
    #[handle]
    fn decided(&self, command: Decided) -> Result<Decision<Seen, String>, Infallible> {
        Ok(emit(Two).and(One { n: command.n }).reply("yes".to_owned()))
    }
    #[handle]
    fn aliased(&self, _: Aliased) -> Outcome<Seen> {
        Ok(Two)
    }
    #[handle]
    fn borrowed(&self, command: &Borrowed) -> Result<Seen, Infallible> {
        Ok(One { n: command.n })
    }
    #[handle]
    fn with_context(&self, _: WithContext, context: &Context) -> Result<Decision<Seen, String>, Infallible> {
        Ok(Decision::nothing().reply(context.stream().to_string()))
    }
    #[handle]
    fn with_services(
        &self,
        command: WithServices,
        rates: &(dyn Rates + 'static),
        cx: &Context,
        prices: &Prices,
    ) -> Result<Decision<Seen, u64>, Infallible> {
        let _ = cx.id();
        Ok(Decision::nothing().reply(command.n + prices.0 + rates.rate()))
    }
    #[handle]
    async fn later(&self, command: Later, prices: &Prices) -> Result<Decision<Seen, u64>, Infallible> {
        tokio::task::yield_now().await;
        Ok(emit(Two).reply(command.n * prices.0))
    }
    #[handle]
    pub(crate) fn handle(&self, _: Nested) -> Result<(), Infallible> {
        Self::record();
        Ok(())
    }
    #[handle]
    fn fails(&self, command: Fails) -> Result<(), String> {
        if command.n < Self::LIMIT { Err(format!("{} is too few", command.n)) } else { Ok(()) }
    }
    #[handle]
    fn either(&self, command: Either) -> Result<Seen, Infallible> {
        match command {
            Either::Left { n } => Ok(One { n }),
            Either::Right => Ok(Two),
        }
    }
    #[cfg(any())]
    #[handle]
    fn hidden(&self, command: Missing) -> Result<Gone, Gone> {
        gone()
    }
    #[cfg(not(any()))]
    #[handle]
    fn shown(&self, _: Hidden) -> Result<(), Infallible> {
        Ok(())
    }
    /// A helper is left alone, whatever its name.
    fn record() {}
}

#[tokio::test]
async fn every_return_form_is_recorded() {
    let (forms, context) = (Forms, context::<Forms, _>(Arc::new(Prices(3))));
    assert_eq!(record(Whole { n: 4 }, &forms, &context).await, Ok((vec![One { n: 4 }], ())));
    assert_eq!(record(Unit { n: 4 }, &forms, &context).await, Ok((vec![], ())));
    assert_eq!(record(Several { n: 2 }, &forms, &context).await, Ok((vec![One { n: 0 }, One { n: 1 }], ())));
    assert_eq!(record(Optional { n: 0 }, &forms, &context).await, Ok((vec![], ())));
    assert_eq!(record(Optional { n: 1 }, &forms, &context).await, Ok((vec![Two], ())));
    assert_eq!(record(Tuple { n: 1 }, &forms, &context).await, Ok((vec![Two, Two, Two], ())));
    assert_eq!(record(Decided { n: 1 }, &forms, &context).await, Ok((vec![Two, One { n: 1 }], "yes".to_owned())));
    assert_eq!(record(Aliased { n: 1 }, &forms, &context).await, Ok((vec![Two], ())));
    assert_eq!(record(Fails { n: 99 }, &forms, &context).await, Err("99 is too few".to_owned()));
    assert_eq!(record(Fails { n: 100 }, &forms, &context).await, Ok((vec![], ())));
}

#[tokio::test]
async fn every_parameter_form_arrives() {
    let mut services = ego::model::Services::new();
    services.insert::<Prices>(Arc::new(Prices(3)));
    services.insert::<dyn Rates>(Arc::new(Prices(4)));
    let (forms, context) = (Forms, crate::support::context_with::<Forms>(services));
    assert_eq!(record(Borrowed { n: 4 }, &forms, &context).await, Ok((vec![One { n: 4 }], ())));
    assert_eq!(record(WithContext { n: 4 }, &forms, &context).await, Ok((vec![], "forms/one".to_owned())));
    assert_eq!(record(WithServices { n: 2 }, &forms, &context).await, Ok((vec![], 45)));
    assert_eq!(record(Later { n: 2 }, &forms, &context).await, Ok((vec![Two], 6)));
    assert_eq!(record(Nested { n: 2 }, &forms, &context).await, Ok((vec![], ())));
    assert_eq!(record(Hidden { n: 2 }, &forms, &context).await, Ok((vec![], ())));
    assert_eq!(record(Either::Left { n: 5 }, &forms, &context).await, Ok((vec![One { n: 5 }], ())));
    assert_eq!(record(Either::Right, &forms, &context).await, Ok((vec![Two], ())));
    assert_eq!(<Either as Command>::NAME, "either-way");
}
