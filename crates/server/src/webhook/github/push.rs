//! A `push` says that a branch or tag was made, moved or removed.
use brainops_event::types::git::{BranchUpdated, TagCreated};
use brainops_event::{Outgoing, Timestamp, timestamp_from_millis};

use super::super::delivery::{About, Delivery};
use super::{Repositories, commit_id, named};
use crate::object::Object;
use crate::problem::FieldProblem;

/// What a push says, whatever it moved.
struct Push<'a> {
    /// What the ref points at now; none when it was removed.
    after: Option<&'a str>,
    /// What it pointed at before; none when it is new.
    before: Option<&'a str>,
    forced: bool,
    pushed_at: Option<Timestamp>,
    /// The commit at the end of what was pushed and its time; none when it was removed, or leads to no commit.
    head: Option<(&'a str, Timestamp)>,
}

impl<'a> Push<'a> {
    fn read(root: &Object<'a>) -> Result<Self, FieldProblem> {
        let head = match root.object_if_any("head_commit") {
            Some(head) => Some((commit_id(&head, "id")?, head.moment("timestamp")?)),
            None => None,
        };
        let pushed_at = root.object("repository")?.number("pushed_at").ok();
        let pushed_at = pushed_at.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000));
        Ok(Self {
            after: not_zeros(commit_id(root, "after")?),
            before: not_zeros(commit_id(root, "before")?),
            forced: root.boolean("forced")?,
            pushed_at: pushed_at.and_then(timestamp_from_millis),
            head,
        })
    }
}

pub fn fact(
    delivery: &Delivery,
    root: &Object<'_>,
    repositories: &Repositories,
) -> Result<Option<Outgoing>, FieldProblem> {
    let git_ref = root.text("ref")?;
    let push = Push::read(root)?;
    let Some(repository) = named(root, repositories)? else { return Ok(None) };
    if let Some(branch) = git_ref.strip_prefix("refs/heads/") {
        return branch_updated(delivery, repository, branch, &push).map(Some);
    }
    match (git_ref.strip_prefix("refs/tags/"), push.after, push.head) {
        (Some(tag), Some(after), Some(head)) => tag_created(delivery, repository, tag, after, head).map(Some),
        _ => Ok(None),
    }
}

fn branch_updated(
    delivery: &Delivery,
    repository: &str,
    branch: &str,
    push: &Push<'_>,
) -> Result<Outgoing, FieldProblem> {
    let about = About {
        subject: format!("{repository}/branches/{branch}"),
        time: push.pushed_at,
        id_parts: &[delivery.id.as_str(), "branch"],
        field: "ref".to_owned(),
    };
    let fact = BranchUpdated {
        repository: repository.to_owned(),
        branch: branch.to_owned(),
        sha: push.after.map(str::to_owned),
        previous_sha: push.before.map(str::to_owned),
        forced: push.forced,
    };
    delivery.fact(about, &fact)
}

fn tag_created(
    delivery: &Delivery,
    repository: &str,
    tag: &str,
    after: &str,
    (sha, committed_at): (&str, Timestamp),
) -> Result<Outgoing, FieldProblem> {
    let about = About {
        subject: format!("{repository}/tags/{tag}"),
        time: Some(committed_at),
        id_parts: &[delivery.id.as_str(), "tag"],
        field: "ref".to_owned(),
    };
    let fact = TagCreated {
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        sha: sha.to_owned(),
        annotated: after != sha, // an annotated tag is an object of its own, and `after` is its id
    };
    delivery.fact(about, &fact)
}

/// GitHub says "nothing" as a commit id of zeros.
fn not_zeros(id: &str) -> Option<&str> {
    Some(id).filter(|id| id.bytes().any(|byte| byte != b'0'))
}
