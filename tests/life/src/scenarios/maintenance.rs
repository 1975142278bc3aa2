//! Copies, exports, imports and erasures that are killed: the same again ends right, and nobody starts on half of it. What was erased is
//! erased in every copy that was begun later.

use crate::outcome::{Outcome, hold};
use crate::scene::{Scenario, Scene};
use ego::Engine;
use ego::engine::{StartError, StartProblem};
use ego::maintenance::{Maintenance, audit};
use ego::message::{CommandId, Expected, Metadata, Name, StreamId};
use ego::store::{AnyStore, Body, Commit, Filter, NewEvent, NewState, RowChange, Step, Store, Verdict};
use ego_sled::SledStore;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "maintenance", work: |scene| Box::pin(work(scene)), check: |scene| Box::pin(check(scene)) };

/// A round fills the store, then makes one copy of it, straight or through a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Said {
    /// The source is as this round will copy it.
    Round(u32),
    /// It was erased for good.
    Erased(String),
    /// The file of the round is whole.
    Exported(u32),
    /// The copy of the round is whole, up to this position.
    Copied(u32, u64),
}

const KIND: &str = "page";

async fn work(mut scene: Scene) -> Outcome {
    let source = AnyStore::new(scene.open()?);
    let mut said: Vec<Said> = scene.said()?;
    for _ in 0..6 {
        let begun = said.iter().filter_map(|said| if let Said::Round(round) = said { Some(*round) } else { None }).max();
        let copied = said.iter().filter_map(|said| if let Said::Copied(round, _) = said { Some(*round) } else { None }).max();
        let round = match begun {
            Some(round) if Some(round) != copied => round,
            last => {
                let round = last.map_or(0, |last| last + 1);
                write(&mut scene, &source, round, &mut said).await?;
                tell(&scene, &mut said, Said::Round(round))?;
                round
            }
        };
        let target = open(target_of(&scene, round))?;
        let operator = Maintenance::of(source.clone(), "operator", format!("round {round}"))?;
        let head = if round % 2 == 0 {
            operator.copy_to(target.clone()).run().await?.head
        } else {
            let file = scene.beside(&format!("export-{round}"));
            if !said.iter().any(|said| matches!(said, Said::Exported(exported) if *exported == round)) {
                operator.export_to(&file, |_| {}).await?;
                tell(&scene, &mut said, Said::Exported(round))?;
            }
            Maintenance::of(target.clone(), "operator", "")?.import_from(&file, |_| {}).await?.head
        };
        target.close().await?;
        tell(&scene, &mut said, Said::Copied(round, head.map_or(0, u64::from)))?;
    }
    Ok(())
}

fn tell(scene: &Scene, all: &mut Vec<Said>, said: Said) -> Outcome {
    scene.say(&said)?;
    all.push(said);
    Ok(())
}

fn target_of(scene: &Scene, round: u32) -> PathBuf {
    scene.beside(&format!("target-{round}"))
}

fn open(folder: PathBuf) -> Outcome<AnyStore> {
    Ok(AnyStore::new(SledStore::options(folder).segment_bytes(16 << 10).open()?))
}

/// Events, states, rows and a checkpoint; something is deleted, something is erased.
async fn write(scene: &mut Scene, source: &AnyStore, round: u32, said: &mut Vec<Said>) -> Outcome {
    for number in 0..40_u32 {
        let id = format!("{}-{round}-{number}", scene.process);
        let page = format!("p-{}", scene.random.u32(..8));
        let (stream, body) = if number % 5 == 0 {
            let state = NewState { version: 1, payload: id.clone().into() };
            (StreamId::new("state", page.as_str())?, Body::State(state))
        } else {
            let event = |_| NewEvent { name: "Written".into(), version: 1, payload: vec![b'x'; 50].into(), tags: vec![] };
            (StreamId::new(KIND, page.as_str())?, Body::Events((0..scene.random.u32(..3)).map(event).collect()))
        };
        let metadata = Arc::new(Metadata::new(CommandId::new(&id)?, "Write", ego::Timestamp::UNIX_EPOCH));
        let rows = vec![RowChange::put("pages", page, id)];
        let commit =
            Commit { stream, expected: Expected::Any, metadata, codec: Name::fixed("json"), body, reply: "null".into(), rows };
        // A page that was erased takes nothing more.
        let verdict = source.append(vec![commit]).await?.pop();
        hold!(!matches!(verdict, Some(Verdict::Repeated(_)) | None), "{verdict:?}");
    }
    source.step(Step { advance: None, rows: vec![RowChange::put("rounds", "last", round.to_string())] }).await?;
    source.save_checkpoint("reader", source.head().await?).await?;
    let pages = source.list_streams(Some(KIND), None, 100).await?.items;
    if let Some(page) = scene.random.choice(&pages)
        && let (Some(first), Some(last)) = (page.first, page.revision)
        && let Some(up_to) = ego::message::Revision::new(u64::midpoint(first.get(), last.get()))
    {
        source.delete_up_to(&page.stream, up_to).await?;
    }
    if round % 3 == 2 && pages.len() > 3 {
        let page = StreamId::new(KIND, pages[0].stream.id())?;
        Maintenance::of(source.clone(), "operator", "asked for")?.erase(&page).await?;
        tell(scene, said, Said::Erased(page.id().to_owned()))?;
    }
    Ok(())
}

async fn check(mut scene: Scene) -> Outcome {
    let source = AnyStore::new(scene.open()?);
    let said: Vec<Said> = scene.said()?;
    let log = source.read_log(None, &Filter::all(), usize::MAX).await?.items;
    let mut erased = Vec::new();
    for one in &said {
        match one {
            Said::Erased(page) => erased.push(StreamId::new(KIND, page.as_str())?),
            Said::Copied(round, head) => {
                let target = open(target_of(&scene, *round))?;
                let copied = target.read_log(None, &Filter::all(), usize::MAX).await?.items;
                // What was deleted or erased since is there still, and it has an audit of its own.
                for event in log.iter().filter(|event| event.position.get() <= *head) {
                    hold!(copied.contains(event), "round {round} lacks {event:?}");
                }
                for page in &erased {
                    let head = target.stream_head(page).await?;
                    hold!(head.as_ref().is_some_and(|head| head.erased), "round {round} has {page} again: {head:?}");
                    hold!(copied.iter().all(|event| event.stream != *page), "round {round} has events of {page}");
                }
                let starts = Engine::builder().store(target).retired_kind(KIND).start().await;
                hold!(starts.is_ok(), "round {round} does not start: {starts:?}");
                starts?.stop(crate::scene::PATIENCE).await?;
            }
            Said::Round(_) | Said::Exported(_) => {}
        }
    }
    let Some(Said::Round(round)) = said.iter().rfind(|said| matches!(said, Said::Round(_))) else { return Ok(()) };
    if !said.iter().any(|said| matches!(said, Said::Copied(copied, _) if copied == round)) && target_of(&scene, *round).exists() {
        // Nobody starts on half of it. What is whole but not said is left alone: an engine would write to it.
        let target = open(target_of(&scene, *round))?;
        let marks = target.load_rows("ego/maintenance", &["unfinished".into(), "finished".into()]).await?;
        let (half, whole) = (marks[0].is_some(), marks[1].is_some());
        hold!(target.head().await?.is_none() || half != whole, "round {round} is begun and not marked");
        if half {
            match Engine::builder().store(target.clone()).retired_kind(KIND).start().await {
                Err(StartError::Problems(problems)) => {
                    let refused = problems.iter().any(|problem| matches!(problem, StartProblem::Unfinished { .. }));
                    hold!(refused, "round {round}: {problems:?}");
                }
                other => hold!(false, "an engine started on half of round {round}: {other:?}"),
            }
        }
        target.close().await?;
    }
    // Whatever was begun was entered.
    let entered = audit::entries(&source).await?.len();
    let rounds = said.iter().filter(|said| matches!(said, Said::Copied(..) | Said::Erased(_))).count();
    hold!(entered >= rounds, "{rounds} operations, but {entered} entries");
    Ok(source.close().await?)
}
