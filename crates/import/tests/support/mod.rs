//! Keys in memory, and small repositories that are written byte by byte through `git fast-import`.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use brainops_event::types::deployment::DeploymentSucceeded;
use brainops_event::types::git::{CommitCreated, TagCreated};
use brainops_event::types::lead::{LeadDiscovered, LeadQualified, LeadWon};
use brainops_event::types::privacy::Sealed;
use brainops_event::{
    DataKey, InstallationKey, KeyError, KeyId, KeyStore, Outgoing, TypedEvent, decode_datum,
};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// A key store that forgets everything at the end of a test.
pub struct MemoryKeys {
    installation: InstallationKey,
    destroyed: Mutex<BTreeSet<KeyId>>,
    /// How often keys were asked for.
    pub asked: AtomicU64,
}

impl MemoryKeys {
    pub fn new() -> Self {
        MemoryKeys {
            installation: InstallationKey::new(Zeroizing::new([7; 32])),
            destroyed: Mutex::default(),
            asked: AtomicU64::new(0),
        }
    }

    pub fn key_of(&self, data_subject: &str) -> DataKey {
        let id = self.installation.key_id(data_subject);
        let mut secret = [0; 32];
        secret.copy_from_slice(&id.as_str().as_bytes()[..32]);
        DataKey::new(id, Zeroizing::new(secret))
    }

    pub fn forget(&self, data_subject: &str) {
        self.destroy(&self.installation.key_id(data_subject)).expect("destroyed");
    }
}

impl KeyStore for MemoryKeys {
    fn keys_for(&self, data_subjects: &[&str]) -> Result<Vec<DataKey>, KeyError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let destroyed = self.destroyed.lock().expect("not poisoned");
        let keys: Vec<DataKey> = data_subjects.iter().map(|subject| self.key_of(subject)).collect();
        match keys.iter().find(|key| destroyed.contains(key.id())) {
            Some(gone) => Err(KeyError::Destroyed(gone.id().clone())),
            None => Ok(keys),
        }
    }

    fn key(&self, id: &KeyId) -> Result<DataKey, KeyError> {
        Err(KeyError::Unknown(id.clone()))
    }

    fn pseudonym(&self, purpose: &str, text: &str) -> String {
        self.installation.pseudonym(purpose, text)
    }

    fn destroy(&self, id: &KeyId) -> Result<bool, KeyError> {
        Ok(self.destroyed.lock().expect("not poisoned").insert(id.clone()))
    }
}

/// A repository in a temporary folder.
pub struct Repo {
    pub folder: TempDir,
}

/// A commit for `git fast-import`; every text is bytes.
pub struct Commit<'a> {
    pub branch: &'a str,
    pub mark: u32,
    pub from: Option<u32>,
    pub merge: Option<u32>,
    pub author: &'a [u8],
    pub at: i64,
    pub encoding: Option<&'a str>,
    pub message: &'a [u8],
    /// Lines such as `M 100644 inline <path>` with their content, or `D <path>` without.
    pub changes: Vec<(Vec<u8>, Option<&'a [u8]>)>,
}

impl Default for Commit<'_> {
    fn default() -> Self {
        Commit {
            branch: "main",
            mark: 1,
            from: None,
            merge: None,
            author: b"Ada Example <Ada@Example.org>",
            at: 1_700_000_000,
            encoding: None,
            message: b"a change\n",
            changes: Vec::new(),
        }
    }
}

pub fn write<'a>(path: &[u8], content: &'a [u8]) -> (Vec<u8>, Option<&'a [u8]>) {
    ([b"M 100644 inline ", path].concat(), Some(content))
}

pub fn delete(path: &[u8]) -> (Vec<u8>, Option<&'static [u8]>) {
    ([b"D ", path].concat(), None)
}

impl Commit<'_> {
    fn stream(&self) -> Vec<u8> {
        let mut stream =
            format!("commit refs/heads/{}\nmark :{}\nauthor ", self.branch, self.mark).into_bytes();
        stream.extend([self.author, format!(" {} +0100\ncommitter ", self.at - 60).as_bytes()].concat());
        stream.extend(format!("Carl Committer <carl@example.org> {} +0000\n", self.at).into_bytes());
        if let Some(encoding) = self.encoding {
            stream.extend(format!("encoding {encoding}\n").into_bytes());
        }
        stream.extend(data(self.message));
        stream.extend(self.from.map(|mark| format!("from :{mark}\n")).unwrap_or_default().into_bytes());
        stream.extend(self.merge.map(|mark| format!("merge :{mark}\n")).unwrap_or_default().into_bytes());
        for (line, content) in &self.changes {
            stream.extend([line, b"\n".as_slice()].concat());
            stream.extend(content.map(data).unwrap_or_default());
        }
        stream
    }
}

fn data(bytes: &[u8]) -> Vec<u8> {
    [format!("data {}\n", bytes.len()).as_bytes(), bytes, b"\n"].concat()
}

impl Repo {
    pub fn empty() -> Repo {
        let repo = Repo { folder: tempfile::tempdir().expect("a folder") };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    pub fn with(commits: &[Commit<'_>]) -> Repo {
        let repo = Repo::empty();
        repo.add(commits);
        repo
    }

    pub fn add(&self, commits: &[Commit<'_>]) {
        let stream: Vec<u8> = commits.iter().flat_map(Commit::stream).collect();
        self.run(&["fast-import", "--quiet", "--date-format=raw", "--export-marks=.git/marks"], &stream);
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        self.run(arguments, b"")
    }

    pub fn run(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut child = Command::new("git")
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a PATH"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_COMMITTER_NAME", "Tina Tagger")
            .env("GIT_COMMITTER_EMAIL", "tina@example.org")
            .env("GIT_COMMITTER_DATE", "1700009999 +0000")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git");
        child.stdin.take().expect("a pipe").write_all(input).expect("written");
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "git {arguments:?} failed");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The id of the commit with this mark.
    pub fn sha(&self, mark: u32) -> String {
        let marks = std::fs::read_to_string(self.path().join(".git/marks")).expect("marks");
        let marks: BTreeMap<&str, &str> = marks.lines().filter_map(|line| line.split_once(' ')).collect();
        marks[format!(":{mark}").as_str()].to_owned()
    }
}

/// The body of an event as people read it.
pub fn body(outgoing: &Outgoing) -> serde_json::Value {
    match outgoing.envelope.event_type().as_str() {
        "git.commit.created" => as_json::<CommitCreated>(outgoing),
        "git.tag.created" => as_json::<TagCreated>(outgoing),
        "deployment.succeeded" => as_json::<DeploymentSucceeded>(outgoing),
        "lead.discovered" => as_json::<LeadDiscovered>(outgoing),
        "lead.qualified" => as_json::<LeadQualified>(outgoing),
        "lead.won" => as_json::<LeadWon>(outgoing),
        other => panic!("no test looks into {other}"),
    }
}

fn as_json<Event: TypedEvent>(outgoing: &Outgoing) -> serde_json::Value {
    let event: Event = decode_datum(&outgoing.schema.fast, &outgoing.datum).expect("it decodes");
    serde_json::to_value(event).expect("it is JSON")
}

/// Everything of an event that goes over the wire, as one run of bytes.
pub fn wire(outgoing: &Outgoing) -> Vec<u8> {
    let headers = outgoing.envelope.headers();
    let headers = headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()].concat());
    headers.chain(outgoing.datum.iter().copied()).collect()
}

/// What makes an event the same event when it is said again: id, type, subject, data.
pub fn content(outgoing: &Outgoing) -> (String, String, String, Vec<u8>) {
    let envelope = &outgoing.envelope;
    let text = (envelope.id().to_string(), envelope.event_type().to_string(), envelope.subject().to_string());
    (text.0, text.1, text.2, outgoing.datum.clone())
}

/// Name, address and message of a commit's author, opened.
pub fn opened(keys: &MemoryKeys, outgoing: &Outgoing) -> (String, String, String) {
    let commit: CommitCreated = decode_datum(&outgoing.schema.fast, &outgoing.datum).expect("a commit");
    let key = keys.key_of(&commit.author_id);
    let open = |sealed: Option<Sealed>, kind: &str| sealed.expect("sealed").open(&key, kind).expect("opens");
    (open(commit.author_name, "name"), open(commit.author_email, "email"), open(commit.message, "message"))
}
