//! The server, seen by a client that speaks the protocol: every event once, in order, from where it wants; and told why when it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use ego::Engine;
use ego::prelude::*;
use ego::publish::{CloudEvent, FlatEvent};
use ego::store::{MemoryStore, Store};
use ego_websocket::{Options, WebSocketServer};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const LONG: Duration = Duration::from_secs(60);

#[derive(Event, Clone, Debug, PartialEq, Serialize, Deserialize)]
enum AccountEvent {
    Deposited {
        amount: u64,
        note: String,
    },
    #[event(version = 2, upcast(1 => split))]
    Moved {
        amount: u64,
    },
}

#[derive(Deserialize)]
struct MovedMany {
    amounts: Vec<u64>,
}

#[allow(clippy::needless_pass_by_value, reason = "an upcaster takes the old shape")]
fn split(old: MovedMany) -> Vec<AccountEvent> {
    old.amounts.into_iter().map(|amount| AccountEvent::Moved { amount }).collect()
}

#[derive(Command, Serialize, Deserialize)]
struct Deposit {
    amount: u64,
    note: String,
}

#[derive(Aggregate, Default, Debug)]
#[aggregate(name = "account", event = AccountEvent)]
struct Account {
    sum: u64,
}

#[ego::handlers]
impl Account {
    #[handle]
    fn deposit(&self, cmd: Deposit) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Deposited { amount: cmd.amount, note: cmd.note })
    }
    #[apply]
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Deposited { amount, .. } | AccountEvent::Moved { amount } => self.sum += amount,
        }
    }
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn server(engine: &Engine, options: Options) -> WebSocketServer {
    WebSocketServer::bind(engine, "127.0.0.1:0", options).await.unwrap()
}

async fn connect(server: &WebSocketServer, query: &str) -> Client {
    soon(connect_async(format!("ws://{}/{query}", server.address()))).await.unwrap().0
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("nothing comes")
}

async fn until(what: &str, so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, waiting).await.is_ok(), "{what}: it does not become so");
}

async fn deposit(engine: &Engine, id: &str, amounts: impl IntoIterator<Item = u64>) {
    for amount in amounts {
        engine.send::<Account>(id, Deposit { amount, note: String::new() }).await.unwrap();
    }
}

/// The text of the next event.
async fn text(client: &mut Client) -> String {
    loop {
        match soon(client.next()).await.expect("it ended").unwrap() {
            Message::Text(text) => return text.as_str().to_owned(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn event(client: &mut Client) -> CloudEvent {
    serde_json::from_str(&text(client).await).unwrap()
}

/// How it ended, past whatever came before.
async fn end(client: &mut Client) -> (CloseCode, String) {
    loop {
        match soon(client.next()).await.expect("it ended without a word").unwrap() {
            Message::Close(Some(frame)) => return (frame.code, frame.reason.as_str().to_owned()),
            Message::Close(None) => panic!("no reason"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_given_what_is_there_and_what_comes_in_order() {
    let engine = Engine::builder().event_source("/test").start().await.unwrap();
    deposit(&engine, "a", 1..=5).await;
    let server = server(&engine, Options::new().buffer(2)).await;
    let mut client = connect(&server, "").await;
    deposit(&engine, "b", 6..=300).await;
    for position in 1..=300 {
        let event = event(&mut client).await;
        assert_eq!((event.id, event.position), (format!("{position}.0"), position.to_string()));
        assert_eq!((event.data["amount"].as_u64(), &*event.source), (Some(position), "/test"));
    }
    drop(client);
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_again_goes_on_behind_the_last_event_that_it_saw() {
    let engine = Engine::builder().start().await.unwrap();
    let server = server(&engine, Options::new()).await;
    let writing = {
        let engine = engine.clone();
        tokio::spawn(async move { deposit(&engine, "a", 1..=200).await })
    };
    let (mut seen, mut last) = (0, "0".to_owned());
    // Cut off again and again, without a goodbye.
    while seen < 200 {
        let mut client = connect(&server, &format!("?after={last}")).await;
        for _ in 0..(seen % 13 + 1).min(200 - seen) {
            let event = event(&mut client).await;
            seen += 1;
            assert_eq!(event.data["amount"], seen);
            last = event.id;
        }
    }
    writing.await.unwrap();
    until("they are gone", || server.clients() == 0).await;
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn it_goes_on_between_the_events_of_one_position() {
    use ego::message::{CommandId, Expected, Metadata, Name, StreamId};
    use ego::store::{Body, Commit, NewEvent};
    let store = MemoryStore::new();
    let event_of_old =
        NewEvent { name: Name::fixed("Moved"), version: 1, payload: r#"{"amounts":[1,2,3]}"#.into(), tags: Vec::new() };
    let commit = Commit {
        stream: StreamId::new("account", "a").unwrap(),
        expected: Expected::Any,
        metadata: std::sync::Arc::new(Metadata::new(CommandId::new("c").unwrap(), "Move", ego::Timestamp::UNIX_EPOCH)),
        codec: Name::fixed("json"),
        body: Body::Events(vec![event_of_old]),
        reply: "null".into(),
        rows: Vec::new(),
    };
    store.append(vec![commit]).await.unwrap();
    let engine = Engine::builder().store(store).start().await.unwrap();
    let server = server(&engine, Options::new()).await;
    for (after, expected) in [("0", &["1.0", "1.1", "1.2"][..]), ("1.0", &["1.1", "1.2"]), ("1.1", &["1.2"])] {
        let mut client = connect(&server, &format!("?after={after}")).await;
        for id in expected {
            assert_eq!(event(&mut client).await.id, *id);
        }
    }
    deposit(&engine, "a", [4]).await;
    assert_eq!(event(&mut connect(&server, "?after=1").await).await.id, "2.0");
    assert_eq!(event(&mut connect(&server, "?after=1.2").await).await.id, "2.0");
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn only_what_is_asked_for_comes_and_in_the_format_that_is() {
    let engine = Engine::builder().start().await.unwrap();
    deposit(&engine, "a", [1]).await;
    deposit(&engine, "b b", [2]).await;
    let server = server(&engine, Options::new()).await;
    let mut one = connect(&server, "?stream=account/b%20b&kind=account&event=Deposited&format=flat").await;
    let flat: FlatEvent = serde_json::from_str(&text(&mut one).await).unwrap();
    assert_eq!((&*flat.id, &*flat.aggregate_id, flat.version), ("2.0", "b b", 1));
    let mut now = connect(&server, "?from=now").await;
    until("both are there", || server.clients() == 2).await;
    // The subscription of the second begins somewhat later than its slot is taken.
    let next = loop {
        deposit(&engine, "a", [3]).await;
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(50), event(&mut now)).await {
            break event;
        }
    };
    assert_eq!(next.data["amount"], 3);
    drop((one, now));
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_answered_with_a_sentence() {
    let engine = Engine::builder().start().await.unwrap();
    let server = server(&engine, Options::new()).await;
    for (query, said) in [("?after=then", "no place"), ("?afer=1", "unknown"), ("?kind=acount", "account")] {
        let (code, reason) = end(&mut connect(&server, query).await).await;
        assert_eq!(code, CloseCode::Policy);
        assert!(reason.contains(said), "{query}: {reason}");
    }
    until("they are gone", || server.clients() == 0).await;
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_up_nobody_and_is_sent_away() {
    let engine = Engine::builder().start().await.unwrap();
    let options = Options::new().buffer(4).patience(Duration::from_millis(300)).ping(LONG);
    let server = server(&engine, options).await;
    let slow = connect(&server, "").await;
    let mut quick = connect(&server, "").await;
    let note = "x".repeat(256 << 10);
    let writing = {
        let engine = engine.clone();
        tokio::spawn(async move {
            // More than all buffers on the way hold.
            for amount in 0..80 {
                engine.send::<Account>("a", Deposit { amount, note: note.clone() }).await.unwrap();
            }
        })
    };
    for amount in 0..80 {
        assert_eq!(event(&mut quick).await.data["amount"], amount);
    }
    writing.await.unwrap();
    until("the slow one is gone", || server.clients() == 1).await;
    drop((slow, quick));
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_answer_pings_is_given_up_and_one_that_does_stays() {
    let engine = Engine::builder().start().await.unwrap();
    let options = Options::new().ping(Duration::from_millis(100)).patience(Duration::from_millis(500));
    let server = server(&engine, options).await;
    // A client answers when it is read from; this one is not.
    let silent = connect(&server, "").await;
    let mut answering = connect(&server, "").await;
    until("both are there", || server.clients() == 2).await;
    let mut pings = 0;
    while server.clients() == 2 || pings < 5 {
        if matches!(soon(answering.next()).await, Some(Ok(Message::Ping(_)))) {
            pings += 1;
        }
    }
    assert_eq!(server.clients(), 1);
    deposit(&engine, "a", [1]).await;
    assert_eq!(event(&mut answering).await.id, "1.0");
    drop((silent, answering));
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn too_many_clients_are_refused_until_one_leaves() {
    let engine = Engine::builder().start().await.unwrap();
    let server = server(&engine, Options::new().clients(2)).await;
    let first = connect(&server, "").await;
    let second = connect(&server, "").await;
    let refused = soon(connect_async(format!("ws://{}/", server.address()))).await.unwrap_err();
    assert!(matches!(&refused, Error::Http(response) if response.status() == 503), "{refused}");
    drop(first);
    until("it is gone", || server.clients() == 1).await;
    deposit(&engine, "a", [1]).await;
    assert_eq!(event(&mut connect(&server, "").await).await.id, "1.0");
    drop(second);
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_when_some_are_named() {
    let engine = Engine::builder().start().await.unwrap();
    let server = server(&engine, Options::new().origin("https://bank.example")).await;
    let from = async |origin: Option<&str>| {
        let mut request = format!("ws://{}/", server.address()).into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        soon(connect_async(request)).await
    };
    let refused = from(Some("https://other.example")).await.unwrap_err();
    assert!(matches!(&refused, Error::Http(response) if response.status() == 403), "{refused}");
    assert!(from(Some("https://bank.example")).await.is_ok());
    assert!(from(None).await.is_ok());
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn clients_are_told_when_the_server_or_the_engine_stops() {
    let engine = Engine::builder().start().await.unwrap();
    deposit(&engine, "a", [1]).await;
    let first = server(&engine, Options::new()).await;
    let mut client = connect(&first, "").await;
    assert_eq!(event(&mut client).await.id, "1.0");
    let address = first.address();
    let (_, said) = tokio::join!(first.stop(LONG), end(&mut client));
    assert_eq!(said, (CloseCode::Away, "the server stops".to_owned()));
    assert!(TcpStream::connect(address).await.is_err());

    let second = server(&engine, Options::new()).await;
    let mut client = connect(&second, "").await;
    assert_eq!(event(&mut client).await.id, "1.0");
    engine.stop(LONG).await.unwrap();
    assert_eq!(end(&mut client).await, (CloseCode::Away, "the engine is stopped".to_owned()));
    let (code, _) = end(&mut connect(&second, "?from=now").await).await;
    assert_eq!(code, CloseCode::Policy);

    // Dropped, it says goodbye all the same.
    let engine = Engine::builder().start().await.unwrap();
    deposit(&engine, "a", [1]).await;
    let third = server(&engine, Options::new()).await;
    let mut client = connect(&third, "").await;
    assert_eq!(event(&mut client).await.id, "1.0");
    drop(third);
    assert_eq!(end(&mut client).await.0, CloseCode::Away);
    engine.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn what_a_client_says_is_not_listened_to_and_its_goodbye_is() {
    let engine = Engine::builder().start().await.unwrap();
    let server = server(&engine, Options::new()).await;
    let mut client = connect(&server, "").await;
    client.send(Message::text("hello")).await.unwrap();
    client.send(Message::Ping("are you there".into())).await.unwrap();
    assert_eq!(soon(client.next()).await.unwrap().unwrap(), Message::Pong("are you there".into()));
    deposit(&engine, "a", [1]).await;
    assert_eq!(event(&mut client).await.id, "1.0");
    client.close(None).await.unwrap();
    until("it is gone", || server.clients() == 0).await;
    server.stop(LONG).await;
    engine.stop(LONG).await.unwrap();
}
