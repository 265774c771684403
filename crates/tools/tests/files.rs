//! Files beneath a root, under attack: nothing outside is read or written, whatever stands or changes in the way.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use brainops_tools::{
    Act, ApplyPatch, CallName, ListFiles, ReadFile, Roots, SearchFiles, Tool, ToolError, WriteFile,
};
use serde_json::{Value, json};

/// What must never come out, nor go away.
const SECRET: &str = "nobody may read this";

/// A root, and a file outside of it.
struct Ground {
    folder: tempfile::TempDir,
    roots: Roots,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("inner")).unwrap();
        fs::write(root.join("a.txt"), "one\ntwo\nthree\n").unwrap();
        fs::write(root.join("inner/b.rs"), "fn two() {}\n").unwrap();
        fs::write(folder.path().join("secret"), SECRET).unwrap();
        let roots = Roots::open(&BTreeMap::from([("main".to_owned(), root)])).unwrap();
        Self { folder, roots }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn secret(&self) -> PathBuf {
        self.folder.path().join("secret")
    }

    fn is_untouched(&self) -> bool {
        fs::read_to_string(self.secret()).unwrap() == SECRET
    }

    async fn read(&self, path: &str) -> Result<Value, ToolError> {
        done(&ReadFile(self.roots.clone()), json!({"root": "main", "path": path})).await
    }

    async fn write(&self, path: &str, text: &str) -> Result<Value, ToolError> {
        done(&WriteFile(self.roots.clone()), json!({"root": "main", "path": path, "text": text})).await
    }
}

async fn done<T: Tool>(tool: &T, arguments: Value) -> Result<Value, ToolError> {
    let act = Act::first(CallName { source: "test".to_owned(), id: "c-1".to_owned() });
    let result = tool.act(serde_json::from_value(arguments).unwrap(), &act).await?;
    Ok(serde_json::to_value(result).unwrap())
}

fn code(result: Result<Value, ToolError>) -> &'static str {
    match result {
        Ok(value) => panic!("it was done: {value}"),
        Err(error) => {
            assert!(error.is_without_effect, "{error}");
            error.code
        }
    }
}

#[tokio::test]
async fn files_are_read_listed_searched_and_written() {
    let ground = Ground::new();
    let whole = ground.read("a.txt").await.unwrap();
    assert_eq!((&whole["text"], &whole["lines"]), (&json!("one\ntwo\nthree\n"), &json!(3)));
    let read = json!({"root": "main", "path": "./inner/../a.txt".replace("inner/../", ""), "from_line": 2, "lines": 1});
    assert_eq!(done(&ReadFile(ground.roots.clone()), read).await.unwrap()["text"], "two\n");
    let listed = done(&ListFiles(ground.roots.clone()), json!({"root": "main", "depth": 2})).await.unwrap();
    let paths: Vec<&str> =
        listed["entries"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["a.txt", "inner", "inner/b.rs"]);
    let searched =
        done(&SearchFiles(ground.roots.clone()), json!({"root": "main", "pattern": "t.o"})).await.unwrap();
    let found: Vec<(&str, u64)> = searched["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["path"].as_str().unwrap(), one["line"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, [("a.txt", 2), ("inner/b.rs", 1)]);
    ground.write("inner/new.txt", "new").await.unwrap();
    assert_eq!(fs::read_to_string(ground.root().join("inner/new.txt")).unwrap(), "new");
    assert_eq!(fs::read_dir(ground.root().join("inner")).unwrap().count(), 2, "nothing is left beside");
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_read_is_not_written_over() {
    let ground = Ground::new();
    let write = |text: &str, expect: &Value| {
        let arguments = json!({"root": "main", "path": "a.txt", "text": text, "expect": expect});
        let tool = WriteFile(ground.roots.clone());
        async move { done(&tool, arguments).await }
    };
    let before = ground.read("a.txt").await.unwrap()["sha256"].clone();
    write("mine", &before).await.unwrap();
    write("mine", &before).await.unwrap(); // an attempt that does it again
    assert_eq!(code(write("other", &before).await), "changed_meanwhile");
    assert_eq!(code(write("other", &json!("absent")).await), "changed_meanwhile");
    assert_eq!(fs::read_to_string(ground.root().join("a.txt")).unwrap(), "mine");
}

#[tokio::test]
async fn what_leads_out_or_is_no_file_is_refused() {
    let ground = Ground::new();
    let root = ground.root();
    symlink("../secret", root.join("link")).unwrap();
    symlink(ground.secret(), root.join("absolute")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("/proc/self/root", root.join("proc")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    fs::hard_link(ground.secret(), root.join("hard")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("fifo")).status().unwrap().success());
    fs::write(root.join("bytes"), [0xff, 0xfe]).unwrap();
    let long = "x/".repeat(3_000);
    let name = "n".repeat(300);
    let secret = ground.secret().to_str().unwrap().to_owned();
    for (path, expected) in [
        ("../secret", "bad_path"),
        ("inner/../../secret", "bad_path"),
        (secret.as_str(), "bad_path"),
        ("a\0b", "bad_path"),
        (long.as_str(), "bad_path"),
        (name.as_str(), "bad_path"),
        ("link", "outside_of_root"),
        ("absolute", "outside_of_root"),
        ("up/secret", "outside_of_root"),
        ("proc/etc/passwd", "outside_of_root"),
        ("loop", "too_many_links"),
        ("hard", "file_with_several_names"),
        ("fifo", "no_regular_file"),
        ("inner", "no_regular_file"),
        ("inner/", "no_regular_file"),
        ("A.TXT", "not_found"),
        ("bytes", "no_text"),
        ("", "not_found"),
    ] {
        let found = code(ground.read(path).await);
        let is_known = found == expected || (path.is_empty() && found == "no_regular_file");
        assert!(is_known, "reading {path:?} is {found}, expected is {expected}");
    }
    for path in ["../secret", "link", "absolute", "up/secret", "proc/tmp/x", "hard", "fifo", "inner", "", "."]
    {
        code(ground.write(path, "overwritten").await);
        assert!(ground.is_untouched(), "{path}");
    }
    let read = json!({"root": "other", "path": "a.txt"});
    assert_eq!(code(done(&ReadFile(ground.roots.clone()), read).await), "unknown_root");
    let searched =
        done(&SearchFiles(ground.roots.clone()), json!({"root": "main", "pattern": "nobody"})).await.unwrap();
    assert_eq!(searched["matches"], json!([]), "links are not searched");
    let pattern = json!({"root": "main", "pattern": "("});
    assert_eq!(code(done(&SearchFiles(ground.roots.clone()), pattern).await), "bad_pattern");
    let bomb = json!({"root": "main", "pattern": "(a{1000}){1000}"});
    assert_eq!(code(done(&SearchFiles(ground.roots.clone()), bomb).await), "bad_pattern");
}

#[tokio::test]
async fn a_name_that_is_no_text_is_listed_and_hurts_nobody() {
    let ground = Ground::new();
    fs::write(ground.root().join(Path::new(std::ffi::OsStr::from_bytes(b"\xff.txt"))), "two").unwrap();
    let listed = done(&ListFiles(ground.roots.clone()), json!({"root": "main"})).await.unwrap();
    assert_eq!(listed["entries"].as_array().unwrap().len(), 3);
    done(&SearchFiles(ground.roots.clone()), json!({"root": "main", "pattern": "two"})).await.unwrap();
}

/// A process that swaps a file, a folder and links that lead out, as fast as it can.
struct Swapper(Child);

impl Swapper {
    fn start(ground: &Ground) -> Self {
        let script = "import os, sys\n\
                      root, out = sys.argv[1], sys.argv[2]\n\
                      n = 0\n\
                      while True:\n\
                      \x20   n += 1\n\
                      \x20   t = root + '/.t'\n\
                      \x20   if n % 2: os.symlink(out + '/secret', t)\n\
                      \x20   else: open(t, 'w').write('inside')\n\
                      \x20   os.rename(t, root + '/swapped')\n\
                      \x20   d = root + '/.d'\n\
                      \x20   if n % 2: os.symlink(out + '/outer', d)\n\
                      \x20   else:\n\
                      \x20       os.mkdir(d); open(d + '/file', 'w').write('inside')\n\
                      \x20   try:\n\
                      \x20       if os.path.islink(root + '/folder'): os.unlink(root + '/folder')\n\
                      \x20       elif os.path.isdir(root + '/folder'):\n\
                      \x20           for e in os.listdir(root + '/folder'): os.unlink(root + '/folder/' + e)\n\
                      \x20           os.rmdir(root + '/folder')\n\
                      \x20       os.rename(d, root + '/folder')\n\
                      \x20   except OSError:\n\
                      \x20       os.system('rm -rf ' + d)\n";
        let outer = ground.folder.path().join("outer");
        fs::create_dir(&outer).unwrap();
        fs::write(outer.join("file"), SECRET).unwrap();
        let mut command = Command::new("python3");
        command.args(["-c", script]).arg(ground.root()).arg(ground.folder.path());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}

/// For 5 seconds, or as many as `PATH_ATTACK_SECONDS` says.
#[tokio::test]
async fn links_that_are_swapped_in_by_another_process_lead_nowhere() {
    let seconds = std::env::var("PATH_ATTACK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let ground = Ground::new();
    let swapper = Swapper::start(&ground);
    let (began, mut read, mut refused, mut rounds) = (Instant::now(), 0_u64, 0_u64, 0_u64);
    while began.elapsed() < Duration::from_secs(seconds) {
        rounds += 1;
        for path in ["swapped", "folder/file"] {
            match ground.read(path).await {
                Ok(found) => {
                    assert_ne!(found["text"], SECRET, "{path} was read outside of the root");
                    read += 1;
                }
                Err(_) => refused += 1,
            }
            // What is written goes beneath the root or nowhere.
            drop(ground.write(path, "written").await);
        }
        let searched =
            done(&SearchFiles(ground.roots.clone()), json!({"root": "main", "pattern": "nobody"})).await;
        if let Ok(found) = searched {
            assert_eq!(found["matches"], json!([]), "a file outside of the root was searched");
        }
        assert!(ground.is_untouched(), "the file outside was written");
        assert_eq!(fs::read_to_string(ground.folder.path().join("outer/file")).unwrap(), SECRET);
        assert_eq!(
            fs::read_dir(ground.folder.path().join("outer")).unwrap().count(),
            1,
            "nothing is made outside"
        );
    }
    drop(swapper);
    assert!(
        read > 0 && refused > 0,
        "{read} reads and {refused} refusals in {rounds} rounds: it was no attack"
    );
}

impl Ground {
    async fn patch(&self, patch: &str) -> Result<Value, ToolError> {
        done(&ApplyPatch(self.roots.clone()), json!({"root": "main", "patch": patch})).await
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }
}

/// Changes one file, makes one, removes one; a removed line looks like the head of a file.
const PATCH: &str = "commit 4711\nAuthor: somebody\n\n    words\n\ndiff --git a/a.txt b/a.txt\nindex 1..2 100644\n--- a/a.txt\n+++ b/a.txt\n\
@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\ndiff --git a/inner/c.md b/inner/c.md\nnew file mode 100644\n--- /dev/null\n+++ b/inner/c.md\n\
@@ -0,0 +1,2 @@\n+new\n+file\ndiff --git a/old.sql b/old.sql\ndeleted file mode 100644\n--- a/old.sql\n+++ /dev/null\n\
@@ -1,2 +0,0 @@\n--- a comment of SQL\n-SELECT 1;\n";

#[tokio::test]
async fn a_patch_is_applied_whole_and_told_file_by_file() {
    let ground = Ground::new();
    fs::write(ground.root().join("old.sql"), "-- a comment of SQL\nSELECT 1;\n").unwrap();
    let told = ground.patch(PATCH).await.unwrap();
    let changes: Vec<(&str, &str)> = told["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["path"].as_str().unwrap(), file["change"].as_str().unwrap()))
        .collect();
    assert_eq!(changes, [("a.txt", "changed"), ("inner/c.md", "made"), ("old.sql", "removed")]);
    assert_eq!(
        (ground.text("a.txt").as_str(), ground.text("inner/c.md").as_str()),
        ("one\nzwei\nthree\n", "new\nfile\n")
    );
    assert!(!ground.root().join("old.sql").exists());
    assert_eq!(ground.patch(PATCH).await.unwrap_err().code, "does_not_fit", "it does not fit twice");
}

#[tokio::test]
async fn a_patch_of_which_one_part_does_not_fit_changes_nothing() {
    let ground = Ground::new();
    symlink(ground.secret(), ground.root().join("link")).unwrap();
    let part = |path: &str| format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{SECRET}\n+gone\n");
    let good = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n";
    for (bad, code) in [
        (part("inner/b.rs"), "does_not_fit"),
        (part("../secret"), "bad_path"),
        (part("/etc/hostname"), "bad_path"),
        (part("link"), "outside_of_root"),
        (part("nothing"), "not_found"),
        ("--- /dev/null\n+++ b/inner/b.rs\n@@ -0,0 +1 @@\n+x\n".to_owned(), "does_not_fit"),
        ("--- a/inner/b.rs\n+++ b/other.rs\n@@ -1 +1 @@\n-fn two() {}\n+x\n".to_owned(), "bad_patch"),
        ("--- a/inner/b.rs\n+++ b/inner/b.rs\n@@ -1,9 +1,9 @@\n-fn two() {}\n".to_owned(), "bad_patch"),
        (good.to_owned(), "bad_patch"),
        ("rename from a\nrename to b\n".to_owned(), "bad_patch"),
    ] {
        let error = ground.patch(&format!("{good}{bad}")).await.unwrap_err();
        assert_eq!((error.code, error.is_without_effect), (code, true), "{bad}: {error}");
        assert_eq!(ground.text("a.txt"), "one\ntwo\nthree\n", "{bad}");
    }
    assert_eq!(ground.patch("no patch").await.unwrap_err().code, "bad_patch");
    assert!(ground.is_untouched());
}
