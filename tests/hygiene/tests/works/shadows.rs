//! Where the names that everybody uses are other things, or nothing.

use crate::read;
use crate::story::Story;
use serde_json::json;

#[tokio::test]
async fn without_a_prelude() {
    use hygiene::no_prelude::*;
    let mut story = Story::<Account>::new().await;
    assert_eq!(story.tell(Open { owner: "Ann".into() }).await, (json!(null), vec![("Opened", json!({ "owner": "Ann" }))]));
    let deposited = json!({ "cents": 5, "purpose": "one" });
    assert_eq!(story.tell(Deposit(5)).await, (json!(5), vec![("deposited", deposited)]));
    assert_eq!(story.state().await, Account { owner: Some("Ann".into()), cents: 5 });
    let after = story.tell(Close::After { cents: 1 }).await;
    assert_eq!(after.1, [("deposited", json!({ "cents": 1, "purpose": "" })), ("Closed", json!({}))]);
    assert_eq!(story.tell(Close::Now).await.1, [("Closed", json!({}))]);
    assert_eq!(story.state().await, Account { owner: None, cents: 6 });

    for (name, version, json) in
        [("Credited", 1, r#"{"euros":2}"#), ("Paid", 2, "200"), ("deposited", 3, r#"{"cents":200,"purpose":""}"#)]
    {
        let events = read::<AccountEvent>(name, version, json);
        assert!(matches!(&events[..], [AccountEvent::Deposited(Deposited { cents: 200, .. })]), "{events:?}");
    }

    let mut story = Story::<Purse<Eur>>::new().await;
    assert_eq!(story.tell(Deposit(5)).await.1, [("Filled", json!({ "cents": 5, "purpose": "" }))]);
    assert_eq!(story.state().await.cents, 5);
    assert_eq!(story.tell(Open { owner: String::new() }).await.1, [("Emptied", json!(null))]);
    assert_eq!(story.state().await.cents, 0);
}

#[tokio::test]
async fn with_shadowed_types_and_traits() {
    use hygiene::shadowed_types::*;
    let mut story = Story::<Account>::new().await;
    assert_eq!(story.tell(Open { owner: "Ann".into() }).await.1, [("Opened", json!({ "owner": "Ann" }))]);
    assert_eq!(story.tell(Deposit(5)).await, (json!(5), vec![("deposited", json!(5))]));
    assert_eq!(story.state().await.cents, 5);
    assert!(matches!(&read("Credited", 1, "2")[..], [AccountEvent::Deposited(Deposited(200))]));

    let mut story = Story::<Purse<7>>::new().await;
    assert_eq!(story.tell(Deposit(9)).await.1, [("Filled", json!(9))]);
    assert_eq!(story.state().await.cents, 7);
}

macro_rules! ordinary_names_shadowed {
    ($($test:ident: $module:ident;)*) => { $(
        #[tokio::test]
        async fn $test() {
            use hygiene::$module::*;
            let mut story = Story::<Account>::new().await;
            assert_eq!(story.tell(Open).await.1, [("Opened", json!({ "owner": "one" }))]);
            assert_eq!(story.tell(Deposit(5)).await.1, [("deposited", json!(5))]);
            assert_eq!(story.state().await.cents, 5);
            assert!(matches!(&read("Credited", 1, "2")[..], [AccountEvent::Deposited(Deposited(200))]));

            let mut story = Story::<Purse<7>>::new().await;
            assert_eq!(story.tell(Deposit(2)).await.1, [("Filled", json!(2))]);
            assert_eq!(story.tell(Open).await.1, [("Filled", json!(7))]);
            assert_eq!(story.state().await.cents, 7);
        }
    )* };
}
ordinary_names_shadowed! {
    with_shadowed_modules: shadowed_modules;
    with_shadowed_macros: shadowed_macros;
}

#[tokio::test]
async fn with_the_names_of_generated_code() {
    use hygiene::same_names::*;
    let mut story = Story::<Aggregates>::new().await;
    assert_eq!(story.tell(Commands::Command).await.1, [("Outcome", json!({ "events": 7, "codec": 1, "stored": 2 }))]);
    assert_eq!(story.tell(TEXT { context: 3 }).await.1, [("Events", json!(3))]);
    assert_eq!(story.state().await.state, 10);
    assert!(matches!(&read("Events", 1, "2")[..], [Events::Events(PARTS(2))]));

    let mut story = Story::<Registers<u8, 1>>::new().await;
    assert_eq!(story.tell(Commands::Command).await.1, [("Form", json!(1))]);
    assert_eq!(story.tell(Block).await.1, [("Form", json!(2))]);
}
