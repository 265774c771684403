//! Processes in the sandbox: what they may do, and what they may not however they try.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use brainops_tools::{
    Act, CallName, ProcessRun, Repositories, Sandbox, SandboxConfig, TestsRun, Tool, ToolError,
};
use serde_json::{Value, json};

/// A repository with two commits, and a tool that runs on it.
struct Ground {
    folder: tempfile::TempDir,
    tool: ProcessRun,
}

fn git(folder: &Path, words: &[&str]) {
    let mut command = Command::new("git");
    let who = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com", "-c", "init.defaultBranch=main"];
    let done = command.arg("-C").arg(folder).args(who).args(words).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Ground {
    fn new(config: SandboxConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repository");
        fs::create_dir(&repository).unwrap();
        git(&repository, &["init", "--quiet"]);
        for text in ["first", "second"] {
            fs::write(repository.join("file"), text).unwrap();
            git(&repository, &["add", "."]);
            git(&repository, &["commit", "--quiet", "--message", text]);
        }
        fs::write(folder.path().join("secret"), "nobody may read this").unwrap();
        let tool = ProcessRun::new(
            Repositories::new(BTreeMap::from([("main".to_owned(), repository)])),
            Sandbox::new(config),
        );
        Self { folder, tool }
    }

    async fn run(&self, arguments: Value) -> Result<Value, ToolError> {
        let act = Act::first(CallName { source: "test".to_owned(), id: "c-1".to_owned() });
        let result = self.tool.act(serde_json::from_value(arguments).unwrap(), &act).await?;
        Ok(serde_json::to_value(result).unwrap())
    }

    async fn shell(&self, script: &str) -> Result<Value, ToolError> {
        self.run(json!({"root": "main", "command": ["sh", "-c", script]})).await
    }
}

fn text(result: &Value) -> (i64, &str) {
    (result["exit_code"].as_i64().unwrap(), result["stdout"]["text"].as_str().unwrap().trim())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_runs_on_the_tree_of_a_commit_and_leaves_nothing() {
    let ground = Ground::new(SandboxConfig::default());
    let now =
        ground.shell("cat file; echo other > file; echo new > made; echo told >&2; exit 3").await.unwrap();
    assert_eq!(text(&now), (3, "second"));
    assert_eq!(now["stderr"]["text"], "told\n");
    let then = ground.run(json!({"root": "main", "at": "HEAD~1", "command": ["cat", "file"]})).await.unwrap();
    assert_eq!(text(&then), (0, "first"));
    assert_eq!(then["commit"].as_str().map(str::len), Some(40));
    assert_eq!(fs::read_to_string(ground.folder.path().join("repository/file")).unwrap(), "second");
    assert!(!fs::exists(ground.folder.path().join("repository/made")).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sees_no_other_files_no_network_no_processes_and_has_no_rights() {
    let ground = Ground::new(SandboxConfig::default());
    let secret = ground.folder.path().join("secret");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for (script, expected) in [
        (format!("cat {}", secret.display()), "fails"),
        ("cat /etc/passwd".to_owned(), "fails"),
        ("cat /root/.bashrc".to_owned(), "fails"),
        ("touch /usr/made".to_owned(), "fails"),
        ("touch /made".to_owned(), "fails"),
        (format!("python3 -c \"import socket; socket.create_connection(('127.0.0.1', {port}), 2)\""), "fails"),
        ("python3 -c \"import socket; socket.create_connection(('192.0.2.1', 53), 2)\"".to_owned(), "fails"),
        ("mount -t tmpfs none /work".to_owned(), "fails"),
        ("chown 1:1 /usr".to_owned(), "fails"),
        ("ls /sys/class".to_owned(), "fails"),
        ("touch /work/made /tmp/made".to_owned(), "works"),
        ("test $(ls -d /proc/[0-9]* | wc -l) -lt 9".to_owned(), "works"),
        ("test -z \"$DATABASE_URL$BRAINOPS_CONFIG$CARGO_HOME\"".to_owned(), "works"),
        ("grep -q 'NoNewPrivs:\\s*1' /proc/self/status && grep -q 'CapEff:\\s*0000000000000000' /proc/self/status".to_owned(), "works"),
    ] {
        let result = ground.shell(&script).await.unwrap();
        let found = if result["exit_code"] == 0 { "works" } else { "fails" };
        assert_eq!(found, expected, "{script}: {result}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_goes_on_for_ever_is_ended_with_all_that_it_began() {
    let ground = Ground::new(SandboxConfig { seconds: 2, ..SandboxConfig::default() });
    let word = format!("987{}", std::process::id());
    let began = Instant::now();
    let script = format!("(setsid sleep {word} &) ; trap '' TERM INT; while :; do sleep {word}; done");
    let ended = ground.shell(&script).await.expect_err("it does not end by itself");
    assert_eq!(ended.code, "timed_out");
    assert!(began.elapsed() < Duration::from_secs(20));
    let left = || async { !Command::new("pgrep").args(["-f", &word]).status().unwrap().success() };
    brainops_testkit::eventually(Duration::from_secs(10), left).await.expect("nothing is left of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_floods_forks_or_eats_is_held() {
    let config = SandboxConfig { seconds: 20, memory_mib: 256, processes: 64, ..SandboxConfig::default() };
    let ground = Ground::new(config);
    assert_eq!(ground.shell("yes").await.expect_err("it is ended").code, "too_much_output");
    let much = ground.shell("head -c 1000000 /dev/zero | tr '\\0' x").await.unwrap();
    assert_eq!(
        (&much["stdout"]["bytes"], much["stdout"]["text"].as_str().unwrap().len()),
        (&json!(1_000_000), 128 * 1024)
    );
    let eats = ground.shell("python3 -c \"x = bytearray(1000000000)\"").await.unwrap();
    assert_ne!(eats["exit_code"], 0, "{eats}");
    let forks = "import os, time\nn = 0\ntry:\n    while n < 500:\n        if os.fork() == 0: time.sleep(60)\n        n += 1\nexcept OSError: pass\nprint(n)";
    let forks = ground.run(json!({"root": "main", "command": ["python3", "-c", forks]})).await.unwrap();
    let (_, many) = text(&forks);
    assert!(many.parse::<u32>().unwrap() < 64, "{forks}");
    let fills = ground.shell("head -c 2000000000 /dev/zero > /work/large").await.unwrap();
    assert_ne!(fills["exit_code"], 0, "a file has its limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_is_refused_with_the_field() {
    let ground = Ground::new(SandboxConfig::default());
    for (arguments, code) in [
        (json!({"root": "other", "command": ["true"]}), "unknown_root"),
        (json!({"root": "main", "command": []}), "bad_command"),
        (json!({"root": "main", "command": [""]}), "bad_command"),
        (json!({"root": "main", "at": "nowhere", "command": ["true"]}), "unknown_commit"),
        (json!({"root": "main", "at": "--upload-pack=x", "command": ["true"]}), "bad_commit"),
        (json!({"root": "main", "at": "", "command": ["true"]}), "bad_commit"),
    ] {
        let error = ground.run(arguments.clone()).await.expect_err("refused");
        assert_eq!((error.code, error.is_without_effect), (code, true), "{arguments}: {error}");
    }
    let unheard = ground.run(json!({"root": "main", "command": ["no-such-program"]})).await.unwrap_err();
    assert_eq!(unheard.code, "sandbox_unavailable", "{unheard}");
}

#[tokio::test]
async fn tests_are_run_by_the_command_of_the_installation_and_by_no_other() {
    let ground = Ground::new(SandboxConfig::default());
    let command = ["sh", "-c", "grep second file"].map(str::to_owned).to_vec();
    let tests = TestsRun::new(ground.tool.clone(), BTreeMap::from([("main".to_owned(), command)]));
    let run = async |arguments: Value| {
        let act = Act::first(CallName { source: "test".to_owned(), id: "c-1".to_owned() });
        let result = tests.act(serde_json::from_value(arguments).unwrap(), &act).await;
        result.map(|result| serde_json::to_value(result).unwrap()).map_err(|error| error.code)
    };
    let passed = run(json!({"root": "main"})).await.unwrap();
    assert_eq!((&passed["has_passed"], text(&passed)), (&json!(true), (0, "second")));
    let failed = run(json!({"root": "main", "at": "HEAD~1"})).await.unwrap();
    assert_eq!((&failed["has_passed"], &failed["exit_code"]), (&json!(false), &json!(1)));
    assert_eq!(run(json!({"root": "other"})).await, Err("no_tests"));
    let other =
        serde_json::from_value::<<TestsRun as Tool>::Arguments>(json!({"root": "main", "command": ["true"]}));
    assert!(other.is_err(), "nobody brings a command of their own");
}
