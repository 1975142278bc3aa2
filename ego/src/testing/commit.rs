//! How rules write commits: `commit("a").expects(at(2)).event("Opened", b"..").id("c1")`.

use crate::message::{CommandId, Expected, InvalidText, Metadata, Position, Revision, StreamId};
use crate::store::{Body, Commit, NewEvent, NewState};
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The kind of the streams that rules write to when kinds are not their subject.
pub(super) const KIND: &str = "thing";

/// A commit to the stream `thing/id`: of nothing, under a command id of its own, whatever is there.
pub(super) fn commit(id: &str) -> Draft {
    commit_to(&stream(id))
}

pub(super) fn commit_to(stream: &StreamId) -> Draft {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = command_id(&format!("command-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    Draft {
        commit: Commit {
            stream: stream.clone(),
            expected: Expected::Any,
            metadata: Arc::new(Metadata::new(id, "Do", Timestamp::UNIX_EPOCH)),
            codec: "raw".into(),
            body: Body::Events(Vec::new()),
            reply: Bytes::new(),
            rows: Vec::new(),
        },
    }
}

pub(super) fn stream(id: &str) -> StreamId {
    stream_of(KIND, id)
}

pub(super) fn stream_of(kind: &str, id: &str) -> StreamId {
    valid(StreamId::new(kind, id))
}

pub(super) fn command_id(text: &str) -> CommandId {
    valid(CommandId::new(text))
}

pub(super) fn valid<T>(made: Result<T, InvalidText>) -> T {
    made.unwrap_or_else(|error| panic!("the rule itself is wrong: {error}"))
}

/// That the last revision is this one.
pub(super) fn at(number: u64) -> Expected {
    Expected::Exact(revision(number))
}

pub(super) fn revision(number: u64) -> Revision {
    Revision::new(number).unwrap_or_else(|| panic!("the rule itself is wrong: revisions start at 1"))
}

pub(super) fn position(number: u64) -> Position {
    Position::new(number).unwrap_or_else(|| panic!("the rule itself is wrong: positions start at 1"))
}

/// A commit that is being written.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) commit: Commit,
}

impl Draft {
    pub(super) fn expects(mut self, expected: Expected) -> Self {
        self.commit.expected = expected;
        self
    }

    pub(super) fn event(self, name: &str, payload: &[u8]) -> Self {
        self.new_event(NewEvent { name: name.into(), version: 1, payload: Bytes::copy_from_slice(payload), tags: Vec::new() })
    }

    pub(super) fn tagged(self, name: &str, tags: &[&str]) -> Self {
        let tags = tags.iter().map(|tag| Arc::from(*tag)).collect();
        self.new_event(NewEvent { name: name.into(), version: 1, payload: Bytes::from_static(b"tagged"), tags })
    }

    /// So many events, with their numbers as payloads.
    pub(super) fn events(self, count: u64) -> Self {
        (1..=count).fold(self, |draft, number| draft.event("Counted", number.to_string().as_bytes()))
    }

    pub(super) fn new_event(mut self, event: NewEvent) -> Self {
        match &mut self.commit.body {
            Body::Events(events) => events.push(event),
            Body::State(_) => panic!("the rule itself is wrong: a commit holds events or a state"),
        }
        self
    }

    pub(super) fn state(mut self, payload: &[u8]) -> Self {
        self.commit.body = Body::State(NewState { version: 1, payload: Bytes::copy_from_slice(payload) });
        self
    }

    pub(super) fn id(self, id: &str) -> Self {
        let id = command_id(id);
        self.metadata(|metadata| {
            metadata.correlation_id = id.clone().into();
            metadata.command_id = id;
        })
    }

    pub(super) fn command(self, name: &str) -> Self {
        self.metadata(|metadata| metadata.command = name.into())
    }

    pub(super) fn metadata(mut self, change: impl FnOnce(&mut Metadata)) -> Self {
        change(Arc::make_mut(&mut self.commit.metadata));
        self
    }

    pub(super) fn codec(mut self, name: &str) -> Self {
        self.commit.codec = name.into();
        self
    }

    pub(super) fn reply(mut self, reply: &[u8]) -> Self {
        self.commit.reply = Bytes::copy_from_slice(reply);
        self
    }

    pub(super) fn command_id(&self) -> &CommandId {
        &self.commit.metadata.command_id
    }
}
