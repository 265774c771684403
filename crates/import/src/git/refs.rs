//! Tags and branches as they stand, each with the commit it leads to.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::GitError;
use super::command::Git;
use super::commits::is_object_id;
use super::text::{Losses, PATH_BYTES};

/// A tag or a branch that leads to a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ref {
    /// Without `refs/tags/` or `refs/heads/`.
    pub(super) name: String,
    pub(super) sha: String,
    /// True when a tag is an object of its own.
    pub(super) annotated: bool,
    /// The tagger's time; without one the committer's.
    pub(super) at: DateTime<Utc>,
}

/// The tags and branches of a repository.
#[derive(Debug, Default)]
pub(super) struct Refs {
    pub(super) tags: Vec<Ref>,
    pub(super) branches: Vec<Ref>,
    /// Tags that lead to a tree, a file or nothing.
    pub(super) tags_without_commit: u64,
    pub(super) losses: Losses,
}

/// A line of `for-each-ref` before it is known what it leads to.
struct Found {
    name: Vec<u8>,
    object: String,
    annotated: bool,
    tagged_at: Vec<u8>,
}

impl Refs {
    pub(super) fn read(git: &Git) -> Result<Refs, GitError> {
        let mut refs = Refs::default();
        let tags = list(git, "refs/tags/")?;
        let branches = list(git, "refs/heads/")?;
        let listed: Vec<&Found> = tags.iter().chain(&branches).collect();
        let commits = peel(git, &listed)?;
        let times = committer_times(git, &commits, &mut refs.losses)?;
        for (at, found) in listed.into_iter().enumerate() {
            let is_tag = at < tags.len();
            match commits.get(at).cloned().flatten() {
                Some(sha) => {
                    let named = refs.named(found, sha, &times);
                    if is_tag { refs.tags.push(named) } else { refs.branches.push(named) }
                }
                None => refs.tags_without_commit += u64::from(is_tag),
            }
        }
        Ok(refs)
    }

    fn named(&mut self, found: &Found, sha: String, times: &HashMap<String, DateTime<Utc>>) -> Ref {
        let tagged_at = match found.tagged_at.is_empty() {
            true => None, // a lightweight tag, a branch, or a tag without a tagger: nothing is lost
            false => self.losses.time(&found.tagged_at),
        };
        let at = tagged_at.or_else(|| times.get(&sha).copied()).unwrap_or_default();
        let name = self.losses.text(&found.name, PATH_BYTES, true);
        Ref { name, sha, annotated: found.annotated, at }
    }
}

/// The refs under a prefix, in the order of their names.
fn list(git: &Git, prefix: &'static str) -> Result<Vec<Found>, GitError> {
    let format = "--format=%(refname)%00%(objecttype)%00%(objectname)%00%(taggerdate:unix)";
    let output =
        git.output("for-each-ref", &["for-each-ref", "--sort=refname", format, "--end-of-options", prefix])?;
    // A ref's name holds neither line feed nor NUL: git refuses control characters in names.
    output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| found(line, prefix))
        .collect()
}

fn found(line: &[u8], prefix: &str) -> Result<Found, GitError> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let &[name, kind, object, tagged_at] = fields.as_slice() else {
        return Err(unreadable("for-each-ref", "four fields", line));
    };
    let name = name.strip_prefix(prefix.as_bytes()).unwrap_or(name).to_vec();
    let object = String::from_utf8_lossy(object).into_owned();
    if !is_object_id(object.as_bytes()) {
        return Err(unreadable("for-each-ref", "an object id", line));
    }
    Ok(Found { name, object, annotated: kind == b"tag", tagged_at: tagged_at.to_vec() })
}

/// The commit behind each object, through any number of tags; `None` where there is no commit.
fn peel(git: &Git, listed: &[&Found]) -> Result<Vec<Option<String>>, GitError> {
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let questions: String = listed.iter().map(|found| format!("{}^{{commit}}\n", found.object)).collect();
    let arguments = ["cat-file", "--batch-check=%(objectname)"];
    let output = git.output_with_input("cat-file", &arguments, questions.as_bytes())?;
    let answers: Vec<Option<String>> = output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| is_object_id(line).then(|| String::from_utf8_lossy(line).into_owned()))
        .collect();
    if answers.len() == listed.len() {
        return Ok(answers);
    }
    Err(unreadable("cat-file", "one line for each question", &output))
}

fn committer_times(
    git: &Git,
    commits: &[Option<String>],
    losses: &mut Losses,
) -> Result<HashMap<String, DateTime<Utc>>, GitError> {
    let wanted: String = commits.iter().flatten().map(|sha| format!("{sha}\n")).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new()); // without a revision git would take HEAD
    }
    let arguments = ["log", "--no-walk=unsorted", "--stdin", "--no-show-signature", "--format=%H %ct"];
    let output = git.output_with_input("log", &arguments, wanted.as_bytes())?;
    let mut times = HashMap::new();
    for line in output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line);
        if let Some((sha, seconds)) = line.split_once(' ')
            && let Some(time) = losses.time(seconds.as_bytes())
        {
            times.insert(sha.to_owned(), time);
        }
    }
    Ok(times)
}

fn unreadable(step: &'static str, expected: &'static str, found: &[u8]) -> GitError {
    let found = String::from_utf8_lossy(&found[..found.len().min(80)]).into_owned();
    GitError::Unreadable { step, expected, found }
}
