//! The key store over the file: looks keys up, makes the missing ones, destroys.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use brainops_event::{DataKey, InstallationKey, KEY_BYTES, KeyError, KeyId, KeyStore};
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::folder::unavailable;
use crate::journal::{Journal, Lock};
use crate::line;
use crate::ring::Ring;

const FILE_NAME: &str = "keys";

/// One key per data subject in an append-only file that several processes may share.
///
/// The file `keys` has mode 0600 in a folder of mode 0700 and also holds the installation's key, which is made with
/// it. A key is on disk before it is used. A destroyed key is overwritten where it stands, and a line stays that
/// keeps it from being made again. All keys are held in memory, wiped when dropped; each call first looks whether
/// another process appended to the file, so that a key destroyed there is not used here.
///
/// Cost: making any number of keys in one [`KeyStore::keys_for`] is one fsync; finding them is one `fstat`. Ask for
/// the keys of a whole batch before sealing its values one by one.
///
/// Every call may wait for the disk, and up to ten seconds for another process: async code calls it from a thread
/// that may block.
pub struct FileKeyStore {
    installation: InstallationKey,
    kept: Mutex<Kept>,
}

struct Kept {
    journal: Journal,
    ring: Ring,
}

impl FileKeyStore {
    /// Opens the store in `folder`; makes the folder, the file and the installation's key when they are missing.
    ///
    /// Refuses a folder or file that others may read, and a file with a damaged line. A torn last line, as a killed
    /// process leaves it, is dropped.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, KeyError> {
        let folder = folder.as_ref();
        let journal = Journal::open(folder, folder.join(FILE_NAME))?;
        let mut kept = Kept { journal, ring: Ring::default() };
        let installation = kept.begin(&folder.join(FILE_NAME))?;
        Ok(Self { installation, kept: Mutex::new(kept) })
    }

    fn kept(&self) -> Result<MutexGuard<'_, Kept>, KeyError> {
        self.kept
            .lock()
            .map_err(|_| unavailable(Path::new(FILE_NAME), "a thread died while it used the keys"))
    }
}

impl KeyStore for FileKeyStore {
    fn keys_for(&self, data_subjects: &[&str]) -> Result<Vec<DataKey>, KeyError> {
        if data_subjects.iter().any(|subject| subject.is_empty()) {
            return Err(KeyError::NoSubject);
        }
        let ids: Vec<KeyId> = data_subjects.iter().map(|subject| self.installation.key_id(subject)).collect();
        let mut kept = self.kept()?;
        kept.catch_up()?;
        if !kept.missing(&ids)?.is_empty() {
            kept.make_missing(&ids)?;
        }
        ids.iter().map(|id| kept.key(id)).collect()
    }

    fn key(&self, id: &KeyId) -> Result<DataKey, KeyError> {
        let mut kept = self.kept()?;
        kept.catch_up()?;
        kept.key(id)
    }

    fn pseudonym(&self, purpose: &str, text: &str) -> String {
        self.installation.pseudonym(purpose, text)
    }

    fn destroy(&self, id: &KeyId) -> Result<bool, KeyError> {
        self.kept()?.destroy(id)
    }
}

impl Kept {
    /// Reads the file from its beginning, and does what a first start or a crash left to be done.
    fn begin(&mut self, path: &Path) -> Result<InstallationKey, KeyError> {
        let Self { journal, ring } = self;
        journal.locked(Lock::Alone, |journal| {
            journal.catch_up(ring)?;
            journal.drop_torn_tail()?;
            journal.blot(&ring.take_blots_due())?;
            if ring.installation().is_none() {
                let made = InstallationKey::new(random_secret(path)?);
                journal.append(&line::installation(&made), ring)?;
            }
            ring.installation().cloned().ok_or_else(|| unavailable(path, "it has no installation key"))
        })
    }

    fn catch_up(&mut self) -> Result<(), KeyError> {
        let Self { journal, ring } = self;
        if !journal.has_news()? {
            return Ok(());
        }
        journal.locked(Lock::Shared, |journal| journal.catch_up(ring))
    }

    fn key(&self, id: &KeyId) -> Result<DataKey, KeyError> {
        self.ring.get(id)?.cloned().ok_or_else(|| KeyError::Unknown(id.clone()))
    }

    fn missing(&self, ids: &[KeyId]) -> Result<HashSet<KeyId>, KeyError> {
        missing(&self.ring, ids)
    }

    fn make_missing(&mut self, ids: &[KeyId]) -> Result<(), KeyError> {
        let Self { journal, ring } = self;
        journal.locked(Lock::Alone, |journal| {
            journal.catch_up(ring)?;
            // Another process may have made some, or destroyed some, since we looked.
            let missing = missing(ring, ids)?;
            let mut text = Zeroizing::new(String::with_capacity(missing.len() * line::MAX_LINE_BYTES));
            for id in missing {
                let key = DataKey::new(id, random_secret(Path::new(FILE_NAME))?);
                text.push_str(&line::key(&key));
            }
            if text.is_empty() { Ok(()) } else { journal.append(&text, ring) }
        })
    }

    fn destroy(&mut self, id: &KeyId) -> Result<bool, KeyError> {
        let Self { journal, ring } = self;
        journal.locked(Lock::Alone, |journal| {
            journal.catch_up(ring)?;
            let first = !ring.is_destroyed(id);
            if first {
                journal.append(&line::destroyed(id), ring)?;
            }
            journal.blot(&ring.take_blots_due())?;
            Ok(first)
        })
    }
}

fn missing(ring: &Ring, ids: &[KeyId]) -> Result<HashSet<KeyId>, KeyError> {
    let mut missing = HashSet::new();
    for id in ids {
        if ring.get(id)?.is_none() {
            missing.insert(id.clone());
        }
    }
    Ok(missing)
}

fn random_secret(place: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyError> {
    let mut secret = Zeroizing::new([0_u8; KEY_BYTES]);
    SysRng.try_fill_bytes(secret.as_mut_slice()).map_err(|error| unavailable(place, error))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syncs(store: &FileKeyStore) -> usize {
        store.kept().unwrap().journal.syncs
    }

    #[test]
    fn any_number_of_new_keys_is_one_fsync_and_finding_them_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileKeyStore::open(folder.path().join("keys")).unwrap();
        let subjects: Vec<String> = (0..1000).map(|number| format!("author-{number}")).collect();
        let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
        let before = syncs(&store);
        store.keys_for(&subjects).unwrap();
        assert_eq!(syncs(&store), before + 1);
        store.keys_for(&subjects).unwrap();
        store.keys_for(&subjects[3..5]).unwrap();
        assert_eq!(syncs(&store), before + 1);
    }

    /// The other process may have died between its write and its fsync.
    #[test]
    fn keys_that_another_handle_made_are_on_disk_before_they_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let one = FileKeyStore::open(folder.path().join("keys")).unwrap();
        let other = FileKeyStore::open(folder.path().join("keys")).unwrap();
        one.keys_for(&["lead-1"]).unwrap();
        let before = syncs(&other);
        other.keys_for(&["lead-1"]).unwrap();
        assert_eq!(syncs(&other), before + 1);
    }
}
