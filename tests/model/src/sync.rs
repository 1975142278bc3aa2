//! The primitives of the engine's cores, as loom has them.

use loom::sync::MutexGuard;
use loom::sync::atomic::fence;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

pub(crate) use loom::sync::atomic::AtomicU64;
pub(crate) use std::sync::atomic::Ordering;

/// With the face of parking_lot's.
#[derive(Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

/// loom takes `SeqCst` for `AcqRel`, except in fences: with one on either side an access is what it should be.
fn ordered<R>(ordering: Ordering, access: impl FnOnce() -> R) -> R {
    let fenced = || {
        if ordering == Ordering::SeqCst {
            fence(Ordering::SeqCst);
        }
    };
    fenced();
    let result = access();
    fenced();
    result
}

#[derive(Default)]
pub(crate) struct AtomicBool(loom::sync::atomic::AtomicBool);

impl AtomicBool {
    pub(crate) fn load(&self, ordering: Ordering) -> bool {
        ordered(ordering, || self.0.load(ordering))
    }

    pub(crate) fn store(&self, value: bool, ordering: Ordering) {
        ordered(ordering, || self.0.store(value, ordering));
    }
}

#[derive(Default)]
pub(crate) struct AtomicUsize(loom::sync::atomic::AtomicUsize);

impl AtomicUsize {
    pub(crate) fn load(&self, ordering: Ordering) -> usize {
        ordered(ordering, || self.0.load(ordering))
    }

    pub(crate) fn fetch_add(&self, value: usize, ordering: Ordering) -> usize {
        ordered(ordering, || self.0.fetch_add(value, ordering))
    }

    pub(crate) fn fetch_sub(&self, value: usize, ordering: Ordering) -> usize {
        ordered(ordering, || self.0.fetch_sub(value, ordering))
    }
}

/// As tokio's: a waiting one hears of all calls from its beginning on, also before it is polled.
#[derive(Default)]
pub(crate) struct Notify {
    calls: loom::sync::atomic::AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
}

impl Notify {
    pub(crate) fn notified(&self) -> impl Future<Output = ()> {
        let since = self.calls.load(Ordering::Acquire);
        std::future::poll_fn(move |cx: &mut Context<'_>| {
            let mut waiting = self.waiting.lock();
            if self.calls.load(Ordering::Acquire) != since {
                return Poll::Ready(());
            }
            waiting.push(cx.waker().clone());
            Poll::Pending
        })
    }

    pub(crate) fn notify_waiters(&self) {
        let mut waiting = self.waiting.lock();
        self.calls.fetch_add(1, Ordering::AcqRel);
        let woken = std::mem::take(&mut *waiting);
        drop(waiting);
        woken.into_iter().for_each(Waker::wake);
    }
}
