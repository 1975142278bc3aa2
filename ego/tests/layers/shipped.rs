use crate::contested::Contested;
use crate::seen::Seen;
use crate::watching::does;
use crate::*;
use ego::consumer::Backoff;
use ego::engine::{CommandError, Limits};
use ego::layer::{Authorise, Deadline, Denial, Denied, Log, RateLimit, RetryConflicts, Trace, Validate};
use ego::message::{Expected, MetadataDraft};
use ego::prelude::*;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::Instant;
use tracing::Level;

fn denial<E: std::fmt::Debug>(error: CommandError<E>) -> (&'static str, Denial) {
    match error {
        CommandError::Denied(Denied { layer, reason, .. }) => (layer, reason),
        other => panic!("{other:?}"),
    }
}

// Authorise

#[tokio::test]
async fn only_those_who_may_are_let_through() {
    let may = |actor: &str, command: &ego::layer::CommandCall| match (actor, command.name()) {
        ("ann", _) | ("bob", "Name") => Ok(()),
        _ => Err(format!("{actor} may not {}", command.name()).into()),
    };
    let engine = start(Engine::builder().layer(Authorise::actors(may))).await;
    let by = |actor: &str| MetadataDraft::new().actor(actor);
    engine.send::<Counter>("1", Add { by: 1 }).metadata(by("ann")).await.unwrap();
    engine.send::<Counter>("1", Name { name: "x".into() }).metadata(by("bob")).await.unwrap();
    let refused = engine.send::<Counter>("1", Add { by: 1 }).metadata(by("bob")).await.unwrap_err();
    assert_eq!(denial(refused), ("authorise", Denial::Unauthorised("bob may not Add".into())));
    for nobody in [None, Some(MetadataDraft::new())] {
        let sending = engine.send::<Counter>("1", Add { by: 1 });
        let sending = if let Some(draft) = nobody { sending.metadata(draft) } else { sending };
        let refused = sending.await.unwrap_err();
        assert_eq!(denial(refused), ("authorise", Denial::Unauthorised("nobody said who asks".into())));
    }
    assert_eq!(engine.load::<Counter>("1").await.unwrap().state.sum, 1);
    stop(engine).await;
}

// Validate

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let validate = Validate::new().command::<Add>().check::<Name>(|cmd, problems| {
        if cmd.name.len() > 3 {
            problems.add("name", "it is long");
        }
        if cmd.name.starts_with(' ') {
            problems.add("", "it begins with a blank");
        }
    });
    let engine = start(Engine::builder().layer(validate)).await;
    let refused = engine.send::<Counter>("1", Add { by: 101 }).await.unwrap_err();
    let ("validate", Denial::Invalid(problems)) = denial(refused) else { panic!("another refusal") };
    assert_eq!(problems.iter().map(|problem| &*problem.path).collect::<Vec<_>>(), ["by"]);
    assert!(problems.to_string().contains("100"), "{problems}");
    let json = serde_json::json!({ "name": " long" });
    let refused = engine.dispatch("counter", "1", "Name", json).await.unwrap_err();
    assert_eq!(denial(refused).1.to_string(), "name: it is long; it begins with a blank");
    engine.send::<Counter>("1", Add { by: 1 }).await.unwrap();
    engine.send::<Counter>("1", Name { name: "ok".into() }).await.unwrap();
    // Nothing is said about it.
    engine.send::<Counter>("1", AddLater).timeout(Duration::from_millis(1)).await.unwrap_err();
    stop(engine).await;
}

// RateLimit

#[tokio::test(start_paused = true)]
async fn each_aggregate_has_its_own_allowance() {
    let layer = RateLimit::per_aggregate(NonZeroU32::new(2).unwrap(), Duration::from_secs(10));
    let engine = start(Engine::builder().layer(layer)).await;
    let send = |id: &str| engine.send::<Counter>(id, Add { by: 1 }).into_future();
    let limited = |error| match denial(error) {
        ("rate-limit", Denial::RateLimited { retry_after }) => retry_after,
        other => panic!("{other:?}"),
    };
    send("1").await.unwrap();
    send("1").await.unwrap();
    assert_eq!(limited(send("1").await.unwrap_err()), Duration::from_secs(5));
    send("2").await.unwrap();
    // Nothing was used up by what was refused.
    tokio::time::advance(Duration::from_millis(4999)).await;
    assert_eq!(limited(send("1").await.unwrap_err()), Duration::from_millis(1));
    tokio::time::advance(Duration::from_millis(1)).await;
    send("1").await.unwrap();
    assert_eq!(limited(send("1").await.unwrap_err()), Duration::from_secs(5));
    assert_eq!(engine.load::<Counter>("1").await.unwrap().state.sum, 3);
    stop(engine).await;
}

#[tokio::test(start_paused = true)]
async fn only_so_many_aggregates_are_remembered() {
    let one = NonZeroU32::MIN;
    let layer = RateLimit::per_aggregate(one, Duration::from_secs(10)).remember(NonZeroUsize::new(2).unwrap());
    let engine = start(Engine::builder().layer(layer)).await;
    let mut let_through = Vec::new();
    for id in ["1", "2", "1", "3", "1", "2"] {
        let_through.push(engine.send::<Counter>(id, Add { by: 1 }).await.is_ok());
    }
    // The first was used later than the second when the third came: the second was forgotten.
    assert_eq!(let_through, [true, true, false, true, false, true]);
    stop(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_may_be_less_than_the_allowance() {
    let four = NonZeroU32::new(4).unwrap();
    let layer = RateLimit::per_aggregate(four, Duration::from_secs(4)).burst(NonZeroU32::MIN);
    let engine = start(Engine::builder().layer(layer)).await;
    for _ in 0..3 {
        engine.send::<Counter>("1", Add { by: 1 }).await.unwrap();
        engine.send::<Counter>("1", Add { by: 1 }).await.unwrap_err();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    stop(engine).await;
}

// RetryConflicts

fn never() -> Limits {
    Limits { conflict_retries: 0, ..Limits::default() }
}

const WAIT: Duration = Duration::from_millis(100);

fn retrying(times: u32) -> RetryConflicts {
    RetryConflicts::times(times).backoff(Backoff::new(WAIT, WAIT))
}

#[tokio::test(start_paused = true)]
async fn a_command_that_lost_is_sent_again_after_a_while() {
    let store = Contested::losing(2);
    let engine = start(Engine::builder().store(store.clone()).limits(never()).layer(retrying(2))).await;
    let began = Instant::now();
    let receipt = engine.send::<Counter>("1", Add { by: 5 }).await.unwrap();
    assert_eq!((receipt.reply, receipt.repeated, store.asked.load(Ordering::SeqCst)), (5, false, 3));
    let waited = began.elapsed();
    assert!(waited >= WAIT * 2 * 3 / 4 && waited <= WAIT * 2 + Duration::from_millis(50), "{waited:?}");
    stop(engine).await;
}

#[tokio::test(start_paused = true)]
async fn it_is_sent_again_so_often_and_no_more() {
    let store = Contested::losing(u32::MAX);
    let engine = start(Engine::builder().store(store.clone()).limits(never()).layer(retrying(3))).await;
    let error = engine.send::<Counter>("1", Add { by: 5 }).await.unwrap_err();
    assert!(matches!(error, CommandError::Conflict { .. }), "{error}");
    assert_eq!(store.asked.load(Ordering::SeqCst), 4);
    // Nor beyond the command's time: a wait that it does not have is not begun.
    let began = Instant::now();
    let error = engine.send::<Counter>("1", Add { by: 5 }).timeout(WAIT * 2).await.unwrap_err();
    assert!(matches!(error, CommandError::Conflict { .. }), "{error}");
    assert!(began.elapsed() < WAIT * 2);
    stop(engine).await;
}

/// Who expects something has to know; what is refused or fails is not sent again.
#[tokio::test(start_paused = true)]
async fn only_a_lost_race_is_tried_again() {
    let store = Contested::losing(0);
    let engine = start(Engine::builder().store(store.clone()).limits(never()).layer(retrying(9))).await;
    engine.send::<Counter>("1", Add { by: 1 }).await.unwrap();
    engine.send::<Counter>("1", Add { by: 51 }).await.unwrap_err();
    engine.send::<Counter>("1", Add { by: 1 }).expect(Expected::NoStream).await.unwrap_err();
    engine.send::<Counter>("1", Add { by: 1 }).expect_revision(7).await.unwrap_err();
    let asked = store.asked.load(Ordering::SeqCst);
    store.losses.store(1, Ordering::SeqCst);
    let error = engine.send::<Counter>("1", Add { by: 1 }).expect_revision(1).await.unwrap_err();
    assert!(matches!(error, CommandError::Conflict { .. }), "{error}");
    assert_eq!(store.asked.load(Ordering::SeqCst), asked + 1);
    stop(engine).await;
}

// Deadline

#[tokio::test(start_paused = true)]
async fn a_command_has_at_most_so_much_time() {
    let engine = start(Engine::builder().layer(Deadline::at_most(Duration::from_secs(2)))).await;
    for (asked, has) in [(None, 2), (Some(5), 2), (Some(1), 1)] {
        let began = Instant::now();
        let sending = engine.send::<Counter>("1", AddLater);
        let sending = if let Some(asked) = asked { sending.timeout(Duration::from_secs(asked)) } else { sending };
        let error = sending.await.unwrap_err();
        let CommandError::Timeout { after, recorded_unknown: false, .. } = error else { panic!("{error}") };
        assert_eq!(after, Duration::from_secs(has));
        let took = began.elapsed();
        assert!(took >= after && took < after + Duration::from_millis(50), "{took:?}");
    }
    // The aggregate goes on.
    engine.send::<Counter>("1", Add { by: 1 }).await.unwrap();
    stop(engine).await;
}

// Log and Trace

#[tokio::test]
async fn every_command_is_one_line_at_its_level() {
    let (seen, _listening) = Seen::listen(Level::TRACE);
    let deny = does(|command, next| match command.id() {
        "no" => Box::pin(async { Err(Denied::other("no").into()) }),
        "oh" => panic!("oh"),
        _ => next.run(command),
    });
    let engine = start(Engine::builder().layer(Log::new()).layer(deny)).await;
    let draft = MetadataDraft::new().actor("ann").tenant("t");
    engine.send::<Counter>("1", Add { by: 1 }).command_id("c").metadata(draft).await.unwrap();
    engine.send::<Counter>("1", Add { by: 51 }).await.unwrap_err();
    engine.send::<Counter>("no", Add { by: 1 }).await.unwrap_err();
    engine.send::<Counter>("1", AddLater).timeout(Duration::from_millis(5)).await.unwrap_err();
    let lines = seen.events("ego::layer");
    let levels: Vec<_> = lines.iter().map(|line| line.level).collect();
    assert_eq!(levels, [Level::DEBUG, Level::INFO, Level::INFO, Level::WARN]);
    let fields = ["kind", "id", "command", "command_id", "actor", "tenant", "revision"].map(|name| lines[0].field(name));
    assert_eq!(fields, ["counter", "1", "Add", "c", "ann", "t", "1"].map(Some));
    assert_eq!(lines[1].field("error"), Some("51 is too much"));
    assert!(lines.iter().all(|line| line.field("took").is_some()));
    stop(engine).await;
}

#[tokio::test]
async fn the_levels_can_be_said() {
    let (seen, _listening) = Seen::listen(Level::TRACE);
    let log = Log::new().done(Level::TRACE).refused(Level::WARN).failed(Level::ERROR);
    let engine = start(Engine::builder().layer(log)).await;
    engine.send::<Counter>("1", Add { by: 1 }).await.unwrap();
    engine.send::<Counter>("1", Add { by: 51 }).await.unwrap_err();
    engine.send::<Counter>("1", AddLater).timeout(Duration::from_millis(5)).await.unwrap_err();
    let levels: Vec<_> = seen.events("ego::layer").iter().map(|line| line.level).collect();
    assert_eq!(levels, [Level::TRACE, Level::WARN, Level::ERROR]);
    stop(engine).await;
}

#[tokio::test]
async fn a_span_says_how_its_command_ended() {
    let (seen, _listening) = Seen::listen(Level::INFO);
    let engine = start(Engine::builder().layer(Trace).event_layer(Trace)).await;
    let draft = MetadataDraft::new().actor("ann").correlation_id("talk").causation_id("before");
    let receipt = engine.send::<Counter>("1", Add { by: 1 }).command_id("c").metadata(draft).await.unwrap();
    engine.send::<Counter>("1", Add { by: 51 }).await.unwrap_err();
    engine.view::<Total>("1").after(&receipt).await.unwrap();
    let commands = seen.spans("command");
    let outcomes: Vec<_> = commands.iter().map(|span| span.field("outcome").unwrap()).collect();
    assert_eq!(outcomes, ["done", "rejected"]);
    let fields = ["kind", "id", "command", "command_id", "correlation_id", "causation_id", "actor"];
    assert_eq!(fields.map(|name| commands[0].field(name)), ["counter", "1", "Add", "c", "talk", "before", "ann"].map(Some));
    let own = (commands[1].field("command_id"), commands[1].field("correlation_id"));
    assert_eq!(own.0, own.1, "a command without a conversation begins one");
    let events: Vec<_> = seen.spans("event").into_iter().filter(|span| span.field("handler") == Some("totals")).collect();
    let fields = ["key", "event", "stream", "position", "correlation_id", "command_id", "outcome"];
    assert_eq!(fields.map(|name| events[0].field(name)), ["1", "Added", "counter/1", "1", "talk", "c", "done"].map(Some));
    stop(engine).await;
}

/// Together, in the order of an everyday program.
#[tokio::test]
async fn layers_work_together() {
    let store = Contested::losing(1);
    let engine = Engine::builder()
        .store(store)
        .limits(never())
        .layer(Trace)
        .layer(Log::new())
        .layer(Deadline::at_most(Duration::from_secs(60)))
        .layer(Authorise::actors(|_, _| Ok(())))
        .layer(Validate::new().command::<Add>())
        .layer(RateLimit::per_aggregate(NonZeroU32::new(5).unwrap(), Duration::from_secs(3600)))
        .layer(RetryConflicts::times(3));
    let engine = start(engine).await;
    let draft = || MetadataDraft::new().actor("ann");
    let receipt = engine.send::<Counter>("1", Add { by: 1 }).metadata(draft()).await.unwrap();
    assert_eq!(receipt.reply, 1);
    let engine = Arc::new(engine);
    let sent = (0..8).map(|_| engine.send::<Counter>("1", Add { by: 1 }).metadata(draft()).into_future());
    let answers = futures_util::future::join_all(sent).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    assert_eq!(engine.load::<Counter>("1").await.unwrap().state.sum, 5);
    engine.stop(Duration::from_secs(10)).await.unwrap();
}
