//! Walks a repository and yields its events, in the order in which they must be appended.

use std::collections::VecDeque;

use brainops_event::Outgoing;

use super::GitError;
use super::commits::{Commit, Commits};
use super::deployments::DeploymentsFromTags;
use super::facts::{Facts, Release};
use super::refs::{Ref, Refs};
use super::repository::Repository;
use crate::ImportKeys;
use crate::erasable::Erasable;

/// So many commits are read ahead, so that the keys of their authors are made together.
const AHEAD: usize = 256;
const AUTHOR: &str = "author";

/// What an import found, and what had to be left out or changed on the way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct GitReport {
    /// Commits read.
    pub commits: u64,
    /// Tags that lead to a commit.
    pub tags: u64,
    /// Branches.
    pub branches: u64,
    /// Deployments told by release tags.
    pub deployments: u64,
    /// Tags left out because they lead to no commit.
    pub tags_without_commit: u64,
    /// Tags and branches left out because their names are too long for a subject.
    pub names_refused: u64,
    /// Texts in which bytes that are no UTF-8 were replaced by U+FFFD.
    pub texts_replaced: u64,
    /// Texts that were cut at their bound.
    pub texts_shortened: u64,
    /// Times that no calendar knows; the commit's other time, or the epoch, stands in.
    pub times_unreadable: u64,
    /// Authors whose keys were destroyed; their names, addresses and messages were left out.
    pub authors_erased: u64,
    /// True when the clone is shallow: its oldest commits look like roots, and the repository's id is that of
    /// this clone only.
    pub shallow: bool,
}

/// The events of a repository.
pub struct GitEvents<'k, Keys: ?Sized> {
    facts: Facts,
    seals: Erasable<'k, Keys>,
    commits: Option<Commits>,
    ready: VecDeque<Outgoing>,
    refs: std::vec::IntoIter<RefFact>,
    report: GitReport,
    total: u64,
}

/// A tag, a branch or a release whose event is still to be built.
enum RefFact {
    Tag(Ref),
    Branch(Ref),
    Release { service: String, environment: String, tag: Ref },
}

impl Repository {
    /// The events of this repository: the same for the same repository, so that an import that was cut off can be
    /// told again from its beginning.
    ///
    /// # Errors
    /// Git fails, or a name in `deployments` is refused.
    pub fn events<'k, Keys: ImportKeys + ?Sized>(
        &self,
        deployments: Option<&DeploymentsFromTags>,
        keys: &'k Keys,
    ) -> Result<GitEvents<'k, Keys>, GitError> {
        if let Some(deployments) = deployments {
            deployments.check()?;
        }
        let facts = Facts { source: self.source().clone(), repository: self.id().to_owned() };
        let refs = Refs::read(&self.git)?;
        let mut report = GitReport { shallow: self.is_shallow(), ..GitReport::default() };
        report.add(&refs);
        let refs = self.ref_facts(refs, deployments, &facts, &mut report);
        let total = self.count_commits()? + refs.len() as u64;
        Ok(GitEvents {
            facts,
            seals: Erasable::new(keys),
            commits: Some(Commits::start(&self.git)?),
            ready: VecDeque::new(),
            refs: refs.into_iter(),
            report,
            total,
        })
    }

    fn ref_facts(
        &self,
        refs: Refs,
        deployments: Option<&DeploymentsFromTags>,
        facts: &Facts,
        report: &mut GitReport,
    ) -> Vec<RefFact> {
        let mut keep = |kind: &str, found: &Ref| {
            let can_tell = facts.can_tell(kind, &found.name);
            report.names_refused += u64::from(!can_tell);
            can_tell
        };
        let tags: Vec<Ref> = refs.tags.into_iter().filter(|tag| keep("tags", tag)).collect();
        let branches: Vec<Ref> =
            refs.branches.into_iter().filter(|branch| keep("branches", branch)).collect();
        let releases: Vec<RefFact> = deployments
            .map(|deployments| {
                let release = |tag: &Ref| RefFact::Release {
                    service: deployments.service_name(self.short_name()).to_owned(),
                    environment: deployments.environment.clone(),
                    tag: tag.clone(),
                };
                deployments.releases(&tags).into_iter().map(release).collect()
            })
            .unwrap_or_default();
        report.tags = tags.len() as u64;
        report.branches = branches.len() as u64;
        report.deployments = releases.len() as u64;
        let tags = tags.into_iter().map(RefFact::Tag);
        tags.chain(branches.into_iter().map(RefFact::Branch)).chain(releases).collect()
    }
}

impl GitReport {
    fn add(&mut self, refs: &Refs) {
        self.tags_without_commit = refs.tags_without_commit;
        self.texts_replaced += refs.losses.replaced;
        self.texts_shortened += refs.losses.shortened;
        self.times_unreadable += refs.losses.times;
    }
}

impl<Keys: ImportKeys + ?Sized> GitEvents<'_, Keys> {
    /// How many events there will be. A repository that changes meanwhile may yield others.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What was found so far.
    pub fn report(&self) -> GitReport {
        GitReport { authors_erased: self.seals.gone(), ..self.report }
    }

    fn step(&mut self) -> Result<Option<Outgoing>, GitError> {
        if self.ready.is_empty() && self.commits.is_some() {
            self.read_ahead()?;
        }
        if let Some(event) = self.ready.pop_front() {
            return Ok(Some(event));
        }
        self.refs.next().map(|fact| self.tell(&fact)).transpose()
    }

    fn read_ahead(&mut self) -> Result<(), GitError> {
        let mut found = Vec::with_capacity(AHEAD);
        while let Some(commits) = &mut self.commits {
            match commits.next()? {
                Some(commit) => found.push(commit),
                None => self.commits_have_ended(),
            }
            if found.len() == AHEAD {
                break;
            }
        }
        self.report.commits += found.len() as u64;
        self.tell_commits(&found)
    }

    fn commits_have_ended(&mut self) {
        if let Some(commits) = self.commits.take() {
            self.report.texts_replaced += commits.losses.replaced;
            self.report.texts_shortened += commits.losses.shortened;
            self.report.times_unreadable += commits.losses.times;
        }
    }

    fn tell_commits(&mut self, commits: &[Commit]) -> Result<(), GitError> {
        let author = |commit: &Commit| self.seals.keys.pseudonym(AUTHOR, &who(commit));
        let authors: Vec<String> = commits.iter().map(author).collect();
        self.seals.prepare(&authors.iter().map(String::as_str).collect::<Vec<_>>())?;
        for (commit, author_id) in commits.iter().zip(&authors) {
            self.ready.push_back(self.facts.commit(commit, author_id, &mut self.seals)?);
        }
        Ok(())
    }

    fn tell(&self, fact: &RefFact) -> Result<Outgoing, GitError> {
        match fact {
            RefFact::Tag(tag) => self.facts.tag(tag),
            RefFact::Branch(branch) => self.facts.branch(branch),
            RefFact::Release { service, environment, tag } => {
                self.facts.release(&Release { service, environment, tag })
            }
        }
    }
}

/// What an author's id is made from: the address, in lower case; without one the name.
fn who(commit: &Commit) -> String {
    let address = if commit.author_email.is_empty() { &commit.author_name } else { &commit.author_email };
    address.to_lowercase()
}

impl<Keys: ImportKeys + ?Sized> Iterator for GitEvents<'_, Keys> {
    type Item = Result<Outgoing, GitError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
