//! Every form that a domain may take.

use crate::read;
use crate::story::{Story, builder};
use ego::model::{Command, Event};
use ego::store::MemoryStore;
use serde_json::json;

#[tokio::test]
async fn generics_and_where_clauses() {
    use hygiene::generic::*;
    let mut usd = Story::<Wallet<Usd, u64, 3>>::new().await;
    for _ in 0..2 {
        let filled = usd.tell(Fill { by: 5_u64 }).await;
        assert_eq!(filled.1, [("Filled", json!({ "by": 5 })), ("Noted", json!(5))]);
    }
    let state = usd.state().await;
    assert_eq!((state.amount, state.times), (5, 3));
    assert_eq!(usd.tell(Empty).await, (json!(5), vec![("Emptied", json!({}))]));
    assert_eq!(usd.tell(Drain).await.1, [("Emptied", json!({}))]);

    let mut eur = Story::<Wallet<Eur, i8, 1>>::new().await;
    assert_eq!(eur.tell(Fill { by: -5_i8 }).await.1, [("Filled", json!({ "by": -5 })), ("Noted", json!(-5))]);
    assert_eq!(eur.state().await.times, 1);

    let mut log = Story::<Log>::new().await;
    assert_eq!(log.tell(Fill { by: 5_u32 }).await.1, [("Entered", json!(5))]);
    assert_eq!(log.state().await.entries, [5]);
    assert_eq!(log.tell(Empty).await.1, [("Struck", json!(5))]);
    assert!(log.state().await.entries.is_empty());
}

#[tokio::test]
async fn an_instance_has_the_commands_of_its_own_block_only() {
    let engine = builder(MemoryStore::new()).start().await.unwrap();
    engine.dispatch("generic.usd", "a", "Drain", json!(null)).await.unwrap();
    let error = engine.dispatch("generic.eur", "a", "Drain", json!(null)).await.unwrap_err();
    assert_eq!(error.to_string(), r#""generic.eur" has no command "Drain"; it has: Empty, Fill"#);
}

#[tokio::test]
async fn attributes_on_everything() {
    use hygiene::conditional::*;
    let names: Vec<_> = Change::SCHEMAS.iter().map(|schema| (schema.name, schema.aliases)).collect();
    assert_eq!(names, [("present", &[] as &[_]), ("Old", &["Ancient"]), ("Older", &[])]);
    assert_eq!(Do::NAME, "do-it");
    let mut story = Story::<State>::new().await;
    let command: Do = serde_json::from_value(json!({ "many": 3 })).unwrap();
    assert_eq!(story.tell(command).await.1, [("present", json!({ "how-many": 3 }))]);
    assert_eq!(story.tell(Undo).await.1, []);
    assert_eq!(story.state().await.many, 3);
    assert_eq!(read::<Change>("present", 1, "{}"), [Change::Present { many: 0 }]);
    #[expect(deprecated, reason = "what is recorded stays readable")]
    let old = [Change::Old];
    assert_eq!(read::<Change>("Ancient", 1, "null"), old);
}

#[tokio::test]
async fn what_the_attributes_left_out_is_not_registered() {
    let engine = builder(MemoryStore::new()).start().await.unwrap();
    let error = engine.dispatch("conditional", "a", "Missing", json!(null)).await.unwrap_err();
    assert_eq!(error.to_string(), r#""conditional" has no command "Missing"; it has: OldDo, Undo, do-it"#);
    let refused = engine.dispatch("conditional", "a", "do-it", json!({ "many": 11 })).await.unwrap_err();
    assert_eq!(refused.to_string(), "11 is too many");
}

#[tokio::test]
async fn signatures() {
    use hygiene::signatures::*;
    let mut story = Story::<Survey>::new().await;
    let noted = |text: &str| ("Noted", json!({ "text": text }));
    assert_eq!(story.tell(Ask { n: 1 }).await.1, [noted("1")]);
    assert_eq!(story.tell(AskTwice { n: 1 }).await.1, [noted("twice"), noted("2")]);
    assert_eq!(story.tell(AskAll { n: 99 }).await.1, [noted("all")]);
    assert_eq!(story.tell(AskAll { n: 100 }).await.1, []);
    assert_eq!(story.tell(AskBoxed { n: 8 }).await.1, [noted("8")]);
    let nested = story.tell(AskNested { n: 1 }).await;
    assert_eq!(nested, (json!([1, ["1", "twice", "2", "all", "8"]]), vec![noted("a"), noted("b"), noted("c")]));
    assert_eq!(story.tell(AskLong { n: 1 }).await.1, vec![noted("x"); 8]);
    assert_eq!(story.tell(AskNothing { n: 1 }).await.1, []);
    // 100 + 20 + 3 + (1 + 2) + (1 + 1): each service by its own type.
    assert_eq!(story.tell(AskManyServices { n: 1 }).await, (json!(128), vec![noted("by one")]));
    assert_eq!(story.state().await.notes.len(), 17);
}

#[tokio::test]
async fn what_nobody_can_name_is_reached_by_name() {
    let engine = builder(MemoryStore::new()).start().await.unwrap();
    assert_eq!(hygiene::hidden::in_a_function(), "hidden.function");
    for (kind, command, json, recorded) in [
        ("hidden.private", "Count", json!(null), Some(("Counted", json!(1)))),
        ("hidden.restricted", "Count", json!(2), Some(("Counted", json!({ "by": 2 })))),
        ("hidden.function", "Count", json!(null), Some(("Counted", json!({})))),
        ("hidden.twin", "Count", json!(null), Some(("Counted", json!({})))),
        ("hidden.constant", "Look", json!({}), None),
    ] {
        let receipt = engine.dispatch(kind, "a", command, json).await.unwrap();
        assert_eq!(receipt.revision.is_some(), recorded.is_some(), "{kind}");
        let history = engine.history_by_name(kind, "a").unwrap().collect().await.unwrap();
        let events: Vec<_> = history.into_iter().flat_map(|event| event.events).collect();
        assert_eq!(events, Vec::from_iter(recorded), "{kind}");
    }
}

#[tokio::test]
async fn big_enums() {
    use hygiene::big::*;
    assert_eq!((Change::SCHEMAS.len(), Parts::SCHEMAS.len()), (240, 60));
    let mut story = Story::<Big>::new().await;
    let events = story.tell(Every).await.1;
    assert_eq!(events.len(), 240);
    assert_eq!(events[239], ("V239", json!({ "by": 1 })));
    assert_eq!(story.tell(C59).await.1, []);
    assert_eq!(story.state().await.total, 240);
    let mut story = Story::<Pieces>::new().await;
    assert_eq!(story.tell(Every).await.1[59], ("P59", json!(1)));
    assert_eq!(story.state().await.total, 60);
}
