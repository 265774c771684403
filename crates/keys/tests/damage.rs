//! Torn and damaged files: a crash costs nothing that was used, and damage is named, never guessed at.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use brainops_event::{DataKey, KeyError, KeyStore};
use brainops_keys::FileKeyStore;
use tempfile::TempDir;

/// The bytes of a store with these subjects' keys, and the keys.
fn sample(subjects: &[&str]) -> (Vec<u8>, Vec<DataKey>) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileKeyStore::open(folder.path().join("k")).unwrap();
    let keys = store.keys_for(subjects).unwrap();
    (fs::read(folder.path().join("k").join("keys")).unwrap(), keys)
}

/// A folder whose key file holds these bytes.
fn with(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("k");
    fs::DirBuilder::new().mode(0o700).create(&keys).unwrap();
    write(&keys.join("keys"), bytes);
    (folder, keys)
}

fn write(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).unwrap().write_all(bytes).unwrap();
}

fn holds(store: &FileKeyStore, key: &DataKey) -> bool {
    store.key(key.id()).is_ok_and(|found| found.secret() == key.secret())
}

#[test]
fn a_file_cut_at_any_byte_opens_and_keeps_every_whole_line() {
    let subjects = ["lead-1", "lead-2", "lead-3"];
    let (bytes, keys) = sample(&subjects);
    let ends: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    for cut in 0..=bytes.len() {
        let (_folder, path) = with(&bytes[..cut]);
        let store = FileKeyStore::open(&path).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        // the first line is the installation's, the others follow it in the order of the file
        let whole = ends.iter().skip(1).filter(|end| **end <= cut).count();
        let kept = keys.iter().filter(|key| holds(&store, key)).count();
        assert_eq!(kept, whole, "cut at {cut}");
        let made = store.keys_for(&subjects).unwrap();
        let again = FileKeyStore::open(&path).unwrap();
        assert!(made.iter().all(|key| holds(&again, key)), "cut at {cut}");
    }
}

/// Another process died in mid-append while this one has the file open.
#[test]
fn a_torn_line_of_another_process_is_written_over() {
    let (bytes, keys) = sample(&["lead-1"]);
    let torn = [&bytes[..], b"1 key k-0123"].concat();
    let (_folder, path) = with(&bytes);
    let store = FileKeyStore::open(&path).unwrap();
    write(&path.join("keys"), &torn);
    assert!(holds(&store, &keys[0]));
    let made = store.keys_for(&["lead-2"]).unwrap();
    let again = FileKeyStore::open(&path).unwrap();
    assert!(holds(&again, &keys[0]) && holds(&again, &made[0]));
    assert!(!fs::read_to_string(path.join("keys")).unwrap().contains("k-0123"));

    // a line that is shorter than what the other left behind
    let whole = fs::read(path.join("keys")).unwrap();
    let almost = whole.len() - 2;
    write(&path.join("keys"), &bytes);
    let store = FileKeyStore::open(&path).unwrap();
    write(&path.join("keys"), &whole[..almost]);
    store.destroy(keys[0].id()).unwrap();
    assert!(fs::read(path.join("keys")).unwrap().ends_with(b"\n"), "nothing of it is left");
    let again = FileKeyStore::open(&path).unwrap();
    assert!(matches!(again.key(keys[0].id()), Err(KeyError::Destroyed(_))));
}

#[test]
fn a_changed_byte_anywhere_is_refused_with_the_number_of_its_line() {
    let (bytes, _) = sample(&["lead-1", "lead-2"]);
    for at in 0..bytes.len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= mask;
            let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
            let (_folder, path) = with(&changed);
            match FileKeyStore::open(&path).map(|_| ()) {
                Err(error @ KeyError::Damaged { line: named, .. }) => {
                    assert_eq!(named, line, "byte {at} ^ {mask}: {error}");
                    assert!(
                        error
                            .to_string()
                            .contains(&format!("line {line} of {}", path.join("keys").display()))
                    );
                }
                other => panic!("byte {at} ^ {mask}: {other:?}"),
            }
        }
    }
}

#[test]
fn lines_that_do_not_belong_are_refused() {
    let (bytes, keys) = sample(&["lead-1", "lead-2"]);
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let id = keys[0].id();
    let long = "x".repeat(200);
    let cases = [
        (vec![lines[1]], 1),
        (vec![lines[0], lines[0]], 2),
        (vec![lines[0], lines[1], lines[1]], 3),
        (vec![lines[0], ""], 2),
        (vec![lines[0], "2 key"], 2),
        (vec![lines[0], "1 note hello"], 2),
        (vec![lines[0], "1 key k-1 x y"], 2),
        (vec![lines[0], &long], 2),
        (vec![lines[0], "1 destroyed k-98a9a0c9f1c337e5941ef8a712c5c42a 0123456789abcdef"], 2),
    ];
    for (lines, line) in cases {
        let (_folder, path) = with(format!("{}\n", lines.join("\n")).as_bytes());
        let refused = FileKeyStore::open(&path).map(|_| ());
        assert!(
            matches!(refused, Err(KeyError::Damaged { line: named, .. }) if named == line),
            "{lines:?}: {refused:?}"
        );
    }
    let blotted = format!("{}\n1 key {id} {}\n", lines[0], "-".repeat(60));
    let (_folder, path) = with(blotted.as_bytes());
    let refused = FileKeyStore::open(&path).map(|_| ());
    assert!(
        matches!(refused, Err(KeyError::Damaged { line: 2, .. })),
        "nothing says that it was destroyed: {refused:?}"
    );
}

#[test]
fn a_tail_without_an_end_that_is_no_torn_line_is_refused() {
    let (bytes, _) = sample(&["lead-1"]);
    let garbage = [&bytes[..], &[b'x'; 500]].concat();
    let (_folder, path) = with(&garbage);
    assert!(matches!(FileKeyStore::open(&path).map(|_| ()), Err(KeyError::Damaged { line: 3, .. })));
}

/// The line "destroyed" is on disk, and the power goes before, in the middle of, or after blotting the secret out.
#[test]
fn a_secret_that_a_crash_left_standing_is_blotted_out_at_the_next_opening() {
    let (_folder, path) = with(&[]);
    let store = FileKeyStore::open(&path).unwrap();
    let doomed = store.keys_for(&["lead-1"]).unwrap().remove(0);
    let kept = store.keys_for(&["lead-2"]).unwrap().remove(0);
    let before = fs::read(path.join("keys")).unwrap();
    store.destroy(doomed.id()).unwrap();
    drop(store);
    let after = fs::read(path.join("keys")).unwrap();
    let changed: Vec<usize> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
    let (first, last) = (changed[0], changed[changed.len() - 1]);
    assert!(after[first..=last].iter().all(|byte| *byte == b'-'));
    for done in first..=last + 1 {
        let mut torn = after.clone();
        torn[done..before.len()].copy_from_slice(&before[done..]);
        write(&path.join("keys"), &torn);
        let store = FileKeyStore::open(&path).unwrap_or_else(|error| panic!("blotted up to {done}: {error}"));
        assert!(matches!(store.key(doomed.id()), Err(KeyError::Destroyed(_))));
        assert!(holds(&store, &kept));
        assert_eq!(fs::read(path.join("keys")).unwrap(), after, "blotted up to {done}");
    }
}

#[test]
fn a_file_that_became_shorter_is_noticed() {
    let (bytes, _) = sample(&["lead-1", "lead-2"]);
    let (_folder, path) = with(&bytes);
    let store = FileKeyStore::open(&path).unwrap();
    write(&path.join("keys"), &bytes[..bytes.len() - 120]);
    assert!(matches!(store.keys_for(&["lead-3"]), Err(KeyError::Damaged { .. })));
}
