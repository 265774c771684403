//! A git repository of any length, written by `git fast-import` in a moment.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Nobody else has these names, so that finding one anywhere says where it came from.
pub const AUTHORS: [(&str, &str); 3] = [
    ("Zdzisława Quixelthorpe", "Zdzislawa.Quixelthorpe@personal.example"),
    ("Bartholomäus Vexworthy", "bvexworthy@personal.example"),
    ("Ingeborg Mundlefink", "INGEBORG@mundlefink.example"),
];
/// Stands in every message.
pub const MESSAGE: &str = "whispered-remark";

/// A repository in a temporary folder.
pub struct Repository(TempDir);

impl Repository {
    /// A line of `commits` commits an hour apart; every `per_release`th has a release tag, in turn with and without
    /// an object of its own.
    pub fn new(commits: u32, per_release: u32) -> Repository {
        let repository = Repository(tempfile::tempdir().expect("a folder"));
        repository.git(&["init", "-q", "-b", "main"], b"");
        repository.git(&["remote", "add", "origin", "https://host.example/team/shop.git"], b"");
        let stream: String = (1..=commits).map(|number| commit(number) + &tag(number, per_release)).collect();
        repository.git(&["fast-import", "--quiet", "--date-format=raw"], stream.as_bytes());
        repository
    }

    pub fn path(&self) -> &str {
        self.0.path().to_str().expect("a plain path")
    }

    pub fn git(&self, arguments: &[&str], input: &[u8]) -> String {
        run(self.0.path(), arguments, input)
    }
}

fn commit(number: u32) -> String {
    let (name, email) = AUTHORS[number as usize % AUTHORS.len()];
    let at = 1_700_000_000 + u64::from(number) * 3_600;
    let message = format!("{MESSAGE} {number}");
    let parent = if number > 1 { format!("from :{}\n", number - 1) } else { String::new() };
    format!(
        "commit refs/heads/main\nmark :{number}\nauthor {name} <{email}> {at} +0100\n\
         committer {name} <{email}> {at} +0100\ndata {}\n{message}\n{parent}\
         M 100644 inline src/file{}.rs\ndata {}\n{number}\n\n",
        message.len(),
        number % 50,
        number.to_string().len() + 1,
    )
}

fn tag(number: u32, per_release: u32) -> String {
    if !number.is_multiple_of(per_release) {
        return String::new();
    }
    let release = number / per_release;
    if release.is_multiple_of(2) {
        return format!("reset refs/tags/v{release}\nfrom :{number}\n\n");
    }
    let (name, email) = AUTHORS[0];
    let at = 1_700_000_000 + u64::from(number) * 3_600 + 600;
    format!("tag v{release}\nfrom :{number}\ntagger {name} <{email}> {at} +0000\ndata 0\n\n")
}

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut git = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git");
    git.stdin.take().expect("a pipe").write_all(input).expect("written");
    let output = git.wait_with_output().expect("an end");
    assert!(output.status.success(), "git {arguments:?} failed");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
