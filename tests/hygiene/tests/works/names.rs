//! Where ego has another name, names are raw, or come from a macro.

use crate::read;
use crate::story::Story;
use ego::model::{Aggregate, Command, Event};
use serde_json::json;

macro_rules! another_name_for_ego {
    ($($test:ident: $module:ident;)*) => { $(
        #[tokio::test]
        async fn $test() {
            use hygiene_renamed::$module::*;
            let mut story = Story::<Account>::new().await;
            assert_eq!(story.tell(Open).await.1, [("Opened", json!({ "owner": "one" }))]);
            assert_eq!(story.tell(Deposit(5)).await, (json!(5), vec![("Deposited", json!(5))]));
            assert_eq!(story.state().await.cents, 5);
            assert!(matches!(&read("Deposited", 1, "2")[..], [Change::Deposited(Deposited(200))]));

            let mut story = Story::<Purse<7>>::new().await;
            assert_eq!(story.tell(Deposit(2)).await.1, [("Filled", json!(2))]);
            assert_eq!(story.tell(Open).await.1, [("Filled", json!(7))]);
            assert_eq!(story.state().await.cents, 7);
        }
    )* };
}
another_name_for_ego! {
    renamed_in_the_manifest: by_name;
    behind_a_facade: by_facade;
}

#[tokio::test]
async fn raw_names_are_stored_without_their_prefix() {
    use hygiene::raw::*;
    let names: Vec<_> = r#enum::SCHEMAS.iter().map(|schema| schema.name).collect();
    assert_eq!(names, ["fn", "Loop", "match"]);
    assert_eq!((r#try::NAME, r#move::NAME, r#struct::KIND), ("try", "move", "raw"));
    let mut story = Story::<r#struct>::new().await;
    assert_eq!(story.tell(r#try { r#type: 4 }).await.1, [("fn", json!({ "type": 4 })), ("Loop", json!({ "in": 1 }))]);
    assert_eq!(story.tell(r#plain { r#yield: 4 }).await.1, [("match", json!({}))]);
    assert_eq!(story.tell(r#move::r#ref).await, (json!(0), vec![]));
    assert_eq!(story.tell(r#move::r#mut { r#as: 2 }).await, (json!(2), vec![]));
    assert_eq!(story.state().await.r#const, 5);

    let mut story = Story::<r#priv<r#virtual>>::new().await;
    assert_eq!(story.tell(r#try { r#type: 4 }).await.1, [("abstract", json!({ "in": 4 }))]);
    assert_eq!(story.state().await.0, 4);
}

#[tokio::test]
async fn written_by_a_macro() {
    use hygiene::by_macro::*;
    let mut story = Story::<Counter>::new().await;
    assert_eq!(story.tell(Count).await, (json!(3), vec![("counted", json!(3))]));
    assert_eq!(story.tell(CountTwice).await.1, [("counted", json!(1)), ("counted", json!(1))]);
    assert_eq!(story.state().await, Counter { total: 5 });
    assert!(matches!(&read("counted", 1, "2")[..], [CounterEvent::Counted(Counted(4))]));

    for kind in [Story::<Tally<Apple>>::new().await.tell(Count).await, Story::<Tally<Pear>>::new().await.tell(Count).await] {
        assert_eq!(kind.1, [("counted", json!(1))]);
    }
    assert_eq!((<Tally<Apple>>::KIND, <Tally<Pear>>::KIND), ("by_macro.apples", "by_macro.pears"));
}
