//! Pushes: branches and tags of repositories that the configuration names.
use brainops_event::format_timestamp;
use brainops_event::types::git::{BranchUpdated, TagCreated};
use serde_json::{Value, json};

use super::github::{SHA, deliver};
use super::support::{House, data};

const OTHER: &str = "89abcdef0123456789abcdef0123456789abcdef";
const ZEROS: &str = "0000000000000000000000000000000000000000";

fn house() -> House {
    House::with(|config| {
        config.repositories.insert("acme/shop".to_owned(), "shop-0123456789ab".to_owned());
    })
}

fn push(git_ref: &str, before: &str, after: &str) -> Value {
    let head = json!({
        "id": SHA, "timestamp": "2026-01-31T12:00:00+01:00", "message": "Greet Ada",
        "author": {"name": "Ada", "email": "ada@example.org"}, "added": ["a.rs"], "removed": [], "modified": [],
    });
    json!({
        "ref": git_ref, "before": before, "after": after, "created": before == ZEROS, "deleted": after == ZEROS,
        "forced": false, "base_ref": null, "compare": "https://example.org", "commits": [head],
        "head_commit": if after == ZEROS { Value::Null } else { head },
        "repository": {"name": "shop", "full_name": "acme/shop", "pushed_at": 1_769_860_800},
        "pusher": {"name": "ada", "email": "ada@example.org"},
    })
}

#[tokio::test]
async fn a_branch_moves() {
    for (before, after, sha, previous_sha) in [
        (OTHER, SHA, Some(SHA), Some(OTHER)),
        (ZEROS, SHA, Some(SHA), None),
        (OTHER, ZEROS, None, Some(OTHER)),
    ] {
        let house = house();
        assert_eq!(
            deliver(&house, "push", &push("refs/heads/feature/x", before, after)).await.status.as_u16(),
            202
        );
        let event = &house.events()[1];
        assert_eq!(event.envelope.subject().as_str(), "shop-0123456789ab/branches/feature/x");
        assert_eq!(format_timestamp(&event.envelope.time().unwrap()), "2026-01-31T12:00:00.000Z");
        let data: BranchUpdated = data(event);
        assert_eq!((data.sha.as_deref(), data.previous_sha.as_deref()), (sha, previous_sha));
        assert_eq!((data.branch.as_str(), data.forced), ("feature/x", false));
    }
}

#[tokio::test]
async fn a_tag_names_the_commit_it_leads_to() {
    for (after, annotated) in [(SHA, false), (OTHER, true)] {
        let house = house();
        deliver(&house, "push", &push("refs/tags/v1", ZEROS, after)).await;
        let event = &house.events()[1];
        assert_eq!(event.envelope.subject().as_str(), "shop-0123456789ab/tags/v1");
        let data: TagCreated = data(event);
        assert_eq!((data.sha.as_str(), data.annotated), (SHA, annotated));
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_only_kept() {
    for (house, body) in [
        (House::new(), push("refs/heads/main", OTHER, SHA)), // nobody said how the repository is named here
        (house(), push("refs/tags/v1", SHA, ZEROS)),         // removed tags are no event
        (house(), push("refs/notes/commits", OTHER, SHA)),
    ] {
        assert_eq!(deliver(&house, "push", &body).await.status.as_u16(), 202);
        assert_eq!(house.events().len(), 1);
        let everything = house.everything();
        assert!(!everything.contains("ada@example.org") && !everything.contains("Greet"));
    }
}

#[tokio::test]
async fn a_malformed_push_is_refused_whole() {
    for (pointer, value, field) in [
        ("/ref", json!(null), "ref"),
        ("/ref", json!("refs/heads/a\u{1}"), "ref"),
        ("/before", json!("main"), "before"),
        ("/after", json!(7), "after"),
        ("/forced", json!("no"), "forced"),
        ("/head_commit/id", json!(""), "head_commit.id"),
        ("/head_commit/timestamp", json!("2026"), "head_commit.timestamp"),
    ] {
        let house = house();
        let mut body = push("refs/heads/main", OTHER, SHA);
        *body.pointer_mut(pointer).unwrap() = value;
        deliver(&house, "push", &body).await.wrong_field(422, field);
        assert!(house.events().is_empty());
    }
}
