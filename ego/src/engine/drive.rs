//! Work that begins in the caller and ends wherever it can.

use futures_util::task::noop_waker_ref;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use tokio::runtime::Handle;

/// Runs the work as far as it gets without waiting, and hands what is left to the runtime.
///
/// Most commands never wait: a synchronous handler on a warm aggregate and a store in memory finish here, without a task. What has to
/// wait must not depend on the caller, who may be dropped or never polled again.
pub(super) fn drive(runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
    let mut work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(work);
    // The waker of this one poll is never needed: a spawned task is polled again at once, with its own.
    if work.as_mut().poll(&mut Context::from_waker(noop_waker_ref())).is_pending() {
        runtime.spawn(work);
    }
}
