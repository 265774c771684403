//! What `brainops agent new` makes, and that it makes all of it or nothing. Needs no stack.
//!
//! That what it makes compiles and holds is shown by the tests of `crates/agent-sample`: it is that crate under another
//! name, byte for byte but for the name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The files of a checkout that are changed.
const CHANGED: [&str; 3] = ["Cargo.toml", "crates/cli/Cargo.toml", "crates/cli/src/agents.rs"];

fn repository() -> PathBuf {
    Path::new("../..").canonicalize().unwrap()
}

/// A checkout with the files that matter, as they are here.
fn checkout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in CHANGED {
        let to = folder.path().join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(repository().join(path), to).unwrap();
    }
    folder
}

fn agent_new(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brainops"));
    command.args(["agent", "new"]).args(arguments).current_dir(folder).env_clear();
    command.output().expect("it starts")
}

/// All files below a folder, with what they hold.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                all.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    all
}

/// The lines of `after` that `before` has not; nothing else may differ.
fn added<'a>(before: &str, after: &'a str) -> Vec<&'a str> {
    let mut before = before.lines().peekable();
    let added = after.lines().filter(|line| before.next_if(|one| one == line).is_none()).collect();
    assert_eq!(before.next(), None, "a line was changed or removed");
    added
}

fn error(output: &Output, code: i32) -> String {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{error}");
    error
}

#[test]
fn a_crate_is_made_and_registered() {
    let checkout = checkout();
    let before = files(checkout.path());
    // from anywhere within
    let output = agent_new(&checkout.path().join("crates/cli/src"), &["--json", "low-stock"]);
    assert_eq!(error(&output, 0), "");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&answer["agent"], &answer["package"]),
        (&"low-stock".into(), &"brainops-agent-low-stock".into())
    );

    let after = files(checkout.path());
    let made: Vec<&PathBuf> = after.keys().filter(|path| !before.contains_key(*path)).collect();
    let expected = ["Cargo.toml", "src/lib.rs", "tests/recorded.jsonl", "tests/recorded.rs"];
    let expected = expected.map(|path| Path::new("crates/agent-low-stock").join(path));
    assert_eq!(made, expected.iter().collect::<Vec<_>>());
    assert!(after[&expected[1]].contains("impl Agent for LowStockAgent"));

    let lines = CHANGED.map(|path| added(&before[Path::new(path)], &after[Path::new(path)]));
    let expected = [
        ["brainops-agent-low-stock = { path = \"crates/agent-low-stock\" }"],
        ["brainops-agent-low-stock = { workspace = true }"],
        ["        Cast::of(brainops_agent_low_stock::LowStockAgent)?,"],
    ];
    assert_eq!(lines, expected);
}

#[test]
fn what_is_made_is_the_agent_that_this_workspace_tests() {
    let checkout = checkout();
    error(&agent_new(checkout.path(), &["sample"]), 0);
    let made = files(&checkout.path().join("crates/agent-sample"));
    assert_eq!(made, files(&repository().join("crates/agent-sample")));
}

/// The sample is formatted for its own name; lines are longer or shorter with others.
#[test]
fn what_is_made_is_formatted_whatever_its_name() {
    let checkout = checkout();
    for name in ["ab", "of-thirty-two-letters-altogether"] {
        error(&agent_new(checkout.path(), &[name]), 0);
        let agent = checkout.path().join("crates").join(format!("agent-{name}"));
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--check", "--edition", "2024", "--config-path"]).arg(repository());
        let files = [agent.join("src/lib.rs"), agent.join("tests/recorded.rs")];
        let output = rustfmt.args(files).arg(checkout.path().join(CHANGED[2])).output().expect("rustfmt");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn a_name_that_is_taken_or_none_is_refused_and_nothing_changes() {
    let checkout = checkout();
    fs::create_dir_all(checkout.path().join("crates/agent-there")).unwrap();
    let before = files(checkout.path());
    let cases = [
        ("there", 1, "agent-there"),
        ("lead-follow-up", 1, "an agent is called so"),
        ("incident-commander", 1, "is taken"),
        ("Low_Stock", 2, "a letter first"),
        ("-x", 2, "-x"),
        ("../x", 2, "accepted are"),
    ];
    for (name, code, expected) in cases {
        let refused = error(&agent_new(checkout.path(), &[name]), code);
        assert!(refused.contains(expected), "{name}: {refused}");
        assert_eq!(files(checkout.path()), before, "{name}");
    }
    error(&agent_new(checkout.path(), &["new-one"]), 0);
    let refused = error(&agent_new(checkout.path(), &["new-one"]), 1);
    assert!(refused.contains("is taken"), "{refused}");
}

#[test]
fn a_checkout_without_a_place_for_it_is_left_as_it_is() {
    for (path, text, expected) in [
        ("Cargo.toml", "[workspace]\n", "[workspace.dependencies]"),
        ("crates/cli/src/agents.rs", "fn all() {}\n", "one line"),
    ] {
        let checkout = checkout();
        fs::write(checkout.path().join(path), text).unwrap();
        let before = files(checkout.path());
        let refused = error(&agent_new(checkout.path(), &["low-stock"]), 1);
        assert!(refused.contains(expected) && refused.contains(path), "{refused}");
        assert_eq!(files(checkout.path()), before);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = error(&agent_new(elsewhere.path(), &["low-stock"]), 1);
    assert!(refused.contains("--checkout"), "{refused}");
    let named = checkout();
    error(&agent_new(elsewhere.path(), &["low-stock", "--checkout", named.path().to_str().unwrap()]), 0);
}
