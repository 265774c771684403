//! Turns what git says into events: one function per kind of fact. Ids follow from the source, the kind and the
//! names in git, so that the same fact has the same id at every import.

use std::error::Error;

use brainops_event::types::deployment::DeploymentSucceeded;
use brainops_event::types::git::{BranchUpdated, CommitCreated, TagCreated};
use brainops_event::{
    Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent, derived_id, error_chain,
};
use chrono::{DateTime, Utc};

use super::GitError;
use super::commits::Commit;
use super::refs::Ref;
use crate::ImportKeys;
use crate::erasable::Erasable;

/// The release that a tag stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Release<'a> {
    pub(super) service: &'a str,
    pub(super) environment: &'a str,
    pub(super) tag: &'a Ref,
}

/// Tells the facts of one repository.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) source: Source,
    pub(super) repository: String,
}

impl Facts {
    pub(super) fn commit_id(&self, sha: &str) -> EventId {
        derived_id(&self.source, &["commit", sha])
    }

    pub(super) fn tag_id(&self, tag: &Ref) -> EventId {
        derived_id(&self.source, &["tag", &tag.name, &tag.sha])
    }

    pub(super) fn branch_id(&self, branch: &Ref) -> EventId {
        derived_id(&self.source, &["branch", &branch.name, &branch.sha])
    }

    pub(super) fn release_id(&self, release: &Release<'_>) -> EventId {
        let Release { service, environment, tag } = release;
        derived_id(&self.source, &["deployment", service, environment, &tag.name, &tag.sha])
    }

    /// The commit, its author's name, address and words sealed under the author's key.
    pub(super) fn commit<Keys: ImportKeys + ?Sized>(
        &self,
        commit: &Commit,
        author_id: &str,
        seals: &mut Erasable<'_, Keys>,
    ) -> Result<Outgoing, GitError> {
        let event = CommitCreated {
            repository: self.repository.clone(),
            sha: commit.sha.clone(),
            parents: commit.parents.clone(),
            committed_at: commit.committed_at,
            authored_at: commit.authored_at,
            author_id: author_id.to_owned(),
            author_name: seals.seal(author_id, "name", &commit.author_name)?,
            author_email: seals.seal(author_id, "email", &commit.author_email)?,
            message: seals.seal(author_id, "message", &commit.message)?,
            files_changed: i32::try_from(commit.changes.files).unwrap_or(i32::MAX),
            insertions: i64::try_from(commit.changes.insertions).unwrap_or(i64::MAX),
            deletions: i64::try_from(commit.changes.deletions).unwrap_or(i64::MAX),
            paths: commit.changes.paths.clone(),
            paths_complete: commit.changes.paths_complete,
        };
        let subject = format!("{}/commits/{}", self.repository, commit.sha);
        self.outgoing(self.commit_id(&commit.sha), subject, commit.committed_at, &event)
    }

    pub(super) fn tag(&self, tag: &Ref) -> Result<Outgoing, GitError> {
        let event = TagCreated {
            repository: self.repository.clone(),
            tag: tag.name.clone(),
            sha: tag.sha.clone(),
            annotated: tag.annotated,
        };
        self.outgoing(self.tag_id(tag), format!("{}/tags/{}", self.repository, tag.name), tag.at, &event)
    }

    /// The branch as it stands; its time is that of the commit it points at, for git keeps no other.
    pub(super) fn branch(&self, branch: &Ref) -> Result<Outgoing, GitError> {
        let event = BranchUpdated {
            repository: self.repository.clone(),
            branch: branch.name.clone(),
            sha: Some(branch.sha.clone()),
            previous_sha: None,
            forced: false,
        };
        let subject = format!("{}/branches/{}", self.repository, branch.name);
        self.outgoing(self.branch_id(branch), subject, branch.at, &event)
    }

    pub(super) fn release(&self, release: &Release<'_>) -> Result<Outgoing, GitError> {
        let Release { service, environment, tag } = *release;
        let event = DeploymentSucceeded {
            service: service.to_owned(),
            environment: environment.to_owned(),
            deployment_id: tag.name.clone(),
            repository: Some(self.repository.clone()),
            sha: tag.sha.clone(),
            git_ref: Some(tag.name.clone()),
            url: None,
        };
        self.outgoing(self.release_id(release), format!("{service}/{environment}"), tag.at, &event)
    }

    /// Whether events about this ref can be addressed; git allows longer names than subjects are.
    pub(super) fn can_tell(&self, kind: &str, name: &str) -> bool {
        Subject::new(format!("{}/{kind}/{name}", self.repository)).is_ok()
    }

    fn outgoing<Event: TypedEvent>(
        &self,
        id: EventId,
        subject: String,
        at: DateTime<Utc>,
        event: &Event,
    ) -> Result<Outgoing, GitError> {
        let refused = |error: &dyn Error| GitError::Event {
            what: format!("{} of {subject}", Event::EVENT_TYPE),
            reason: error_chain(error),
        };
        let event_type = EventType::new(Event::EVENT_TYPE).map_err(|error| refused(&error))?;
        let subject = Subject::new(subject.clone()).map_err(|error| refused(&error))?;
        let envelope = Envelope::new(id, self.source.clone(), event_type, subject).with_time(at);
        Outgoing::typed(envelope, event).map_err(|error| refused(&error))
    }
}
