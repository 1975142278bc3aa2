//! Keys in a folder, one file for each subject.

use super::key::place;
use super::{Key, KeyRing, SubjectKey, SubjectKeys};
use crate::store::{Page, PrivacyError};
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Keeps the keys of subjects in a folder: one file each, named by a hash of the subject, its content sealed with a master key.
///
/// A key is destroyed in three steps, and a crash between them is finished by the next look at it: 1. a file that says that the subject
/// was forgotten is made durable, and from then on the key is not given out any more; 2. the bytes of the key's file are overwritten;
/// 3. the file is removed. What a file system or a disk keeps of overwritten bytes is sealed with the master key: to be safe from that,
/// rotate the master key ([`reseal`](FileKeys::reseal)) and destroy the older one.
///
/// A new subject costs two syncs. Several programs may use one folder.
#[derive(Clone, Debug)]
pub struct FileKeys(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    master: KeyRing,
    /// Held by whoever changes files of this folder in this program.
    changes: Mutex<()>,
}

/// What a file holds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    Key { subject: String, key: Zeroizing<String> },
    Forgotten { subject: String, at: Timestamp },
}

const KEY: &str = "key";
const FORGOTTEN: &str = "forgotten";

impl FileKeys {
    /// Opens the folder, or makes it. The master key opens and seals its files.
    ///
    /// # Errors
    /// [`PrivacyError::Keys`] when the folder cannot be made or synced.
    pub fn open(folder: impl Into<PathBuf>, master: KeyRing) -> Result<Self, PrivacyError> {
        let path = folder.into();
        let made = || {
            fs::create_dir_all(&path)?;
            sync_folder(&path)?;
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
        };
        made().map_err(|error| PrivacyError::keys("opening the folder of keys", error))?;
        Ok(Self(Arc::new(Folder { path, master, changes: Mutex::new(()) })))
    }

    /// Seals all files that an older master key has sealed with the current one; how many there were. After a crash, do it again.
    ///
    /// # Errors
    /// As [`SubjectKeys::get`]; some files are sealed anew then, and all can be read.
    pub async fn reseal(&self) -> Result<usize, PrivacyError> {
        self.apart(|folder| {
            let _changes = folder.changes.lock();
            let mut count = 0;
            for name in folder.names()? {
                let path = folder.path.join(&name);
                let Some(sealed) = read(&path)? else { continue };
                if !folder.master.is_current(&sealed) {
                    folder.replace(&name, &folder.master.open(name.as_bytes(), &sealed)?)?;
                    count += 1;
                }
            }
            Ok(count)
        })
        .await
    }

    /// On a thread where files may be waited for.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, PrivacyError> + Send + 'static,
    ) -> Result<T, PrivacyError> {
        let folder = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.unwrap_or_else(|lost| Err(PrivacyError::keys("looking after keys", lost)))
    }
}

#[async_trait]
impl SubjectKeys for FileKeys {
    async fn get(&self, subject: &str) -> Result<SubjectKey, PrivacyError> {
        let subject = subject.to_owned();
        self.apart(move |folder| folder.get(&subject)).await
    }

    async fn create(&self, subject: &str) -> Result<SubjectKey, PrivacyError> {
        let subject = subject.to_owned();
        self.apart(move |folder| {
            let _changes = folder.changes.lock();
            match folder.get(&subject)? {
                SubjectKey::Unknown => folder.create(&subject),
                known => Ok(known),
            }
        })
        .await
    }

    async fn destroy(&self, subject: &str, time: Timestamp) -> Result<(), PrivacyError> {
        let subject = subject.to_owned();
        self.apart(move |folder| {
            let _changes = folder.changes.lock();
            if folder.content(&file(&subject, FORGOTTEN))?.is_none() {
                folder.write(&subject, FORGOTTEN, &Content::Forgotten { subject: subject.clone(), at: time })?;
            }
            folder.wipe(&subject)
        })
        .await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page<String, String>, PrivacyError> {
        let after = after.map(|subject| file(subject, ""));
        self.apart(move |folder| {
            let mut items: Vec<String> = Vec::new();
            for name in folder.names()? {
                // One subject may have two files while it is being forgotten.
                let stem = name.split('.').next().map(|stem| format!("{stem}."));
                if after.is_some() && stem <= after {
                    continue;
                }
                let Some(Content::Key { subject, .. } | Content::Forgotten { subject, .. }) = folder.content(&name)? else {
                    continue;
                };
                if items.last() != Some(&subject) {
                    if items.len() == limit.max(1) {
                        let next = items.last().cloned();
                        return Ok(Page { items, next });
                    }
                    items.push(subject);
                }
            }
            Ok(Page { items, next: None })
        })
        .await
    }
}

/// The name of a subject's file.
fn file(subject: &str, kind: &str) -> String {
    let hash = Sha256::digest(place(&["ego", "subject", subject]));
    let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}.{kind}")
}

impl Folder {
    fn get(&self, subject: &str) -> Result<SubjectKey, PrivacyError> {
        // The word that a subject was forgotten stands above its key, which may still be there after a crash.
        if let Some(Content::Forgotten { at, .. }) = self.content(&file(subject, FORGOTTEN))? {
            self.wipe(subject)?;
            return Ok(SubjectKey::Forgotten { at });
        }
        match self.content(&file(subject, KEY))? {
            Some(Content::Key { key, .. }) => key.parse().map(SubjectKey::Known).map_err(|_| PrivacyError::Tampered),
            Some(Content::Forgotten { .. }) => Err(PrivacyError::Tampered),
            None => Ok(SubjectKey::Unknown),
        }
    }

    fn create(&self, subject: &str) -> Result<SubjectKey, PrivacyError> {
        let key = Key::generate();
        let hex = Zeroizing::new(key.expose().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        if self.write(subject, KEY, &Content::Key { subject: subject.to_owned(), key: hex })? {
            return Ok(SubjectKey::Known(key));
        }
        // Another program was first.
        self.get(subject)
    }

    fn content(&self, name: &str) -> Result<Option<Content>, PrivacyError> {
        let Some(sealed) = read(&self.path.join(name))? else { return Ok(None) };
        let plain = self.master.open(name.as_bytes(), &sealed)?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| PrivacyError::Tampered)
    }

    /// Makes a file, durable and whole, unless there is one; whether there was none.
    fn write(&self, subject: &str, kind: &str, content: &Content) -> Result<bool, PrivacyError> {
        let name = file(subject, kind);
        let plain = Zeroizing::new(serde_json::to_vec(content).map_err(|error| PrivacyError::keys("writing a key", error))?);
        let written = || {
            let part = self.part(&name, &plain)?;
            let made = match fs::hard_link(&part, self.path.join(&name)) {
                Ok(()) => true,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
                Err(error) => return Err(error),
            };
            fs::remove_file(part)?;
            sync_folder(&self.path)?;
            Ok(made)
        };
        written().map_err(|error| PrivacyError::keys("writing a key", error))
    }

    /// Puts a file in place of the one of this name.
    fn replace(&self, name: &str, plain: &[u8]) -> Result<(), PrivacyError> {
        let replaced = || {
            fs::rename(self.part(name, plain)?, self.path.join(name))?;
            sync_folder(&self.path)
        };
        replaced().map_err(|error| PrivacyError::keys("sealing a key anew", error))
    }

    /// A durable file that is no key yet.
    fn part(&self, name: &str, plain: &[u8]) -> io::Result<PathBuf> {
        let path = self.path.join(format!("{name}.{:016x}.part", fastrand::u64(..)));
        let mut part = OpenOptions::new().write(true).create_new(true).open(&path)?;
        part.write_all(&self.master.seal(name.as_bytes(), plain))?;
        part.sync_all()?;
        Ok(path)
    }

    /// Overwrites the key and removes its file, if it is still there.
    fn wipe(&self, subject: &str) -> Result<(), PrivacyError> {
        let path = self.path.join(file(subject, KEY));
        let wiped = || {
            let mut key = match OpenOptions::new().write(true).open(&path) {
                Ok(key) => key,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            let len = usize::try_from(key.metadata()?.len()).map_err(io::Error::other)?;
            key.rewind()?;
            key.write_all(&vec![0; len])?;
            key.sync_all()?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => sync_folder(&self.path),
            }
        };
        wiped().map_err(|error| PrivacyError::keys("destroying a key", error))
    }

    /// The files with keys and with forgotten subjects, in order.
    fn names(&self) -> Result<Vec<String>, PrivacyError> {
        let names = || {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if name.rsplit_once('.').is_some_and(|(_, kind)| kind == KEY || kind == FORGOTTEN) {
                    names.push(name);
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        names().map_err(|error: io::Error| PrivacyError::keys("listing keys", error))
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, PrivacyError> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PrivacyError::keys("reading a key", error)),
    }
}

/// Makes the names in it durable, where folders can be synced.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
