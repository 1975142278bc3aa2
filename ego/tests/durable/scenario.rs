//! Given, when, then, without an engine.

use crate::cart::*;
use ego::message::Revision;
use std::sync::Arc;

#[tokio::test]
async fn a_state_is_given_and_left() {
    ego::test::<Cart>()
        .when(add("tea"))
        .await
        .then_reply(1)
        .then_state(Cart::of([("tea", 1)]))
        .and()
        .when(Add { item: "milk".into(), count: 2 })
        .await
        .then_reply(3)
        .then_state(Cart::of([("tea", 1), ("milk", 2)]))
        .and()
        .when(Remove { item: "salt".into() })
        .await
        .then_rejected(CartError::Missing("salt".into()))
        .then_state(Cart::of([("tea", 1), ("milk", 2)]));
}

#[tokio::test]
async fn a_refusal_leaves_the_state_that_was_given() {
    let cart = Cart::of([("tea", 1)]);
    let then = ego::test::<Cart>().given_state(cart.clone()).when(Spoil { panics: false }).await;
    then.then_rejected(CartError::Paid).then_state(&cart);
}

#[tokio::test]
async fn what_changes_nothing_saves_nothing() {
    let paid = Cart { paid: true, ..Cart::of([("tea", 1)]) };
    let then = ego::test::<Cart>().given_state(paid.clone()).when(Pay).await.then_nothing().then_state(&paid);
    then.and().when(Count).await.then_nothing().then_reply(1);
    let then = ego::test::<Cart>().given_state(Cart::of([("tea", 1)])).when(Pay).await;
    assert_eq!(then.events().len(), 1);
    then.then_state(paid).and().when(LookAt).await.then_nothing().then_reply(1);
}

#[tokio::test]
async fn handlers_are_told_the_revision_of_the_state() {
    let signal = Signal::new();
    signal.permits.add_permits(3);
    let given = || ego::test::<Cart>().service::<Signal>(Arc::clone(&signal));
    let slowly = || AddSlowly { item: "tea".into() };
    given().when(slowly()).await.then_reply(0);
    given().given_state(Cart::default()).when(slowly()).await.then_reply(1);
    given().given_state(Cart::default()).at_revision(Revision::new(7).unwrap()).when(slowly()).await.then_reply(7);
}
