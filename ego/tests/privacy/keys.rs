//! The folder of keys.

use ego::Timestamp;
use ego::privacy::{FileKeys, Key, KeyRing, PrivacyError, SubjectKey, SubjectKeys};
use std::path::Path;

fn ring(id: u32, key: u8) -> KeyRing {
    KeyRing::new(id, Key::new([key; Key::LEN]))
}

fn open(folder: &Path, master: KeyRing) -> FileKeys {
    FileKeys::open(folder, master).unwrap()
}

fn secret(key: SubjectKey) -> [u8; Key::LEN] {
    let SubjectKey::Known(key) = key else { panic!("{key:?}") };
    *key.expose()
}

#[tokio::test]
async fn a_key_stays_the_same_until_it_is_destroyed_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), ring(1, 1));
    assert!(matches!(keys.get("ann").await, Ok(SubjectKey::Unknown)));
    let created = secret(keys.create("ann").await.unwrap());
    let keys = open(folder.path(), ring(1, 1));
    assert_eq!(secret(keys.get("ann").await.unwrap()), created);
    assert_eq!(secret(keys.create("ann").await.unwrap()), created);
    assert_ne!(secret(keys.create("bob").await.unwrap()), created);
    let time = Timestamp::from_second(5).unwrap();
    keys.destroy("ann", time).await.unwrap();
    keys.destroy("ann", Timestamp::from_second(6).unwrap()).await.unwrap();
    for keys in [keys, open(folder.path(), ring(1, 1))] {
        assert!(matches!(keys.get("ann").await, Ok(SubjectKey::Forgotten { at }) if at == time));
        assert!(matches!(keys.create("ann").await, Ok(SubjectKey::Forgotten { at }) if at == time));
    }
}

#[tokio::test]
async fn of_many_who_create_a_key_at_once_all_get_the_same() {
    let folder = tempfile::tempdir().unwrap();
    // Each with a folder of its own, as several programs have.
    let made = (0..8).map(|_| {
        let keys = open(folder.path(), ring(1, 1));
        tokio::spawn(async move { secret(keys.create("ann").await.unwrap()) })
    });
    let made: Vec<_> = made.collect();
    let mut all = Vec::new();
    for made in made {
        all.push(made.await.unwrap());
    }
    all.dedup();
    assert_eq!(all.len(), 1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_wrong_master_a_changed_file_and_a_moved_one_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), ring(1, 1));
    keys.create("ann").await.unwrap();
    let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    keys.create("bob").await.unwrap();
    let of_bob = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).find(|other| *other != path).unwrap();
    let wrong = open(folder.path(), ring(1, 2)).get("ann").await.unwrap_err();
    assert!(matches!(wrong, PrivacyError::WrongKey { .. }), "{wrong}");
    let unknown = open(folder.path(), ring(2, 2)).get("ann").await.unwrap_err();
    assert_eq!(unknown, PrivacyError::UnknownKey { id: 1 });
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, std::fs::read(of_bob).unwrap()).unwrap();
    assert_eq!(keys.get("ann").await.unwrap_err(), PrivacyError::Tampered);
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(keys.get("ann").await.unwrap_err(), PrivacyError::Tampered);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(keys.get("ann").await, Ok(SubjectKey::Unknown)));
}

#[tokio::test]
async fn subjects_are_listed_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), ring(1, 1));
    let subjects: Vec<String> = (0..7).map(|n| format!("s-{n}")).collect();
    for subject in &subjects {
        keys.create(subject).await.unwrap();
    }
    keys.destroy("s-3", Timestamp::UNIX_EPOCH).await.unwrap();
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = keys.list(after.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    all.sort();
    assert_eq!(all, subjects);
}

#[tokio::test]
async fn a_new_master_key_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), ring(1, 1));
    let secret_before = secret(keys.create("ann").await.unwrap());
    keys.destroy("bob", Timestamp::UNIX_EPOCH).await.unwrap();
    let rotated = open(folder.path(), ring(2, 2).older(1, Key::new([1; Key::LEN])));
    assert_eq!(secret(rotated.get("ann").await.unwrap()), secret_before);
    assert_eq!(rotated.reseal().await, Ok(2));
    assert_eq!(rotated.reseal().await, Ok(0));
    let alone = open(folder.path(), ring(2, 2));
    assert_eq!(secret(alone.get("ann").await.unwrap()), secret_before);
    assert!(matches!(alone.get("bob").await, Ok(SubjectKey::Forgotten { .. })));
}
