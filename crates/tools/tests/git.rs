//! Repositories, read, and their branches moved.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use brainops_tools::{
    Act, CallName, GitBranch, GitCommit, GitDiff, GitLog, GitMerge, GitRevert, GitShow, Repositories, Tool,
    ToolError,
};
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

/// As [`done`], by the call of this id.
async fn done_by<T: Tool>(id: &str, tool: T, arguments: Value) -> Result<String, &'static str> {
    let act = Act::first(CallName { source: "test".to_owned(), id: id.to_owned() });
    let result = tool.act(serde_json::from_value(arguments).unwrap(), &act).await;
    let result = result.map_err(|error| error.code)?;
    Ok(serde_json::to_value(result).unwrap()["sha"].as_str().unwrap().to_owned())
}

const PATCH: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-more\n+much more\n";

#[tokio::test]
async fn branches_are_made_committed_to_merged_and_reverted_without_a_working_tree() {
    let ground = Ground::new();
    let (repository, roots) = (&ground.repository, || ground.repositories.clone());
    let head = git(repository, &["rev-parse", "HEAD"]);
    let branch = |name: &str, at: &str| {
        done_by("c-1", GitBranch(roots()), json!({"root": "main", "branch": name, "at": at}))
    };
    assert_eq!(branch("fix", "v3").await, Ok(head.clone()));
    assert_eq!(branch("fix", "v3").await, Ok(head.clone()), "the same again is the same");
    assert_eq!(branch("fix", "v1").await, Err("branch_exists"));
    branch("release", "v2").await.unwrap();

    let commit = |id: &'static str, branch: &str, patch: &str| {
        let arguments = json!({"root": "main", "branch": branch, "patch": patch, "message": "Say more"});
        done_by(id, GitCommit(roots()), arguments)
    };
    let fixed = commit("c-2", "fix", PATCH).await.unwrap();
    assert_eq!(commit("c-2", "fix", PATCH).await, Ok(fixed.clone()), "done again, it finds itself");
    assert_eq!(commit("c-3", "fix", PATCH).await, Err("does_not_fit"));
    assert_eq!(git(repository, &["show", "fix:a.txt"]), "one\nmuch more");
    assert_eq!(
        git(repository, &["log", "-1", "--format=%an|%P|%B", "fix"]),
        format!("brainops|{head}|Say more\n\nCall: c-2")
    );

    let merge = |id: &'static str, branch: &str, from: &str| {
        done_by(id, GitMerge(roots()), json!({"root": "main", "branch": branch, "from": from}))
    };
    let merged = merge("c-4", "release", "fix").await.unwrap();
    assert_eq!(git(repository, &["show", "release:a.txt"]), "one\nmuch more");
    assert_eq!(git(repository, &["rev-parse", "release^2"]), fixed);
    assert_eq!(merge("c-4", "release", "fix").await, Ok(merged.clone()));
    assert_eq!(merge("c-5", "release", "fix").await, Ok(merged), "what is merged changes nothing");
    branch("other", "v3").await.unwrap();
    let other = PATCH.replace("much more", "less");
    commit("c-6", "other", &other).await.unwrap();
    assert_eq!(merge("c-7", "other", "fix").await, Err("conflicts"));

    let revert = |id: &'static str, branch: &str, commit: &str| {
        done_by(id, GitRevert(roots()), json!({"root": "main", "branch": branch, "commit": commit}))
    };
    let reverted = revert("c-8", "fix", &fixed).await.unwrap();
    assert_eq!(revert("c-8", "fix", &fixed).await, Ok(reverted));
    assert_eq!(git(repository, &["show", "fix:a.txt"]), "one\nmore");
    assert_eq!(revert("c-9", "fix", "v1").await, Err("bad_commit"), "it has no parent");
    assert_eq!(git(repository, &["status", "--porcelain"]), "", "no working tree is touched");
    assert_eq!(git(repository, &["rev-parse", "HEAD"]), head);
}

#[tokio::test]
async fn what_must_not_be_moved_is_not() {
    let ground = Ground::new();
    let roots = || ground.repositories.clone();
    let commit = |branch: &str, patch: &str, message: &str| {
        let arguments = json!({"root": "main", "branch": branch, "patch": patch, "message": message});
        done_by("c-1", GitCommit(roots()), arguments)
    };
    let main = git(&ground.repository, &["branch", "--show-current"]);
    assert_eq!(commit(&main, PATCH, "x").await, Err("branch_is_checked_out"));
    git(&ground.repository, &["branch", "fix"]);
    assert_eq!(commit("fix", PATCH, " ").await, Err("bad_message"));
    assert_eq!(commit("nowhere", PATCH, "x").await, Err("unknown_branch"));
    for odd in ["-d", "a..b", "a b", "a:b", "fix.lock", "fix/"] {
        let refused = commit(odd, PATCH, "x").await.unwrap_err();
        assert!(["bad_commit", "bad_branch"].contains(&refused), "{odd}: {refused}");
    }
    let outside = "--- a/../a.txt\n+++ b/../a.txt\n@@ -0,0 +1 @@\n+x\n";
    assert_eq!(commit("fix", outside, "x").await, Err("does_not_fit"));
    let hook = "--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+x\n";
    assert_eq!(commit("fix", hook, "x").await, Err("does_not_fit"));
    assert_eq!(
        git(&ground.repository, &["rev-parse", "fix"]),
        git(&ground.repository, &["rev-parse", "HEAD"])
    );
}
