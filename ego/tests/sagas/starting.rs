//! What keeps an engine from starting.

use crate::domain::*;
use crate::support::*;
use ego::consumer::Policy;
use ego::engine::{StartError, StartProblem};
use ego::prelude::*;
use ego::saga::SagaOptions;
use serde::{Deserialize, Serialize};

async fn problems(builder: ego::engine::EngineBuilder) -> Vec<StartProblem> {
    match builder.start().await {
        Err(StartError::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_service_that_a_method_asks_for_is_given() {
    let problems = problems(Engine::builder()).await;
    let of_saga = problems.iter().filter(|problem| matches!(problem, StartProblem::MissingService { kind: "picky", .. }));
    assert_eq!(of_saga.count(), 2, "{problems:?}");
}

#[tokio::test]
async fn sagas_keep_no_dead_letters() {
    let builder = Engine::builder().service::<House>(House::new());
    let problems = problems(builder.saga::<Transfer>(SagaOptions::new().policy(Policy::dead_letter()))).await;
    let [StartProblem::InvalidSaga { saga, reason }] = &problems[..] else { panic!("{problems:?}") };
    assert!(saga.name.ends_with("Transfer") && reason.contains("cannot keep dead letters"), "{problems:?}");
}

/// Written by hand, and not linked in.
#[derive(Default, Serialize, Deserialize)]
struct Loose;

impl ego::model::Saga for Loose {
    const NAME: &'static str = "loose";
    const KIND: &'static str = "saga.loose";
}

#[tokio::test]
async fn options_are_for_sagas_that_are_linked_in() {
    let problems = problems(Engine::builder().service::<House>(House::new()).saga::<Loose>(quick())).await;
    assert!(matches!(problems[..], [StartProblem::UnknownSaga { saga }] if saga.ends_with("Loose")), "{problems:?}");
}
