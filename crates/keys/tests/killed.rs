//! A process that is killed in mid-append: every key that it has used is there afterwards.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use brainops_event::types::privacy::Sealed;
use brainops_event::{KeyStore, Sealer};
use brainops_keys::FileKeyStore;

const FOLDER: &str = "BRAINOPS_TEST_KEYS_FOLDER";
const NAME: &str = "BRAINOPS_TEST_KEYS_NAME";

/// Not a test of its own: what the killed process runs. Without the variables it does nothing.
#[test]
fn child_that_seals_until_it_is_killed() {
    let (Ok(folder), Ok(name)) = (std::env::var(FOLDER), std::env::var(NAME)) else { return };
    let store = FileKeyStore::open(folder).unwrap();
    for number in 0.. {
        let batch: Vec<String> = (0..8).map(|place| format!("{name}-{number}-{place}")).collect();
        store.keys_for(&batch.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        for subject in &batch {
            println!("sealed {subject} {}", store.seal(subject, "name", subject).unwrap().to_token());
        }
    }
}

fn child(folder: &Path, name: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_that_seals_until_it_is_killed", "--nocapture"]);
    command.env(FOLDER, folder).env(NAME, name).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// What the child said it had sealed, after it is killed when it has said `after` lines.
fn said_until_killed(mut child: Child, after: usize) -> Vec<(String, String)> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = Vec::new();
    let mut line = String::new();
    // what the kill cut off has no end, and was not said
    while output.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        let line = std::mem::take(&mut line);
        if let Some((_, sealed)) = line.trim_end().split_once("sealed ")
            && let Some((subject, token)) = sealed.split_once(' ')
        {
            said.push((subject.to_owned(), token.to_owned()));
        }
        if said.len() == after {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    said
}

#[test]
fn what_a_killed_process_has_sealed_can_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let mut all = Vec::new();
    for round in 0..8 {
        // two at once, so that one may be killed while it holds the lock that the other waits for
        let pair = [1, 17 + round * 3].map(|after| (after, child(&keys, &format!("round{round}-{after}"))));
        for (after, child) in pair {
            all.extend(said_until_killed(child, after));
        }
        let store = FileKeyStore::open(&keys).unwrap();
        for (subject, token) in &all {
            let sealed = Sealed::from_token(token).unwrap();
            let key = store
                .key(&sealed.key_id.parse().unwrap())
                .unwrap_or_else(|error| panic!("{subject}: {error}"));
            assert_eq!(&sealed.open(&key, "name").unwrap(), subject);
        }
    }
    assert!(all.len() > 100);
}
