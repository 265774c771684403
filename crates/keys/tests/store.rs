//! What the file store promises: one key per subject, kept, shared, destroyed for good, and nobody else may look.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use brainops_event::{DataKey, KeyError, KeyId, KeyStore, Sealer};
use brainops_keys::FileKeyStore;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &TempDir) -> FileKeyStore {
    FileKeyStore::open(folder.path().join("keys")).unwrap()
}

fn refusal(folder: &TempDir) -> KeyError {
    FileKeyStore::open(folder.path().join("keys")).map(|_| ()).unwrap_err()
}

fn file(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("keys").join("keys")
}

fn key(store: &FileKeyStore, subject: &str) -> DataKey {
    store.keys_for(&[subject]).unwrap().remove(0)
}

fn same(one: &DataKey, other: &DataKey) -> bool {
    one.id() == other.id() && one.secret() == other.secret()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_subject_has_one_key_for_ever() {
    let folder = folder();
    let (first, pseudonym) = {
        let store = open(&folder);
        let keys = store.keys_for(&["lead-1", "lead-2", "lead-1"]).unwrap();
        assert!(same(&keys[0], &keys[2]));
        assert_ne!(keys[0].id(), keys[1].id());
        assert_ne!(keys[0].secret(), keys[1].secret());
        assert!(same(&store.key(keys[1].id()).unwrap(), &keys[1]));
        (keys, store.pseudonym("author", "ada@example.org"))
    };
    let again = open(&folder);
    let keys = again.keys_for(&["lead-2", "lead-1"]).unwrap();
    assert!(same(&keys[1], &first[0]) && same(&keys[0], &first[1]));
    assert_eq!(again.pseudonym("author", "ada@example.org"), pseudonym);
    assert_ne!(again.pseudonym("lead", "ada@example.org"), pseudonym);
}

#[test]
fn another_installation_has_other_ids_and_pseudonyms() {
    let (here, there) = (folder(), folder());
    let (here, there) = (open(&here), open(&there));
    assert_ne!(key(&here, "lead-1").id(), key(&there, "lead-1").id());
    assert_ne!(here.pseudonym("author", "a"), there.pseudonym("author", "a"));
}

#[test]
fn it_seals_to_the_same_value_and_opens_also_after_a_restart() {
    let folder = folder();
    let store = open(&folder);
    let sealer: &dyn Sealer = &store;
    let one = sealer.seal("lead-1", "name", "Ada").unwrap();
    assert_eq!(sealer.seal("lead-1", "name", "Ada").unwrap(), one);
    assert_eq!(open(&folder).seal("lead-1", "name", "Ada").unwrap(), one);
    let id: KeyId = one.key_id.parse().unwrap();
    assert_eq!(one.open(&open(&folder).key(&id).unwrap(), "name").unwrap(), "Ada");
}

#[test]
fn an_unknown_key_and_a_nameless_subject_are_refused() {
    let folder = folder();
    let store = open(&folder);
    let id: KeyId = "k-98a9a0c9f1c337e5941ef8a712c5c42a".parse().unwrap();
    assert!(matches!(store.key(&id), Err(KeyError::Unknown(unknown)) if unknown == id));
    assert!(matches!(store.keys_for(&["lead-1", ""]), Err(KeyError::NoSubject)));
    assert!(store.keys_for(&[]).unwrap().is_empty());
    assert_eq!(fs::read_to_string(file(&folder)).unwrap().lines().count(), 1, "no key was made");
}

#[test]
fn a_destroyed_key_is_gone_and_never_made_again() {
    let folder = folder();
    let store = open(&folder);
    let other_handle = open(&folder);
    let doomed = key(&store, "lead-1");
    let kept = key(&store, "lead-2");
    assert!(same(&other_handle.key(doomed.id()).unwrap(), &doomed));
    let line = fs::read_to_string(file(&folder)).unwrap().lines().nth(1).unwrap().to_owned();
    let secret = line.split(' ').nth(3).unwrap().to_owned();

    assert!(store.destroy(doomed.id()).unwrap());
    assert!(!store.destroy(doomed.id()).unwrap(), "it was destroyed before");
    assert!(!other_handle.destroy(doomed.id()).unwrap());
    assert!(!fs::read_to_string(file(&folder)).unwrap().contains(&secret), "the secret is off the disk");
    for store in [&store, &other_handle, &open(&folder)] {
        assert!(matches!(store.key(doomed.id()), Err(KeyError::Destroyed(_))));
        assert!(matches!(store.keys_for(&["lead-3", "lead-1"]), Err(KeyError::Destroyed(_))));
        assert!(matches!(store.seal("lead-1", "name", "Ada"), Err(KeyError::Destroyed(_))));
        assert!(same(&key(store, "lead-2"), &kept));
    }
    assert_eq!(fs::read_to_string(file(&folder)).unwrap().lines().count(), 4, "lead-3 got no key");
}

#[test]
fn a_key_may_be_destroyed_before_this_store_ever_held_it() {
    let folder = folder();
    let store = open(&folder);
    let restored = folder.path().join("before");
    fs::copy(file(&folder), &restored).unwrap();
    let id = key(&store, "lead-1").id().clone();
    drop(store);
    // the folder comes back from a copy that is older than the key; then its destruction is applied again
    fs::write(file(&folder), fs::read(&restored).unwrap()).unwrap();
    let store = open(&folder);
    assert!(store.destroy(&id).unwrap());
    assert!(matches!(store.keys_for(&["lead-1"]), Err(KeyError::Destroyed(_))));
    assert!(matches!(open(&folder).keys_for(&["lead-1"]), Err(KeyError::Destroyed(_))));
}

#[test]
fn handles_that_append_at_once_agree() {
    let folder = folder();
    let subjects: Vec<String> = (0..60).map(|number| format!("lead-{number}")).collect();
    let start = Barrier::new(4);
    let made: Vec<Vec<DataKey>> = thread::scope(|scope| {
        let work = |shift: usize| {
            let (folder, subjects, start) = (&folder, &subjects, &start);
            scope.spawn(move || {
                let store = open(folder);
                start.wait();
                let mut keys: Vec<_> = (0..subjects.len())
                    .map(|place| (place + shift * 15) % subjects.len())
                    .map(|place| (place, key(&store, &subjects[place])))
                    .collect();
                keys.sort_by_key(|(place, _)| *place);
                keys.into_iter().map(|(_, key)| key).collect()
            })
        };
        let threads: Vec<_> = (0..4).map(work).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for keys in &made {
        assert!(keys.iter().zip(&made[0]).all(|(one, other)| same(one, other)));
    }
    assert_eq!(fs::read_to_string(file(&folder)).unwrap().lines().count(), 61);
    assert!(same(&key(&open(&folder), "lead-7"), &made[0][7]));
}

#[test]
fn folders_and_files_are_made_for_their_owner_alone() {
    let folder = folder();
    drop(open(&folder));
    assert_eq!((mode(&folder.path().join("keys")), mode(&file(&folder))), (0o700, 0o600));
}

#[test]
fn what_others_may_read_is_refused_by_name_and_mode() {
    for wrong in [0o755, 0o750, 0o701, 0o777, 0o500] {
        let folder = folder();
        drop(open(&folder));
        fs::set_permissions(folder.path().join("keys"), Permissions::from_mode(wrong)).unwrap();
        let told = refusal(&folder).to_string();
        let place = folder.path().join("keys").display().to_string();
        assert!(told.contains(&format!("{place} has mode {wrong:04o}, wanted 0700")), "{told}");
    }
    for wrong in [0o644, 0o640, 0o604, 0o660, 0o700, 0o400] {
        let folder = folder();
        drop(open(&folder));
        fs::set_permissions(file(&folder), Permissions::from_mode(wrong)).unwrap();
        let told = refusal(&folder).to_string();
        assert!(
            told.contains(&format!("{} has mode {wrong:04o}, wanted 0600", file(&folder).display())),
            "{told}"
        );
    }
}

#[test]
fn what_is_no_folder_or_no_file_is_refused() {
    let place = folder();
    fs::write(place.path().join("keys"), "").unwrap();
    assert!(matches!(refusal(&place), KeyError::Unavailable { .. }));
    let place = folder();
    drop(open(&place));
    fs::remove_file(file(&place)).unwrap();
    fs::create_dir(file(&place)).unwrap();
    assert!(matches!(refusal(&place), KeyError::Unavailable { .. }));
}

/// Keys written to a file that is no longer there would be lost, and with them what they seal.
#[test]
fn nothing_is_written_to_a_file_that_was_replaced() {
    let folder = folder();
    let store = open(&folder);
    let old = key(&store, "lead-1");
    fs::rename(file(&folder), folder.path().join("moved")).unwrap();
    assert!(matches!(store.keys_for(&["lead-2"]), Err(KeyError::Unavailable { .. })));
    fs::copy(folder.path().join("moved"), file(&folder)).unwrap();
    assert!(matches!(store.keys_for(&["lead-2"]), Err(KeyError::Unavailable { .. })));
    assert!(same(&key(&store, "lead-1"), &old), "what is known can still be used");
    assert!(same(&key(&open(&folder), "lead-1"), &old));
}

#[test]
fn nothing_secret_is_shown() {
    let folder = folder();
    let store = open(&folder);
    let made = key(&store, "lead-1");
    let line = fs::read_to_string(file(&folder)).unwrap().lines().nth(1).unwrap().to_owned();
    let secret = line.split(' ').nth(3).unwrap().to_owned();
    fs::write(file(&folder), fs::read_to_string(file(&folder)).unwrap().replace(made.id().as_str(), "k-0"))
        .unwrap();
    let told = format!("{made:?} {:?} {}", refusal(&folder), refusal(&folder));
    assert!(!told.contains(&secret), "{told}");
}
