//! Reads every commit of a repository, parents before children, from one running `git log`.
//!
//! The stream is NUL-separated: a head of eight tokens (`C` and id, parents, committer time, author time, author's
//! name, author's e-mail, message, `E`), then one token per changed file as `--numstat -z` prints it (the first
//! one after a line feed). A file's token begins with a digit or `-`, a head with `C`, so nothing that stands in
//! a message or a path can be taken for the other.

use std::io::{BufRead as _, BufReader};

use chrono::{DateTime, Utc};

use super::GitError;
use super::command::{Git, GitStream};
use super::text::{AUTHOR_BYTES, Losses, MESSAGE_BYTES, PATH_BYTES};
use super::token::{Token, next_token};

/// A commit lists this many paths at most, as its schema says.
pub const PATHS: usize = 500;
/// All paths of a commit together keep this many bytes at most.
pub const PATHS_BYTES: usize = 262_144;

/// More of a token than any text keeps: room to see that a text is too long and where its last character ends.
const TOKEN_BYTES: usize = MESSAGE_BYTES + 4;
const STEP: &str = "log";

/// Renames count as one file gone and one come: finding them is guesswork that depends on git's version and on
/// the repository's settings, and the same commit must make the same event everywhere.
const LOG: &[&str] = &[
    "log",
    "--all",
    "--reverse",
    "--topo-order",
    "-z",
    "--root",
    "--numstat",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--diff-algorithm=myers",
    "--diff-merges=first-parent",
    "--no-show-signature",
    "--no-notes",
    "--no-color",
    "--encoding=UTF-8",
    "--format=tformat:C%H%x00%P%x00%ct%x00%at%x00%an%x00%ae%x00%B%x00E",
    "--end-of-options",
];

/// One commit as git tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) parents: Vec<String>,
    pub(super) committed_at: DateTime<Utc>,
    pub(super) authored_at: DateTime<Utc>,
    pub(super) author_name: String,
    pub(super) author_email: String,
    pub(super) message: String,
    pub(super) changes: Changes,
}

/// What a commit changed against its first parent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) files: u32,
    pub(super) insertions: u64,
    pub(super) deletions: u64,
    pub(super) paths: Vec<String>,
    pub(super) paths_complete: bool,
}

/// The commits of a repository, oldest first. Ends with an error if git ended badly.
pub(super) struct Commits {
    reader: BufReader<GitStream>,
    head: Option<Token>,
    started: bool,
    pub(super) losses: Losses,
}

impl Commits {
    pub(super) fn start(git: &Git) -> Result<Commits, GitError> {
        let reader = BufReader::with_capacity(1 << 16, git.stream(STEP, LOG)?);
        Ok(Commits { reader, head: None, started: false, losses: Losses::default() })
    }

    /// The next commit; `None` after the last one, once git has ended well.
    pub(super) fn next(&mut self) -> Result<Option<Commit>, GitError> {
        self.read().map_err(|error| self.cause_of(error))
    }

    /// A git that died has left a torn end; what it said on its way out explains more than what stands there.
    fn cause_of(&mut self, error: GitError) -> GitError {
        let has_ended = self.reader.fill_buf().map_or(true, <[u8]>::is_empty);
        match error {
            GitError::Unreadable { .. } if has_ended => self.reader.get_mut().finish().err().unwrap_or(error),
            error => error,
        }
    }

    fn read(&mut self) -> Result<Option<Commit>, GitError> {
        if !self.started {
            self.started = true;
            self.head = self.token()?;
        }
        let Some(head) = self.head.take() else {
            self.reader.get_mut().finish()?;
            return Ok(None);
        };
        let mut commit = self.head_of(&head)?;
        commit.changes = self.changes()?;
        Ok(Some(commit))
    }

    fn head_of(&mut self, head: &Token) -> Result<Commit, GitError> {
        let sha = match head.bytes.split_first() {
            Some((b'C', sha)) if is_object_id(sha) => String::from_utf8_lossy(sha).into_owned(),
            _ => return Err(unreadable("a commit id", &head.bytes)),
        };
        let parents = self.parents()?;
        let (committed, authored) = (self.needed("a committer time")?, self.needed("an author time")?);
        let (name, email) = (self.needed("an author name")?, self.needed("an author e-mail")?);
        let message = self.needed("a message")?;
        let end = self.needed("the end of a commit's head")?;
        if end.bytes != b"E" {
            return Err(unreadable("the end of a commit's head", &end.bytes));
        }
        let committed_at = self.losses.time(&committed.bytes);
        let authored_at = self.losses.time(&authored.bytes);
        Ok(Commit {
            sha,
            parents,
            // One of the two times can stand in for the other; without both the epoch says "unknown".
            committed_at: committed_at.or(authored_at).unwrap_or_default(),
            authored_at: authored_at.or(committed_at).unwrap_or_default(),
            author_name: self.losses.text(&name.bytes, AUTHOR_BYTES, name.whole),
            author_email: self.losses.text(&email.bytes, AUTHOR_BYTES, email.whole),
            message: self.losses.text(&message.bytes, MESSAGE_BYTES, message.whole),
            changes: Changes::default(),
        })
    }

    fn parents(&mut self) -> Result<Vec<String>, GitError> {
        let token = self.needed("the parents' ids")?;
        let ids = token.bytes.split(|byte| *byte == b' ').filter(|id| !id.is_empty());
        ids.map(|id| match is_object_id(id) {
            true => Ok(String::from_utf8_lossy(id).into_owned()),
            false => Err(unreadable("the parents' ids", &token.bytes)),
        })
        .collect()
    }

    /// Reads files up to the next head, which is kept for the next call.
    fn changes(&mut self) -> Result<Changes, GitError> {
        let mut changes = Changes { paths_complete: true, ..Changes::default() };
        let mut bytes = 0;
        while let Some(token) = self.token()? {
            let entry = token.bytes.strip_prefix(b"\n").unwrap_or(&token.bytes);
            match entry.first() {
                Some(b'C') => {
                    self.head = Some(token);
                    break;
                }
                Some(b'0'..=b'9' | b'-') => self.file(entry, token.whole, &mut changes, &mut bytes)?,
                _ => return Err(unreadable("a changed file or a commit", entry)),
            }
        }
        Ok(changes)
    }

    fn file(
        &mut self,
        entry: &[u8],
        whole: bool,
        changes: &mut Changes,
        bytes: &mut usize,
    ) -> Result<(), GitError> {
        let mut parts = entry.splitn(3, |byte| *byte == b'\t');
        let (Some(insertions), Some(deletions), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(unreadable("a changed file", entry));
        };
        changes.files = changes.files.saturating_add(1);
        changes.insertions += lines(insertions, entry)?;
        changes.deletions += lines(deletions, entry)?;
        *bytes += path.len().min(PATH_BYTES);
        if changes.paths.len() < PATHS && *bytes <= PATHS_BYTES {
            changes.paths.push(self.losses.text(path, PATH_BYTES, whole));
        } else {
            changes.paths_complete = false;
        }
        Ok(())
    }

    fn needed(&mut self, expected: &'static str) -> Result<Token, GitError> {
        self.token()?.ok_or_else(|| unreadable(expected, b""))
    }

    fn token(&mut self) -> Result<Option<Token>, GitError> {
        next_token(&mut self.reader, TOKEN_BYTES).map_err(|source| GitError::Talk { step: STEP, source })
    }
}

/// Git prints `-` for the lines of a binary file; they count as none.
fn lines(count: &[u8], entry: &[u8]) -> Result<u64, GitError> {
    if count == b"-" {
        return Ok(0);
    }
    let text = std::str::from_utf8(count).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| unreadable("a number of lines", entry))
}

pub(super) fn is_object_id(bytes: &[u8]) -> bool {
    matches!(bytes.len(), 40 | 64) && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The text that stood in the wrong place is an id, a number or a path's start; it is cut before any message.
fn unreadable(expected: &'static str, found: &[u8]) -> GitError {
    let found = String::from_utf8_lossy(&found[..found.len().min(40)]).into_owned();
    GitError::Unreadable { step: STEP, expected, found }
}
