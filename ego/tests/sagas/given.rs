//! Tests of a saga without an engine.

use crate::domain::*;
use crate::task::*;

fn requested() -> RequestEvent {
    RequestEvent::Requested { from: "a".into(), to: "b".into(), amount: 250 }
}

#[tokio::test]
async fn a_transfer_says_what_it_sends_and_when_it_is_done() {
    ego::test_saga::<Transfer>()
        .id("t-1")
        .when::<Request>("t-1", requested())
        .await
        .then_sends::<Account>("a", Withdraw { amount: 250 })
        .then_nothing_else()
        .then_timeout("late", LATE)
        .then_running()
        .and()
        .when::<Account>("a", AccountEvent::Withdrawn { amount: 250 })
        .await
        .then_sends::<Account>("b", Deposit { amount: 250 })
        .then_state(Transfer { from: "a".into(), to: "b".into(), amount: 250, withdrawn: true })
        .and()
        .when::<Account>("b", AccountEvent::Deposited { amount: 250 })
        .await
        .then_nothing_else()
        .then_completed()
        .and()
        .when::<Account>("b", AccountEvent::Deposited { amount: 1 })
        .await
        .then_nothing();
}

#[tokio::test]
async fn what_was_refused_is_compensated() {
    ego::test_saga::<Transfer>()
        .id("t-1")
        .given::<Request>("t-1", requested())
        .given::<Account>("a", AccountEvent::Withdrawn { amount: 250 })
        .when_rejected::<Account>("b", Deposit { amount: 250 }, AccountError::Closed)
        .await
        .then_compensates::<Account>("a", Deposit { amount: 250 })
        .then_nothing_else()
        .then_compensating("the account is closed")
        .and()
        .when_taken::<Account>("a", Deposit { amount: 250 })
        .await
        .then_failed("the account is closed");
}

#[tokio::test]
async fn a_timeout_recalls_what_nobody_answered() {
    ego::test_saga::<Transfer>()
        .id("t-1")
        .given::<Request>("t-1", requested())
        .when_timeout("late")
        .await
        .then_recalls()
        .then_running()
        .and()
        .when_recalled::<Account>("a", Withdraw { amount: 250 })
        .await
        .then_failed("the saga recalled it");
}

#[tokio::test]
async fn what_the_keys_say_is_kept() {
    let begun = |process: &str| TaskEvent::Begun { process: process.into() };
    let house = House::new();
    let given = ego::test_saga::<Picky>().id("p").service::<House>(house);
    let then = given.when::<Task>("any", begun("q")).await.then_nothing();
    let then = then.and().when::<Task>("any", TaskEvent::Went { process: "p".into(), step: 1 }).await.then_nothing();
    let then = then.and().when::<Task>("any", begun("p")).await.then_state(Picky { steps: vec![0] });
    let then = then.and().when::<Task>("other", TaskEvent::Went { process: "p".into(), step: 1 }).await;
    then.then_state(Picky { steps: vec![0, 1] }).and().when::<Task>("x", begun("p")).await.then_nothing();
}

/// What the test of this says must be a failure that says it.
async fn fails(test: impl Future<Output = ()> + Send + 'static, says: &str) {
    let error = tokio::spawn(test).await.unwrap_err().into_panic();
    let said = error.downcast_ref::<String>().cloned().unwrap_or_else(|| (*error.downcast_ref::<&str>().unwrap()).to_owned());
    assert!(said.contains(says), "{said}");
}

#[tokio::test]
async fn each_expectation_fails_when_it_is_not_so() {
    let begun = || ego::test_saga::<Transfer>().id("t-1").when::<Request>("t-1", requested());
    fails(
        async move { drop(begun().await.then_sends::<Account>("a", Withdraw { amount: 1 })) },
        "found\n  Withdraw {\"amount\":250} to account/a",
    )
    .await;
    fails(async move { drop(begun().await.then_compensates::<Account>("a", Withdraw { amount: 250 })) }, "as a compensation")
        .await;
    fails(async move { drop(begun().await.then_nothing_else()) }, "sends nothing more").await;
    fails(async move { drop(begun().await.then_nothing()) }, "does nothing").await;
    fails(async move { drop(begun().await.then_completed()) }, "expected that it is Completed, found Some(Running)").await;
    fails(async move { drop(begun().await.then_failed("x")) }, "found Some(Running)").await;
    fails(async move { drop(begun().await.then_compensating("x")) }, "found Some(Running)").await;
    fails(async move { drop(begun().await.then_timeout("early", LATE)) }, "expected the timeout \"early\"").await;
    fails(async move { drop(begun().await.then_timeout("late", LATE * 2)) }, "after 120s").await;
    fails(async move { drop(begun().await.then_state(Transfer::default())) }, "expected the state").await;
    fails(async move { drop(begun().await.then_recalls()) }, "expected that it recalls").await;
    let rejected = || ego::test_saga::<Transfer>().when_rejected::<Account>("a", Withdraw { amount: 1 }, AccountError::Closed);
    fails(async move { drop(rejected().await) }, "the arrangement is broken: Withdraw").await;
    fails(async move { drop(ego::test_saga::<Transfer>().when_timeout("late").await) }, "has not begun").await;
    let house = House::new();
    house.be("fails");
    let given =
        ego::test_saga::<Picky>().id("p").service::<House>(house).given::<Task>("t", TaskEvent::Begun { process: "p".into() });
    let went = TaskEvent::Went { process: "p".into(), step: 1 };
    fails(async move { drop(given.when::<Task>("t", went).await) }, "the method failed: cannot take step 1").await;
}
