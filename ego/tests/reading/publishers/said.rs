//! What is said: in an envelope, and of publishers that cannot be.

use super::*;

#[tokio::test]
async fn a_cloud_event_says_where_it_comes_from_and_what_led_to_it() {
    let (channel, mut published) = ChannelPublisher::new("channel", 8);
    let engine = start(Engine::builder().event_source("https://bank.example/log").publisher(channel)).await;
    let receipt = engine
        .send::<Account>("acc 1", Deposit { amount: 5 })
        .command_id("c-1")
        .metadata(ego::message::MetadataDraft::new().actor("ann").tenant("t").correlation_id("talk").causation_id("c-0"))
        .await
        .unwrap();
    let envelope = soon(published.recv()).await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&envelope.json(Format::CloudEvents)).unwrap();
    let time = envelope.delivery.time().to_string();
    let expected = serde_json::json!({
        "specversion": "1.0", "id": "1.0", "source": "https://bank.example/log", "type": "account.Deposited",
        "subject": "account/acc 1", "time": time, "datacontenttype": "application/json",
        "position": "1", "revision": "1", "commandid": "c-1", "correlationid": "talk", "causationid": "c-0",
        "actor": "ann", "tenant": "t", "data": { "amount": 5 },
    });
    assert_eq!(json, expected);
    assert_eq!(receipt.position, Some(envelope.delivery.position()));
    assert_eq!(serde_json::from_value::<CloudEvent>(json).unwrap(), envelope.cloud_event());
    // The names of attributes: lower-case letters and digits, twenty at most (CloudEvents 1.0).
    let attributes: BTreeMap<String, serde_json::Value> = serde_json::from_value(expected).unwrap();
    let named = |name: &String| name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    assert!(attributes.keys().all(named));

    let flat: serde_json::Value = serde_json::from_str(&envelope.json(Format::Flat)).unwrap();
    let expected = serde_json::json!({
        "id": "1.0", "aggregate_id": "acc 1", "aggregate_type": "account", "version": 1, "type": "Deposited",
        "data": { "amount": 5 },
    });
    assert_eq!(flat, expected);
    assert_eq!(serde_json::from_value::<FlatEvent>(flat).unwrap(), envelope.flat());
    stop(&engine).await;
}

#[tokio::test]
async fn what_is_wrong_with_publishers_is_said_at_the_start_all_at_once() {
    let builder = Engine::builder()
        .event_source("not a uri")
        .publisher(Notes::new("one"))
        .publisher(Notes::new("one"))
        .publisher(Notes::new(""))
        .publisher_with(Notes::new("dead"), PublisherOptions::new().policy(Policy::dead_letter()))
        .publisher_with(Notes::new("none"), PublisherOptions::new().kind("acount"));
    let Err(StartError::Problems(problems)) = builder.start().await else { panic!("it starts") };
    let named = |name: &str| {
        problems
            .iter()
            .filter(|problem| matches!(problem, StartProblem::ConsumerName { name: found, .. } if found == name))
            .count()
    };
    assert_eq!((named("one"), named("")), (1, 1), "{problems:?}");
    assert!(problems.iter().any(|problem| matches!(problem, StartProblem::NoDeadLetters { name, .. } if name == "dead")));
    assert!(
        problems.iter().any(|problem| matches!(problem, StartProblem::FollowsNothing { follows, .. } if follows == "acount"))
    );
    assert!(problems.iter().any(|problem| matches!(problem, StartProblem::InvalidSource { given } if given == "not a uri")));
    assert_eq!(problems.len(), 5, "{problems:?}");
}
