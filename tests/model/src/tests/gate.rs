//! Commands that come in at several doors while the engine stops.

use super::explore;
use crate::gate::{Gate, Inside};
use loom::future::block_on;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

#[derive(Default)]
struct Engine {
    gate: Gate,
    doors: [Inside; 2],
    store: Store,
}

/// Notes that loom does not see: its fences would order every use.
#[derive(Default)]
struct Store {
    closed: AtomicBool,
    used: AtomicUsize,
}

impl Engine {
    fn inside(&self) -> usize {
        self.doors.iter().map(Inside::count).sum()
    }

    /// Whether it was let in.
    fn command(&self, door: usize) -> bool {
        let door = &self.doors[door];
        let enters = door.enter(&self.gate);
        if enters {
            assert!(!self.store.closed.load(Relaxed), "it came in after the end");
            self.store.used.fetch_add(1, Relaxed);
            // As commands do, and others may go on here.
            assert!(!self.gate.is_hurried(), "it is waited for");
            self.store.used.fetch_sub(1, Relaxed);
            door.leave(&self.gate);
        }
        enters
    }

    fn stop(&self) {
        self.gate.close();
        block_on(self.gate.emptied(|| self.inside()));
        self.gate.hurry();
        assert_eq!(self.store.used.load(Relaxed), 0, "the store is closed under a command");
        self.store.closed.store(true, Relaxed);
        assert!(!self.command(0), "it came in after the end");
    }
}

fn spawn(engine: &Arc<Engine>, does: impl FnOnce(&Engine) + 'static) -> thread::JoinHandle<()> {
    let engine = Arc::clone(engine);
    thread::spawn(move || does(&engine))
}

#[test]
fn nobody_is_inside_when_the_store_is_closed() {
    explore(None, || {
        let engine = Arc::new(Engine::default());
        let command = spawn(&engine, |engine| {
            engine.command(0);
        });
        engine.stop();
        command.join().expect("a command panicked");
        assert_eq!(engine.inside(), 0);
    });
}

#[test]
fn the_last_to_leave_of_two_doors_is_waited_for() {
    explore(Some(3), || {
        let engine = Arc::new(Engine::default());
        let commands = [0, 1].map(|door| {
            spawn(&engine, move |engine| {
                engine.command(door);
            })
        });
        engine.stop();
        commands.into_iter().for_each(|command| command.join().expect("a command panicked"));
        assert_eq!(engine.inside(), 0);
    });
}

#[test]
fn the_last_to_leave_of_one_door_is_waited_for() {
    explore(Some(3), || {
        let engine = Arc::new(Engine::default());
        let commands = [0, 1].map(|_| {
            spawn(&engine, move |engine| {
                engine.command(1);
            })
        });
        engine.stop();
        commands.into_iter().for_each(|command| command.join().expect("a command panicked"));
        assert_eq!(engine.inside(), 0);
    });
}

#[test]
fn who_sees_the_time_over_sees_the_gate_closed() {
    explore(None, || {
        let engine = Arc::new(Engine::default());
        let command = spawn(&engine, |engine| {
            if engine.gate.is_hurried() {
                assert!(!engine.command(0));
            }
        });
        engine.gate.close();
        engine.gate.hurry();
        command.join().expect("the command panicked");
    });
}
