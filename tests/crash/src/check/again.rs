//! I11: what was answered is sent again and has no second effect; what the kill cut off is sent again, as its client would, and has one.

use super::Checked;
use super::log::Log;
use crate::house::{NOTE, PILE};
use crate::known::Known;
use crate::outcome::{Outcome, hold};
use crate::random::Random;
use crate::tried::{Answer, Asked, Promise};
use ego::Engine;
use ego::message::{CommandId, Position};
use ego::store::Store;
use ego_sled::SledStore;

/// How many of the newest commands, and of any, are asked for and sent again.
const NEWEST: usize = 40;
const ANY: usize = 10;

pub(super) async fn check(
    known: &mut Known,
    log: &Log,
    store: &SledStore,
    engine: &Engine,
    seed: u64,
    checked: &mut Checked,
) -> Outcome {
    let mut random = Random::new(seed);
    let newest = known.order.iter().rev().take(NEWEST);
    let any = (0..ANY).filter_map(|_| known.order.get(random.below(known.order.len() as u64) as usize));
    let tokens: Vec<String> = newest.chain(any).cloned().collect();
    for token in &tokens {
        the_store_knows_it(known, log, store, token).await?;
    }
    for token in &tokens {
        checked.repeated += u64::from(it_has_no_second_effect(known, log, engine, token).await?);
    }
    let head = store.head().await?.map_or(0, Position::get);
    hold!(head == known.head, "what was sent again moved the head from {} to {head} (I11)", known.head);
    finish(known, log, store, engine).await
}

/// The id that it was recorded under; `None` when it was not recorded.
fn recorded_id<'k>(known: &'k Known, log: &Log, token: &str) -> Option<&'k str> {
    let track = known.tries.get(token)?;
    match &track.answer {
        Some(Answer::Promised(promise)) if track.tried.own_id || log.found.contains_key(token) => Some(&promise.id),
        _ => None,
    }
}

async fn the_store_knows_it(known: &Known, log: &Log, store: &SledStore, token: &str) -> Outcome {
    let Some(track) = known.tries.get(token) else { return Ok(()) };
    let stream = &track.tried.stream;
    if known.pile(stream).erased {
        return Ok(());
    }
    if let (Some(id), Some(Answer::Promised(promise))) = (recorded_id(known, log, token), &track.answer) {
        let found = store.find_command(stream, &CommandId::new(id)?).await?;
        let found = found.as_ref().map(Promise::of).transpose()?;
        hold!(found.as_ref() == Some(promise), "{token} was promised {promise:?}, the store knows {found:?} (I11)");
    } else if track.answer.is_some() && track.tried.own_id {
        let found = store.find_command(stream, &CommandId::new(token)?).await?;
        hold!(found.is_none(), "{token} was {:?}, and the store knows {found:?} (I4)", track.answer);
    }
    Ok(())
}

async fn it_has_no_second_effect(known: &Known, log: &Log, engine: &Engine, token: &str) -> Outcome<bool> {
    let (Some(track), Some(id)) = (known.tries.get(token), recorded_id(known, log, token)) else { return Ok(false) };
    if known.pile(&track.tried.stream).erased {
        return Ok(false);
    }
    let (answer, repeated) = track.tried.send(engine, Some(id)).await?;
    let promised = track.answer.as_ref();
    hold!(repeated && Some(&answer) == promised, "{token}, {promised:?}, sent again: {answer:?}, repeated: {repeated} (I11)");
    Ok(true)
}

async fn finish(known: &mut Known, log: &Log, store: &SledStore, engine: &Engine) -> Outcome {
    let open = known.tries.iter().filter(|(_, track)| track.answer.is_none());
    let open: Vec<_> = open.map(|(token, track)| (token.clone(), track.tried.clone())).collect();
    for (token, tried) in open {
        let found = log.found.get(&token);
        let recorded = if tried.own_id { store.find_command(&tried.stream, &CommandId::new(&token)?).await? } else { None };
        let kept_or_gone = [NOTE, PILE].contains(&tried.stream.kind()) || matches!(tried.asked, Asked::Look | Asked::Clear);
        if tried.own_id && !kept_or_gone {
            hold!(recorded.is_some() == found.is_some(), "{token}: the store knows {recorded:?}, the log holds {found:?} (I11)");
        }
        let answer = if tried.own_id {
            let (answer, repeated) = tried.send(engine, None).await?;
            if let Some(before) = recorded.as_ref().map(Promise::of).transpose()? {
                let same = repeated && answer == Answer::Promised(before.clone());
                hold!(same, "{token} was recorded as {before:?}, sent again: {answer:?}, repeated: {repeated} (I11)");
            } else {
                hold!(!repeated, "{token} was not recorded, sent again: {answer:?}, repeated (I11)");
            }
            if let Some(before) = found {
                hold!(answer == Answer::Promised(before.clone()), "{token} is {before:?} and answers {answer:?} (I11)");
            }
            known.answered(&token, answer, repeated)?;
            continue;
        } else {
            // Nobody can ask for it again: it stays as it is.
            found.cloned().map_or(Answer::Conflict, Answer::Promised)
        };
        known.answered(&token, answer, true)?;
    }
    Ok(())
}
