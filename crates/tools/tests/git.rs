//! Repositories, read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use brainops_tools::{Act, CallName, GitDiff, GitLog, GitShow, Repositories, Tool, ToolError};
use serde_json::{Value, json};

/// A repository with three commits, and the names of these.
struct Ground {
    _folder: tempfile::TempDir,
    repository: PathBuf,
    repositories: Repositories,
}

fn git(folder: &Path, words: &[&str]) -> String {
    let who =
        ["-c", "user.name=Kim Secret", "-c", "user.email=kim@example.com", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").arg("-C").arg(folder).args(who).args(words).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repository");
        fs::create_dir_all(repository.join("inner")).unwrap();
        git(&repository, &["init", "--quiet"]);
        for (path, text, tag) in
            [("a.txt", "one\n", "v1"), ("inner/b c.txt", "two\n", "v2"), ("a.txt", "one\nmore\n", "v3")]
        {
            fs::write(repository.join(path), text).unwrap();
            git(&repository, &["add", "."]);
            git(&repository, &["commit", "--quiet", "--message", "Told by Kim Secret"]);
            git(&repository, &["tag", tag]);
        }
        let repositories = Repositories::new(BTreeMap::from([("main".to_owned(), repository.clone())]));
        Self { _folder: folder, repository, repositories }
    }
}

async fn done<T: Tool>(tool: T, arguments: Value) -> Result<Value, ToolError> {
    let act = Act::first(CallName { source: "test".to_owned(), id: "c-1".to_owned() });
    let result = tool.act(serde_json::from_value(arguments).unwrap(), &act).await?;
    Ok(serde_json::to_value(result).unwrap())
}

#[tokio::test]
async fn commits_are_told_with_what_they_change_and_not_with_who_wrote_them() {
    let ground = Ground::new();
    let log = |more: Value| {
        let mut arguments = json!({"root": "main"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        done(GitLog(ground.repositories.clone()), arguments)
    };
    let all = log(json!({})).await.unwrap();
    let commits = all["commits"].as_array().unwrap();
    let head = git(&ground.repository, &["rev-parse", "HEAD"]);
    assert_eq!((commits.len(), &commits[0]["sha"], &all["is_cut"]), (3, &json!(head), &json!(false)));
    assert_eq!(commits[0]["parents"], json!([commits[1]["sha"]]));
    assert_eq!(commits[0]["changes"], json!([{"path": "a.txt", "insertions": 1, "deletions": 0}]));
    assert_eq!(commits[1]["changes"][0]["path"], "inner/b c.txt");
    assert_eq!(commits[2]["parents"], json!([]));
    assert!(!all.to_string().contains("Kim") && !all.to_string().contains("kim@"), "{all}");
    assert_eq!(
        log(json!({"at": "v3", "not_in": "v1"})).await.unwrap()["commits"].as_array().unwrap().len(),
        2
    );
    assert_eq!(log(json!({"path": "inner"})).await.unwrap()["commits"].as_array().unwrap().len(), 1);
    let cut = log(json!({"limit": 2})).await.unwrap();
    assert_eq!((cut["commits"].as_array().unwrap().len(), &cut["is_cut"]), (2, &json!(true)));
    for (more, code) in [
        (json!({"at": "nowhere"}), "unknown_commit"),
        (json!({"at": "--output=/tmp/x"}), "bad_commit"),
        (json!({"not_in": "v1 --all"}), "bad_commit"),
        (json!({"at": "v1..v3"}), "bad_commit"),
        (json!({"limit": 0}), "bad_limit"),
        (json!({"root": "other"}), "unknown_root"),
    ] {
        assert_eq!(log(more.clone()).await.expect_err("refused").code, code, "{more}");
    }
}

#[tokio::test]
async fn files_are_shown_as_they_were_and_differences_told() {
    let ground = Ground::new();
    let show = |at: &str, path: &str| {
        done(GitShow(ground.repositories.clone()), json!({"root": "main", "at": at, "path": path}))
    };
    assert_eq!(show("v1", "a.txt").await.unwrap()["text"], "one\n");
    assert_eq!(show("v3", "a.txt").await.unwrap()["text"], "one\nmore\n");
    assert_eq!(show("v1", "inner/b c.txt").await.expect_err("not yet").code, "not_found");
    assert_eq!(show("v1", "../secret").await.expect_err("refused").code, "not_found");
    assert_eq!(show("v1", "").await.expect_err("refused").code, "bad_path");
    assert_eq!(show("v1", "inner").await.expect_err("no file").code, "not_found");
    let diff = |from: &str, to: &str| {
        done(GitDiff(ground.repositories.clone()), json!({"root": "main", "from": from, "to": to}))
    };
    let told = diff("v2", "v3").await.unwrap();
    assert!(told["diff"].as_str().unwrap().contains("+more"), "{told}");
    assert_eq!(diff("v2", "--no-index").await.expect_err("refused").code, "bad_commit");
    assert_eq!(diff("v2", "nowhere").await.expect_err("refused").code, "unknown_commit");
}
