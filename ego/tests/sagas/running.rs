//! What a saga comes to.

use crate::domain::*;
use crate::support::*;
use ego::prelude::*;
use ego::saga::{InputRef, Phase, SagaEvent, SagaRefusal, Status};
use ego::store::MemoryStore;

#[tokio::test]
async fn a_transfer_moves_the_money() {
    let engine = bank(MemoryStore::new(), &House::new(), quick()).await;
    ask(&engine, "t-1", 250).await;
    let status = settled(&engine, "t-1").await;
    assert_eq!((status.status(), status.parked.clone()), (Status::Completed, None));
    assert_eq!(balances(&engine).await, (750, 750));
    idle(&engine).await;
    let status = engine.saga::<Transfer>("t-1").status().await.unwrap().unwrap();
    assert!(status.outstanding.is_empty() && status.timeouts.is_empty() && status.is_ended(), "{status:?}");
    let state = engine.saga::<Transfer>("t-1").state().await.unwrap().unwrap();
    assert_eq!(state, Transfer { from: "a".into(), to: "b".into(), amount: 250, withdrawn: true });
}

#[tokio::test]
async fn its_history_says_what_it_was_given_and_what_it_did() {
    let engine = bank(MemoryStore::new(), &House::new(), quick()).await;
    ask(&engine, "t-1", 250).await;
    settled(&engine, "t-1").await;
    idle(&engine).await;
    let history = engine.saga::<Transfer>("t-1").history().unwrap().collect().await.unwrap();
    let handled: Vec<_> = history
        .iter()
        .flat_map(|one| &one.events)
        .filter_map(|event| match event {
            SagaEvent::Handled { input: InputRef::Event { stream, name, .. }, commands, phase, .. } => {
                let sent: Vec<_> = commands.iter().map(|one| format!("{} to {}/{}", one.command, one.kind, one.id)).collect();
                Some((format!("{name} of {stream}"), sent, phase.clone()))
            }
            _ => None,
        })
        .collect();
    let expected = [
        ("Requested of request/t-1".to_owned(), vec!["Withdraw to account/a".to_owned()], Phase::Running),
        ("Withdrawn of account/a".to_owned(), vec!["Deposit to account/b".to_owned()], Phase::Running),
        ("Deposited of account/b".to_owned(), vec![], Phase::Completed),
    ];
    assert_eq!(handled, expected);
    let answered = history.iter().flat_map(|one| &one.events).filter(|event| matches!(event, SagaEvent::Answered { .. })).count();
    assert_eq!((history.len(), answered), (5, 2));
}

#[tokio::test]
async fn what_it_sends_belongs_to_the_conversation_and_is_caused_by_the_input() {
    let engine = bank(MemoryStore::new(), &House::new(), quick()).await;
    let draft = ego::message::MetadataDraft::new().correlation_id("conversation").actor("ann");
    let ask = Ask { from: "a".into(), to: "b".into(), amount: 250 };
    engine.send::<Request>("t-1", ask).command_id("c-1").metadata(draft).await.unwrap();
    settled(&engine, "t-1").await;
    let last = engine.history::<Account>("b").unwrap().collect().await.unwrap().pop().unwrap().metadata;
    assert_eq!(last.correlation_id.as_str(), "conversation");
    assert_eq!(last.actor.as_ref().unwrap().as_str(), "ann");
    let withdrawn = engine.history::<Account>("a").unwrap().collect().await.unwrap().pop().unwrap();
    let history = engine.saga::<Transfer>("t-1").history().unwrap().collect().await.unwrap();
    let deposits = history.iter().filter(|one| {
        one.events.iter().any(
            |event| matches!(event, SagaEvent::Handled { commands, .. } if commands.iter().any(|one| one.command == "Deposit")),
        )
    });
    let revision = deposits.map(|one| one.revision).next().unwrap();
    assert_eq!(last.command_id.as_str(), format!("saga.transfer/t-1@{revision}.0"));
    assert_eq!(last.causation_id.as_ref().unwrap().as_str(), format!("event/{}.0", withdrawn.position));
}

#[tokio::test]
async fn a_refused_command_ends_it_with_nothing_to_compensate() {
    let engine = bank(MemoryStore::new(), &House::new(), quick()).await;
    ask(&engine, "t-1", 5000).await;
    let status = settled(&engine, "t-1").await;
    assert_eq!((status.status(), status.reason()), (Status::Failed, Some("the balance is 1000")));
    assert_eq!(balances(&engine).await, (1000, 500));
}

#[tokio::test]
async fn a_refusal_on_the_way_is_compensated() {
    let house = House::new();
    let engine = bank(MemoryStore::new(), &house, quick()).await;
    house.set("b", Some(Door::Closed));
    ask(&engine, "t-1", 250).await;
    let status = settled(&engine, "t-1").await;
    assert_eq!((status.status(), status.reason()), (Status::Failed, Some("the account is closed")));
    assert_eq!(balances(&engine).await, (1000, 500));
    let history = engine.history::<Account>("a").unwrap().collect().await.unwrap();
    assert_eq!(history.len(), 3, "opened, withdrawn, given back");
}

#[tokio::test]
async fn a_command_that_was_refused_does_not_take_effect_later() {
    let house = House::new();
    let engine = bank(MemoryStore::new(), &house, quick()).await;
    ask(&engine, "t-1", 5000).await;
    settled(&engine, "t-1").await;
    engine.send::<Account>("a", Deposit { amount: 9000 }).await.unwrap();
    let again = engine.send::<Account>("a", Withdraw { amount: 5000 }).command_id("saga.transfer/t-1@1.0").await;
    assert!(matches!(again, Err(CommandError::CommandIdReused { .. })), "{again:?}");
}

#[tokio::test]
async fn an_event_that_changes_nothing_starts_nothing() {
    let engine = bank(MemoryStore::new(), &House::new(), quick()).await;
    engine.send::<Request>("t-1", Note {}).await.unwrap();
    idle(&engine).await;
    assert_eq!(engine.saga::<Transfer>("t-1").status().await.unwrap(), None);
    assert!(engine.sagas::<Transfer>().page().await.unwrap().items.is_empty());
    let streams = ego::store::Store::list_streams(engine.store(), Some("saga.transfer"), None, 10).await.unwrap();
    assert_eq!(streams.items, [], "not even a commit of nothing");
    let retried = engine.saga::<Transfer>("t-1").retry().await;
    assert!(matches!(retried, Err(CommandError::Rejected(SagaRefusal::NotStarted))), "{retried:?}");
}

#[tokio::test]
async fn events_of_others_are_none_of_its_business() {
    let engine = bank(MemoryStore::new(), &House::new(), quick()).await;
    ask(&engine, "t-1", 250).await;
    settled(&engine, "t-1").await;
    engine.send::<Account>("a", Withdraw { amount: 250 }).await.unwrap();
    ask(&engine, "t-2", 100).await;
    settled(&engine, "t-2").await;
    idle(&engine).await;
    for id in ["t-1", "t-2"] {
        assert_eq!(engine.saga::<Transfer>(id).history().unwrap().collect().await.unwrap().len(), 5, "{id}");
    }
    assert_eq!(balances(&engine).await, (400, 850));
}

#[tokio::test]
async fn instances_are_listed_by_status_and_by_page() {
    let house = House::new();
    let engine = bank(MemoryStore::new(), &house, quick()).await;
    for (index, amount) in [10, 5000, 20, 30, 6000].into_iter().enumerate() {
        ask(&engine, &format!("t-{index}"), amount).await;
    }
    for index in 0..5 {
        settled(&engine, &format!("t-{index}")).await;
    }
    let of = async |status| {
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let mut list = engine.sagas::<Transfer>().status(status).limit(2);
            if let Some(cursor) = cursor {
                list = list.at(cursor);
            }
            let page = list.page().await.unwrap();
            ids.extend(page.items.into_iter().map(|(id, found)| {
                assert_eq!(found.status(), status);
                id
            }));
            cursor = page.next;
            if cursor.is_none() {
                return ids;
            }
        }
    };
    assert_eq!(of(Status::Completed).await, ["t-0", "t-2", "t-3"]);
    assert_eq!(of(Status::Failed).await, ["t-1", "t-4"]);
    assert_eq!(of(Status::Parked).await, [""; 0]);
    assert_eq!(engine.sagas::<Transfer>().page().await.unwrap().items.len(), 5);
}
