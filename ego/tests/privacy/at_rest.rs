//! A store behind keys keeps the rules of all stores, and shows nothing.

use crate::narrow::Narrow;
use ego::privacy::{Encrypted, Key, KeyRing};
use ego::store::MemoryStore;
use ego_sled::SledStore;

fn ring() -> KeyRing {
    KeyRing::new(1, Key::new([7; Key::LEN]))
}

// Ciphers that are not optimized take a second for what a commit may hold of these stores.
ego::testing::event_store_rules!(memory: Encrypted::open(Narrow(MemoryStore::new()), ring()).await?);
ego::testing::event_store_rules!(sled: |folder| Encrypted::open(Narrow(SledStore::open(folder)?), ring()).await?);

mod files {
    //! What a thief of the files, and one who changes them, come to.

    use super::*;
    use crate::raw::holds_nothing_of;
    use crate::sealed::id;
    use ego::message::{Expected, Metadata, MetadataDraft, StreamId};
    use ego::privacy::PrivacyError;
    use ego::store::{
        AnyStore, Body, Commit, Direction, Filter, NewEvent, NewState, RowChange, Snapshot, Step, Store, StoreError, Verdict,
    };
    use std::sync::Arc;

    const SECRET: &str = "Plaintext everywhere";

    fn stream(id: &str) -> StreamId {
        StreamId::new("patient", id).unwrap()
    }

    fn metadata(command: &str) -> Arc<Metadata> {
        let draft = MetadataDraft::new().actor(format!("{SECRET} actor")).entry("note", SECRET);
        Arc::new(draft.complete(id(command), "Admit", ego::Timestamp::UNIX_EPOCH).unwrap())
    }

    fn commit(to: &str, body: Body) -> Commit {
        Commit {
            stream: stream(to),
            expected: Expected::Any,
            metadata: metadata(&format!("c-{to}")),
            codec: "json".into(),
            body,
            reply: format!("{SECRET} reply").into(),
            rows: vec![RowChange::put("rows", to.to_owned(), format!("{SECRET} row"))],
        }
    }

    async fn fill(store: &impl Store) {
        let event =
            || NewEvent { name: "Admitted".into(), version: 1, payload: format!("{SECRET} event").into(), tags: Vec::new() };
        let state = NewState { version: 1, payload: format!("{SECRET} state").into() };
        let commits = vec![
            commit("a", Body::Events(vec![event(), event()])),
            commit("b", Body::Events(vec![event()])),
            commit("s", Body::State(state)),
        ];
        let verdicts = store.append(commits).await.unwrap();
        let Verdict::Committed(committed) = &verdicts[0] else { panic!("{verdicts:?}") };
        assert_eq!(committed.reply, format!("{SECRET} reply").as_bytes());
        let (revision, position) = (committed.revision.unwrap(), committed.position.unwrap());
        let snapshot =
            Snapshot { revision, position, version: 1, codec: "json".into(), payload: format!("{SECRET} snapshot").into() };
        store.save_snapshot(&stream("a"), snapshot).await.unwrap();
        store.step(Step { advance: None, rows: vec![RowChange::put("rows", "step", SECRET)] }).await.unwrap();
    }

    #[tokio::test]
    async fn hold_nothing_that_is_content() {
        let folder = tempfile::tempdir().unwrap();
        let store = Encrypted::open(SledStore::open(folder.path()).unwrap(), ring()).await.unwrap();
        fill(&store).await;
        let page = store.read_log(None, &Filter::all(), 10).await.unwrap();
        assert!(page.items.iter().all(|event| *event.metadata == *metadata(event.metadata.command_id.as_str())), "{page:?}");
        assert!(Arc::ptr_eq(&page.items[0].metadata, &page.items[1].metadata), "the metadata of a commit is read twice");
        let state = store.load_state(&stream("s")).await.unwrap().unwrap();
        assert_eq!((&*state.payload, &*state.metadata), (format!("{SECRET} state").as_bytes(), &*metadata("c-s")));
        holds_nothing_of(folder.path(), &[b"Plaintext", &[7; Key::LEN]]);
        store.close().await.unwrap();
        holds_nothing_of(folder.path(), &[b"Plaintext", &[7; Key::LEN]]);
    }

    fn why<T>(result: Result<T, StoreError>) -> PrivacyError {
        match result {
            Err(StoreError::Sealed { source, .. }) => source,
            Err(error) => panic!("{error:?}"),
            Ok(_) => panic!("it was opened"),
        }
    }

    #[tokio::test]
    async fn are_opened_by_the_right_keys_only() {
        let inner = MemoryStore::new();
        fill(&Encrypted::open(inner.clone(), ring()).await.unwrap()).await;
        let other = || Key::new([8; Key::LEN]);
        assert!(matches!(why(Encrypted::open(inner.clone(), KeyRing::new(1, other())).await), PrivacyError::WrongKey { .. }));
        let unknown = Encrypted::open(inner.clone(), KeyRing::new(2, other())).await.unwrap();
        assert_eq!(why(unknown.read_log(None, &Filter::all(), 1).await), PrivacyError::UnknownKey { id: 1 });
        assert_eq!(why(unknown.load_snapshot(&stream("a")).await), PrivacyError::UnknownKey { id: 1 });
        assert_eq!(why(unknown.load_state(&stream("s")).await), PrivacyError::UnknownKey { id: 1 });
        assert_eq!(why(unknown.find_command(&stream("a"), &id("c-a")).await), PrivacyError::UnknownKey { id: 1 });
        assert_eq!(why(unknown.load_rows("rows", &["a".into()]).await), PrivacyError::UnknownKey { id: 1 });
        // Rotated: what was written before is read, what is written now needs the new key.
        let rotated = Encrypted::open(inner.clone(), KeyRing::new(2, other()).older(1, Key::new([7; Key::LEN]))).await.unwrap();
        assert_eq!(rotated.read_log(None, &Filter::all(), 10).await.unwrap().items.len(), 3);
        rotated.step(Step { advance: None, rows: vec![RowChange::put("rows", "new", SECRET)] }).await.unwrap();
        let before = Encrypted::open(inner, ring()).await.unwrap();
        assert_eq!(why(before.load_rows("rows", &["new".into()]).await), PrivacyError::UnknownKey { id: 2 });
    }

    /// Somebody who writes below the keys moves what is sealed to another place.
    #[tokio::test]
    async fn tell_what_was_moved() {
        let inner = MemoryStore::new();
        let store = Encrypted::open(inner.clone(), ring()).await.unwrap();
        fill(&store).await;
        let rows = inner.load_rows("rows", &["a".into()]).await.unwrap();
        let moved = RowChange { table: "rows".into(), key: "b".into(), value: rows[0].clone() };
        inner.step(Step { advance: None, rows: vec![moved] }).await.unwrap();
        assert_eq!(why(store.load_rows("rows", &["b".into()]).await), PrivacyError::Tampered);
        assert_eq!(why(store.list_rows("rows", b"b", None, 1).await), PrivacyError::Tampered);
        let read = |from: &'static str| {
            let inner = inner.clone();
            async move { inner.read_stream(&stream(from), None, Direction::Forwards, 1).await.unwrap().items.remove(0) }
        };
        for (from, to, same_command) in [("a", "x", true), ("a", "a", false)] {
            let event = read(from).await;
            let mut forged =
                commit(to, Body::Events(vec![NewEvent { name: event.name, version: 1, payload: event.payload, tags: vec![] }]));
            forged.rows.clear();
            forged.metadata = if same_command { event.metadata } else { metadata("forged") };
            inner.append(vec![forged]).await.unwrap();
            let page = store.read_stream(&stream(to), None, Direction::Backwards, 1).await;
            assert_eq!(why(page), PrivacyError::Tampered, "{from} to {to}");
        }
        let snapshot = inner.load_snapshot(&stream("a")).await.unwrap().unwrap();
        let head = inner.stream_head(&stream("b")).await.unwrap().unwrap();
        let (revision, position) = (head.revision.unwrap(), head.position.unwrap());
        inner.save_snapshot(&stream("b"), Snapshot { revision, position, ..snapshot }).await.unwrap();
        assert_eq!(why(store.load_snapshot(&stream("b")).await), PrivacyError::Tampered);
        let _: AnyStore = AnyStore::new(store);
    }
}
