//! Projections and reactors: what they are called, and that each event, key and index goes where it should.

use ego::__private::{ProjectionDescriptor, ReactorDescriptor, inventory};
use ego::message::{CommandId, Metadata, Position, Revision, StreamId};
use ego::model::{Aggregate, Audience, Delivery, Failure, Fold, IndexValue, Mode, On, Projection, Reactor, Reacts, Services};
use hygiene::{Limit, UpTo};
use std::fmt::Debug;
use std::sync::Arc;

fn delivery() -> Delivery {
    let upwards: Arc<dyn Fn(u64) -> u64 + Send + Sync> = Arc::new(|n| n + 1);
    let mut services = Services::new();
    services.insert::<dyn Limit>(Arc::new(UpTo(100)));
    services.insert::<UpTo>(Arc::new(UpTo(20)));
    services.insert::<(u8, String)>(Arc::new((3, String::new())));
    services.insert::<[u64]>(Arc::from([1, 2]));
    services.insert::<str>(Arc::from("by"));
    services.insert::<dyn Fn(u64) -> u64 + Send + Sync>(upwards);
    services.insert::<hygiene::raw::r#dyn>(Arc::new(hygiene::raw::r#dyn));
    services.insert::<dyn hygiene::generic::Rounds<u64>>(Arc::new(hygiene::generic::Exact));
    services.insert::<hygiene_renamed::by_name::Limit>(Arc::new(hygiene_renamed::by_name::Limit(3)));
    services.insert::<hygiene_renamed::by_facade::Limit>(Arc::new(hygiene_renamed::by_facade::Limit(3)));
    let metadata = Metadata::new(CommandId::new("one").unwrap(), "Test", "2026-03-01T00:00:00Z".parse().unwrap());
    let stream = StreamId::new("kind", "one").unwrap();
    Delivery::new(stream, Revision::FIRST, Position::new(1).unwrap(), Arc::new(metadata), Arc::new(services))
}

async fn fold<A: Aggregate, P: On<A>>(view: &mut P, event: A::Event) -> Result<Fold, Failure> {
    view.on(&event, &delivery()).await
}

async fn react<A: Aggregate, R: Reacts<A>>(reactor: &R, event: A::Event) -> Result<(), Failure> {
    reactor.react(&event, &delivery()).await
}

fn keys<A: Aggregate, P: On<A>>(event: A::Event) -> Vec<String> {
    P::keys(&event, &delivery()).to_vec()
}

fn indexed<P: Projection>(view: &P) -> Vec<(&'static str, Vec<IndexValue>)> {
    let values = |index| {
        let mut values = Vec::new();
        view.indexed(index, &mut values);
        values
    };
    P::INDEXES.iter().enumerate().map(|(index, name)| (*name, values(index))).collect()
}

macro_rules! values {
    ($($value:expr),*) => { vec![$(IndexValue::of(&$value)),*] };
}

#[tokio::test]
async fn without_a_prelude() {
    use hygiene::no_prelude::*;
    let mut view = View::default();
    assert_eq!(fold::<Account, _>(&mut view, AccountEvent::Opened { owner: "Ann".into() }).await, Ok(Fold::Keep));
    let deposited = |cents| AccountEvent::Deposited(Deposited { cents, purpose: String::new() });
    assert_eq!(fold::<Account, _>(&mut view, deposited(105)).await, Ok(Fold::Keep));
    assert_eq!(view, View { owner: "Ann".into(), cents: 5 });
    assert_eq!(indexed(&view), [("owner", values!["Ann"]), ("cents", values![(5, true)])]);
    assert_eq!(fold::<Account, _>(&mut view, AccountEvent::Closed).await, Ok(Fold::Remove));
    let filled = PurseEvent::Filled(Deposited { cents: 1, purpose: String::new() });
    assert_eq!(keys::<Purse<Eur>, View>(filled), ["one"]);
    assert_eq!(keys::<Purse<Eur>, View>(PurseEvent::Emptied(Emptied)), [""; 0]);
    assert_eq!((View::VERSION, View::MODE), (2, Mode::Async));

    assert_eq!(react::<Account, _>(&Reactor, AccountEvent::Closed).await, Ok(()));
    assert_eq!(react::<Purse<Eur>, _>(&Reactor, PurseEvent::Emptied(Emptied)).await, Ok(()));
    assert_eq!(<Reactor as ego::model::Reactor>::AUDIENCE, Audience::Observer);
}

macro_rules! shadowed {
    ($($test:ident: $module:ident;)*) => { $(
        #[tokio::test]
        async fn $test() {
            use hygiene::$module::{Account, AccountEvent, Deposited, Purse, PurseEvent, Reactor, View};
            let mut view = View { cents: 0 };
            fold::<Account, _>(&mut view, AccountEvent::Deposited(Deposited(105))).await.unwrap();
            assert_eq!(indexed(&view), [("cents", values![100])]);
            fold::<Purse<7>, _>(&mut view, PurseEvent::Filled(Deposited(5))).await.unwrap();
            assert_eq!(indexed(&view), [("cents", values![5])]);
            assert_eq!(keys::<Purse<7>, View>(PurseEvent::Filled(Deposited(5))), ["5"]);
            assert_eq!(keys::<Account, View>(AccountEvent::Deposited(Deposited(5))), ["one"]);
            assert_eq!(react::<Account, _>(&Reactor, AccountEvent::Deposited(Deposited(5))).await, Ok(()));
            assert_eq!(<Reactor as ::ego::model::Reactor>::AUDIENCE, Audience::Ephemeral);
        }
    )* };
}
shadowed! {
    with_shadowed_types_and_traits: shadowed_types;
    with_shadowed_modules: shadowed_modules;
    with_shadowed_macros: shadowed_macros;
}

macro_rules! another_name_for_ego {
    ($($test:ident: $module:ident;)*) => { $(
        #[tokio::test]
        async fn $test() {
            use hygiene_renamed::$module::*;
            let mut view = View::default();
            fold::<Account, _>(&mut view, Change::Deposited(Deposited(5))).await.unwrap();
            assert_eq!(view, View { cents: 3 });
            assert_eq!(indexed(&view), [("cents", values![3])]);
            assert_eq!(keys::<Purse<7>, View>(Filling::Filled(Deposited(5))), ["5"]);
            assert_eq!(react::<Account, _>(&Reactor, Change::Deposited(Deposited(5))).await, Ok(()));
        }
    )* };
}
another_name_for_ego! {
    renamed_in_the_manifest: by_name;
    behind_a_facade: by_facade;
}

#[tokio::test]
async fn raw_names_stand_without_their_prefix() {
    use hygiene::raw::*;
    let mut view = r#impl::default();
    fold::<r#struct, _>(&mut view, r#enum::r#fn { r#type: 4 }).await.unwrap();
    assert_eq!(indexed(&view), [("type", values![4])]);
    assert_eq!(keys::<r#priv<r#virtual>, r#impl>(r#union::r#abstract(r#loop { r#in: 4 })), ["4"]);
    assert_eq!((r#impl::NAME, r#impl::VERSION, r#impl::MODE), ("raw.view", 3, Mode::Async));
    assert_eq!(react::<r#struct, _>(&r#static, r#enum::r#match).await, Ok(()));
}

#[tokio::test]
async fn written_by_a_macro() {
    use hygiene::by_macro::*;
    let mut view = Totals::default();
    fold::<Counter, _>(&mut view, CounterEvent::Counted(Counted(4))).await.unwrap();
    assert_eq!(view, Totals { total: 4 });
    assert_eq!(indexed(&view), [("total", values![4])]);
    assert_eq!(keys::<Tally<Apple>, Totals>(CounterEvent::Counted(Counted(4))), ["all", "every"]);
    assert_eq!((Totals::NAME, Totals::VERSION), ("by_macro.totals", 2));
    assert_eq!((<Reactor as ego::model::Reactor>::NAME, Reactor::AUDIENCE), ("by_macro.reactor", Audience::Observer));
}

#[tokio::test]
async fn with_the_names_of_generated_code() {
    use hygiene::same_names::*;
    let mut view = hygiene::same_names::Projection::default();
    fold::<Aggregates, _>(&mut view, Events::Events(PARTS(3))).await.unwrap();
    assert_eq!(indexed(&view), [("values", values![3]), ("all", vec![])]);
    fold::<Registers<u8, 1>, _>(&mut view, Payloads::Form(PARTS(3))).await.unwrap();
    assert_eq!(view.view, 1);
    assert_eq!(keys::<Registers<u8, 1>, hygiene::same_names::Projection>(Payloads::Form(PARTS(3))), ["3"]);
    assert_eq!(react::<Aggregates, _>(&hygiene::same_names::Reactor, Events::Self_).await, Ok(()));
}

#[tokio::test]
async fn attributes_on_everything() {
    use hygiene::conditional::*;
    let mut view = View::default();
    assert_eq!(fold::<State, _>(&mut view, Change::Present { many: 4 }).await, Ok(Fold::Keep));
    let failure = fold::<State, _>(&mut view, Change::Present { many: 7 }).await;
    assert_eq!(failure, Err(Failure::new("11 is too many")));
    assert_eq!(indexed(&view), [("many", values![11])]);
    assert_eq!((View::MODE, <View as ego::__private::Sources>::SOURCES.len()), (Mode::Inline, 1));
}

#[tokio::test]
async fn signatures() {
    use hygiene::signatures::*;
    let noted = || Change::Noted { text: "note".into() };
    let mut view = Notes::default();
    fold::<Survey, _>(&mut view, noted()).await.unwrap();
    // 100 + 20 + 3 + (1 + 2) + (1 + 1): each service by its own type.
    let note = "note 128 by one 2026-03-01T00:00:00Z";
    assert_eq!(view.notes, [note]);
    assert_eq!(indexed(&view), [("longest", values![note]), ("lengths", values![(note.len() as u64, note)])]);
    assert_eq!(keys::<Survey, Notes>(noted()), ["note", "one"]);
    assert_eq!(react::<Survey, _>(&hygiene::signatures::Reactor::Only, noted()).await, Ok(()));
}

#[tokio::test]
async fn instances_of_generic_types() {
    use hygiene::generic::*;
    let mut view = Filled::<u64, 3>::default();
    fold::<Wallet<Usd, u64, 3>, _>(&mut view, WalletEvent::Filled { by: 5 }).await.unwrap();
    assert_eq!(indexed(&view), [("by", values![5])]);
    assert_eq!(keys::<Wallet<Eur, i8, 1>, Filled<u64, 3>>(WalletEvent::Emptied), ["emptied"]);
}

#[test]
fn what_nobody_can_name_is_registered() {
    fn count<D: Debug + inventory::Collect>(name: &str) -> usize {
        let name = format!("name: {name:?}");
        inventory::iter::<D>.into_iter().filter(|descriptor| format!("{descriptor:?}").contains(&name)).count()
    }
    assert_eq!(hygiene::hidden::in_a_function(), "hidden.function");
    for name in ["hidden.private.view", "hidden.restricted.view", "hidden.function.view"] {
        assert_eq!(count::<ProjectionDescriptor>(name), 1, "{name}");
    }
    assert_eq!(count::<ReactorDescriptor>("hidden.private.reactor"), 1);
    assert_eq!(count::<ProjectionDescriptor>("conditional.absent"), 0);
}
