//! What `brainops seal` promises. Needs no stack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

use std::fs::DirBuilder;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::str::FromStr as _;

use brainops_event::types::privacy::Sealed;
use brainops_event::{KeyId, KeyStore as _};
use brainops_keys::FileKeyStore;
use serde_json::Value;

const FILE: &str = r#"
[kafka]
bootstrap_servers = "127.0.0.1:9092"
[registry]
url = "http://127.0.0.1:8081/apis"
[postgres]
host = "127.0.0.1"
database = "brainops"
username = "brainops"
[state]
folder = "state"
"#;

const ADDRESS: &str = "kim.quibblesworth@people.example";

/// An installation as far as keys need one.
fn installation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("brainops.toml"), FILE).unwrap();
    DirBuilder::new().mode(0o700).create(folder.path().join("state")).unwrap();
    folder
}

fn seal(folder: &Path, arguments: &[&str], text: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_brainops"))
        .arg("seal")
        .args(arguments)
        .env_clear()
        .env("BRAINOPS_CONFIG", folder.join("brainops.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that is refused at once does not read.
    let _not_read = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

fn token(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned()
}

#[test]
fn a_text_becomes_a_token_that_the_key_of_its_subject_opens() {
    let folder = installation();
    let first = token(&seal(folder.path(), &["email", "--subject", "lead-7"], &format!("{ADDRESS}\n")));
    let sealed = Sealed::from_token(&first).unwrap();
    // A store that was opened before the next commands run sees the keys that they make.
    let keys = FileKeyStore::open(folder.path().join("state/keys")).unwrap();
    let key = keys.key(&KeyId::from_str(&sealed.key_id).unwrap()).unwrap();
    assert_eq!(sealed.open(&key, "email").unwrap(), ADDRESS);
    let again = token(&seal(folder.path(), &["email", "--subject", "lead-7"], ADDRESS));
    assert_eq!(again, first);
    let json =
        token(&seal(folder.path(), &["--json", "message", "--subject", "lead-8"], "Dear Kim,\n\nyes.\n"));
    let json: Value = serde_json::from_str(&json).unwrap();
    let other = Sealed::from_token(json["token"].as_str().unwrap()).unwrap();
    assert_ne!(other.key_id, sealed.key_id);
    let key = keys.key(&KeyId::from_str(&other.key_id).unwrap()).unwrap();
    assert_eq!(other.open(&key, "message").unwrap(), "Dear Kim,\n\nyes.");
}

#[test]
fn what_cannot_be_sealed_is_refused_with_what_is_accepted() {
    let folder = installation();
    for (arguments, text, code, says) in [
        (&["address", "--subject", "lead-7"][..], ADDRESS, 2, "accepted are delivery, email, message, name"),
        (&["email"], ADDRESS, 2, "--subject"),
        (&["email", "--subject", ""], ADDRESS, 1, "--subject"),
        (&["email", "--subject", "lead-7"], "\n", 1, "standard input holds no text"),
        (&["email", "--subject", "lead-7", ADDRESS], "", 2, "unexpected argument"),
    ] {
        let output = seal(folder.path(), arguments, text);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says) && output.stdout.is_empty(), "{arguments:?}: {said}");
    }
    std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    let output = seal(folder.path(), &["email", "--subject", "lead-7"], ADDRESS);
    assert!(String::from_utf8_lossy(&output.stderr).contains("brainops init"));
}
