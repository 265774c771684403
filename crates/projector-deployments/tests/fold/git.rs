//! What git's events make of commits, branches and tags; and which events are refused or ignored.

use brainops_event::types::deployment::DeploymentStarted;
use brainops_event::types::git::{BranchUpdated, CommitCreated, TagCreated};
use brainops_event::types::privacy::Sealed;
use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject, TopicName};
use brainops_projection::{AnyRows as _, ReadModel as _};
use brainops_projector_deployments::{BranchRow, CommitRow, DeploymentTables, Deployments, TagRow};
use brainops_testkit::{Records, given, said};
use serde_json::json;

use crate::facts::{hour, started};

fn sealed(byte: u8) -> Sealed {
    Sealed { key_id: format!("k-{}", "0".repeat(32)), nonce: vec![byte; 12], ciphertext: vec![byte; 20] }
}

#[test]
fn every_field_of_a_commit_arrives_and_personal_text_stays_sealed() {
    let commit = CommitCreated {
        repository: "shop-1".to_owned(),
        sha: "s3".to_owned(),
        parents: vec!["s1".to_owned(), "s2".to_owned()],
        committed_at: hour(1),
        authored_at: hour(0),
        author_id: "a1".to_owned(),
        author_name: Some(sealed(1)),
        author_email: Some(sealed(2)),
        message: Some(sealed(3)),
        files_changed: 4,
        insertions: 5,
        deletions: 6,
        paths: vec!["src/a.rs".to_owned()],
        paths_complete: false,
    };
    let event =
        said::<CommitCreated>("e1", "shop-1/commits/s3", hour(1), serde_json::to_value(&commit).unwrap());
    let outcome = given(Deployments).events([event]).fold();
    let changed = outcome.tables().commit.all()[0].changed.clone();
    assert_eq!((changed.source.as_str(), changed.id.as_str()), ("testkit", "e1"));
    let row = CommitRow {
        repository: commit.repository,
        sha: commit.sha,
        parents: commit.parents,
        committed_at: commit.committed_at,
        authored_at: commit.authored_at,
        author_id: commit.author_id,
        author_name: Some(sealed(1).to_token()),
        author_email: Some(sealed(2).to_token()),
        message: Some(sealed(3).to_token()),
        files_changed: commit.files_changed,
        insertions: commit.insertions,
        deletions: commit.deletions,
        paths: commit.paths,
        paths_complete: commit.paths_complete,
        changed,
    };
    outcome.expect(|tables| &tables.commit, [row]);
}

#[test]
fn a_branch_is_where_it_was_last_said_to_be() {
    let branch = |id, at, data| said::<BranchUpdated>(id, "shop-1/branches/feature/x", hour(at), data);
    let events = [
        branch("e1", 1, json!({"repository": "shop-1", "branch": "feature/x", "sha": "s1"})),
        branch(
            "e2",
            2,
            json!({"repository": "shop-1", "branch": "feature/x", "sha": "s2", "previous_sha": "s1", "forced": true}),
        ),
    ];
    let outcome = given(Deployments).events(events.clone()).fold();
    let row = BranchRow {
        repository: "shop-1".to_owned(),
        branch: "feature/x".to_owned(),
        sha: Some("s2".to_owned()),
        previous_sha: Some("s1".to_owned()),
        forced: true,
        updated_at: hour(2),
        changed: outcome.tables().branch.all()[0].changed.clone(),
    };
    assert_eq!(row.changed.id, "e2");
    outcome.expect(|tables| &tables.branch, [row.clone()]);

    let deleted =
        branch("e3", 3, json!({"repository": "shop-1", "branch": "feature/x", "previous_sha": "s2"}));
    let outcome = given(Deployments).events(events.into_iter().chain([deleted])).fold();
    let found = outcome.tables().branch.all()[0].clone();
    assert_eq!((found.sha, found.previous_sha.as_deref(), found.updated_at), (None, Some("s2"), hour(3)));
}

#[test]
fn a_tag_that_is_moved_shows_its_last_commit() {
    let tag = |id, at, sha| {
        let data = json!({"repository": "shop-1", "tag": "v1", "sha": sha, "annotated": true});
        said::<TagCreated>(id, "shop-1/tags/v1", hour(at), data)
    };
    let outcome = given(Deployments).events([tag("e1", 1, "s1"), tag("e2", 2, "s2")]).fold();
    let row = TagRow {
        repository: "shop-1".to_owned(),
        tag: "v1".to_owned(),
        sha: "s2".to_owned(),
        annotated: true,
        tagged_at: hour(2),
        changed: outcome.tables().tag.all()[0].changed.clone(),
    };
    outcome.expect(|tables| &tables.tag, [row]);
}

#[test]
fn data_of_another_subject_is_refused_for_its_row_has_another_writer() {
    let commit =
        json!({"repository": "shop-1", "sha": "s1", "committed_at": 0, "authored_at": 0, "author_id": "a"});
    let deployment =
        json!({"service": "shop", "environment": "production", "deployment_id": "d1", "sha": "s1"});
    let events = [
        said::<CommitCreated>("e1", "shop-1/commits/s2", hour(1), commit.clone()),
        said::<CommitCreated>("e1", "shop-1/commits/s1 ", hour(1), commit),
        said::<BranchUpdated>(
            "e1",
            "shop-2/branches/main",
            hour(1),
            json!({"repository": "shop-1", "branch": "main"}),
        ),
        said::<TagCreated>("e1", "v1", hour(1), json!({"repository": "shop-1", "tag": "v1", "sha": "s1"})),
        said::<DeploymentStarted>("e1", "shop/staging", hour(1), deployment),
    ];
    for event in events {
        let subject = event.envelope.subject().to_string();
        let outcome = given(Deployments).events([event]).fold();
        let [(_, error)] = outcome.refused() else { panic!("{subject} is taken") };
        assert!(error.to_string().contains("belongs to the subject"), "{error}");
    }
}

#[test]
fn other_types_and_other_topics_are_not_our_business() {
    let envelope = Envelope::new(
        EventId::new("e1").unwrap(),
        Source::new("tests").unwrap(),
        EventType::new("agent.intent.plan").unwrap(),
        Subject::new("shop/production").unwrap(),
    );
    let message = Outgoing::message(envelope, "{}").unwrap();
    let mut records = Records::new();
    records.append(message);
    records.append(started("d1", "s1", 1).into());
    let mut tables = DeploymentTables::default();
    for record in records.iter() {
        let git = TopicName::new("brainops.git").unwrap();
        let mut event = record.recorded();
        event.topic = &git;
        Deployments.want(&event, &mut tables).unwrap();
        Deployments.fold(&event, &mut tables).unwrap();
    }
    assert!(tables.deployment.tuples().unwrap().is_empty());
}
