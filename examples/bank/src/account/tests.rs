//! The rules, each as given, when, then. No engine and no store.

use super::*;

const DAY: Date = Date::constant(1994, 1, 3);

fn money(hundredths: u64) -> Money {
    Money::from_hundredths(hundredths)
}

fn details() -> Details {
    Details { date: DAY, operation: Some("VKLAD".into()), ..Details::default() }
}

fn opened() -> AccountEvent {
    AccountEvent::Opened { on: DAY }
}

fn deposited(hundredths: u64) -> AccountEvent {
    AccountEvent::Deposited { amount: money(hundredths), details: details() }
}

fn frozen() -> AccountEvent {
    AccountEvent::Frozen { reason: "lost card".into() }
}

fn deposit(hundredths: u64) -> Deposit {
    Deposit { amount: money(hundredths), details: details() }
}

fn withdraw(hundredths: u64) -> Withdraw {
    Withdraw { amount: money(hundredths), details: details() }
}

#[tokio::test]
async fn an_account_is_opened_once() {
    ego::test::<Account>()
        .when(Open { on: DAY })
        .await
        .then_events([opened()])
        .and()
        .when(Open { on: DAY })
        .await
        .then_rejected(AccountError::OpenedBefore);
}

#[tokio::test]
async fn a_deposit_adds_to_the_balance() {
    ego::test::<Account>()
        .given([opened(), deposited(500)])
        .when(deposit(250))
        .await
        .then_events([deposited(250)])
        .then_reply(Answer::Done { balance: money(750) })
        .then_state(Account { status: Status::Open, balance: money(750), transactions: 2, refused: 0 });
}

#[tokio::test]
async fn the_whole_balance_can_be_withdrawn() {
    ego::test::<Account>()
        .given([opened(), deposited(500)])
        .when(withdraw(500))
        .await
        .then_events([AccountEvent::Withdrawn { amount: money(500), details: details() }])
        .then_reply(Answer::Done { balance: Money::ZERO });
}

#[tokio::test]
async fn a_withdrawal_larger_than_the_balance_is_recorded_as_declined() {
    ego::test::<Account>()
        .given([opened(), deposited(500)])
        .when(withdraw(501))
        .await
        .then_events([AccountEvent::Declined { amount: money(501), details: details() }])
        .then_reply(Answer::Declined { balance: money(500) })
        .then_state(Account { status: Status::Open, balance: money(500), transactions: 2, refused: 1 });
}

#[tokio::test]
async fn nothing_moves_before_the_account_is_open() {
    ego::test::<Account>().when(deposit(1)).await.then_rejected(AccountError::NotOpen);
    ego::test::<Account>().when(withdraw(1)).await.then_rejected(AccountError::NotOpen);
    ego::test::<Account>().when(Close {}).await.then_rejected(AccountError::NotOpen);
}

#[tokio::test]
async fn a_frozen_account_takes_money_in_but_lets_none_out() {
    ego::test::<Account>()
        .given([opened(), frozen()])
        .when(deposit(100))
        .await
        .then_reply(Answer::Done { balance: money(100) })
        .and()
        .when(withdraw(100))
        .await
        .then_rejected(AccountError::Frozen)
        .and()
        .when(Unfreeze {})
        .await
        .then_events([AccountEvent::Unfrozen])
        .and()
        .when(withdraw(100))
        .await
        .then_reply(Answer::Done { balance: Money::ZERO });
}

#[tokio::test]
async fn freezing_twice_changes_nothing() {
    let again = Freeze { reason: "again".into() };
    ego::test::<Account>().given([opened(), frozen()]).when(again).await.then_nothing();
    ego::test::<Account>().given([opened()]).when(Unfreeze {}).await.then_nothing();
}

#[tokio::test]
async fn only_an_empty_account_that_is_not_frozen_can_be_closed() {
    let balance = money(1);
    ego::test::<Account>().given([opened(), deposited(1)]).when(Close {}).await.then_rejected(AccountError::NotEmpty { balance });
    ego::test::<Account>().given([opened(), frozen()]).when(Close {}).await.then_rejected(AccountError::Frozen);
    ego::test::<Account>().given([opened()]).when(Close {}).await.then_events([AccountEvent::Closed]);
}

#[tokio::test]
async fn nothing_happens_to_a_closed_account() {
    let closed = || ego::test::<Account>().given([opened(), AccountEvent::Closed]);
    closed().when(Open { on: DAY }).await.then_rejected(AccountError::OpenedBefore);
    closed().when(deposit(1)).await.then_rejected(AccountError::Closed);
    closed().when(withdraw(1)).await.then_rejected(AccountError::Closed);
    closed().when(Freeze { reason: String::new() }).await.then_rejected(AccountError::Closed);
    closed().when(Close {}).await.then_rejected(AccountError::Closed);
}

#[tokio::test]
async fn a_balance_that_cannot_be_counted_is_refused() {
    ego::test::<Account>().given([opened(), deposited(u64::MAX)]).when(deposit(1)).await.then_rejected(AccountError::TooMuch);
}
