//! A made-up history: commits of one repository, and deployments of services that start, succeed, fail and are rolled
//! back. The same seed makes the same history, event by event.

use brainops_event::types::deployment::{
    DeploymentFailed, DeploymentRolledBack, DeploymentStarted, DeploymentSucceeded,
};
use brainops_event::types::git::CommitCreated;
use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject, Timestamp, TypedEvent};
use chrono::TimeDelta;

use crate::event::mix;

const REPOSITORY: &str = "shop-0a1b2c3d4e5f";
const ENVIRONMENTS: [&str; 3] = ["canary", "staging", "production"];
/// Of a hundred events, how many are commits.
const COMMITS: u64 = 40;
/// Of a hundred deployments, how many fail, and how many of those that serve are rolled back before the next one.
const FAILURES: u64 = 12;
const ROLLBACKS: u64 = 6;
/// Every so many commits, one has two parents.
const MERGE_EVERY: u64 = 9;

/// Where a history begins, and how far its events lie apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) from: Timestamp,
    pub(crate) step: TimeDelta,
}

/// Makes events one after the other.
pub(crate) struct MadeUp {
    seed: u64,
    pace: Pace,
    source: Source,
    /// Events so far.
    number: u64,
    commits: u64,
    places: Vec<Place>,
}

/// A service in an environment.
struct Place {
    service: String,
    environment: &'static str,
    deployments: u64,
    /// Commit of the deployment that was started and has not ended.
    running: Option<u64>,
    /// Commits that have served, of which the last serves.
    served: Vec<u64>,
}

impl MadeUp {
    pub(crate) fn new(seed: u64, services: u32, pace: Pace) -> anyhow::Result<Self> {
        let place = |service: u32, environment| Place {
            service: format!("service-{service:03}"),
            environment,
            deployments: 0,
            running: None,
            served: Vec::new(),
        };
        let places =
            (0..services).flat_map(|service| ENVIRONMENTS.map(|environment| place(service, environment)));
        let places = places.collect();
        Ok(Self {
            seed,
            pace,
            source: Source::new(format!("made-up/{seed}"))?,
            number: 0,
            commits: 0,
            places,
        })
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> anyhow::Result<Outgoing> {
        let chance = mix(self.seed ^ mix(self.number));
        let event = match self.commits == 0 || chance % 100 < COMMITS {
            true => self.commit(chance),
            false => self.deployment(chance),
        };
        self.number += 1;
        event
    }

    fn commit(&mut self, chance: u64) -> anyhow::Result<Outgoing> {
        let number = self.commits;
        self.commits += 1;
        let mut parents: Vec<String> =
            number.checked_sub(1).map(|parent| self.sha(parent)).into_iter().collect();
        if number > MERGE_EVERY && number.is_multiple_of(MERGE_EVERY) {
            parents.push(self.sha(number - MERGE_EVERY + 2));
        }
        let (sha, at) = (self.sha(number), self.now());
        let author = mix(chance >> 7) % 40;
        let commit = CommitCreated {
            repository: REPOSITORY.to_owned(),
            sha: sha.clone(),
            parents,
            committed_at: at,
            authored_at: at - TimeDelta::seconds(i64::try_from(chance % 7_200)?),
            author_id: format!("{:016x}{:016x}", mix(author), mix(author ^ 0xa07)),
            author_name: None,
            author_email: None,
            message: None,
            files_changed: i32::try_from(1 + (chance >> 9) % 20)?,
            insertions: i64::try_from((chance >> 14) % 400)?,
            deletions: i64::try_from((chance >> 23) % 200)?,
            paths: (0..1 + (chance >> 9) % 3)
                .map(|path| format!("src/part{}/file{path}.rs", author % 12))
                .collect(),
            paths_complete: true,
        };
        self.typed(format!("{REPOSITORY}/commits/{sha}"), &commit)
    }

    fn deployment(&mut self, chance: u64) -> anyhow::Result<Outgoing> {
        let count = u64::try_from(self.places.len())?.max(1);
        let place = usize::try_from((chance >> 11) % count)?;
        let latest = self.commits.saturating_sub(1 + (chance >> 31) % 5);
        let (outcome, place) = ((chance >> 40) % 100, &mut self.places[place]);
        let step = match (place.running.take(), place.served.as_slice()) {
            (Some(commit), _) if outcome < FAILURES => Step::Failed(commit),
            (Some(commit), _) => Step::Succeeded(commit),
            (None, [.., before, last]) if outcome < ROLLBACKS => Step::RolledBack(*last, *before),
            (None, _) => Step::Started(latest),
        };
        match step {
            Step::Started(commit) => {
                place.deployments += 1;
                place.running = Some(commit);
            }
            Step::Succeeded(commit) => {
                place.served.push(commit);
                let forget = place.served.len().saturating_sub(2);
                place.served.drain(..forget);
            }
            Step::RolledBack(..) => drop(place.served.pop()),
            Step::Failed(_) => {}
        }
        let names = Names {
            service: place.service.clone(),
            environment: place.environment.to_owned(),
            deployment_id: format!("{}-{}-{}", place.service, place.environment, place.deployments),
        };
        self.say(step, names)
    }

    fn say(&self, step: Step, names: Names) -> anyhow::Result<Outgoing> {
        let Names { service, environment, deployment_id } = names;
        let (subject, repository) = (format!("{service}/{environment}"), Some(REPOSITORY.to_owned()));
        let (git_ref, url) = (Some("main".to_owned()), None);
        match step {
            Step::Started(commit) => {
                let sha = self.sha(commit);
                let said =
                    DeploymentStarted { service, environment, deployment_id, repository, sha, git_ref, url };
                self.typed(subject, &said)
            }
            Step::Succeeded(commit) => {
                let sha = self.sha(commit);
                let said = DeploymentSucceeded {
                    service,
                    environment,
                    deployment_id,
                    repository,
                    sha,
                    git_ref,
                    url,
                };
                self.typed(subject, &said)
            }
            Step::Failed(commit) => {
                let (sha, reason_code) = (self.sha(commit), Some("health_check".to_owned()));
                let said = DeploymentFailed {
                    service,
                    environment,
                    deployment_id,
                    repository,
                    sha,
                    git_ref,
                    url,
                    reason_code,
                };
                self.typed(subject, &said)
            }
            Step::RolledBack(commit, before) => {
                let (sha, restored_sha) = (self.sha(commit), Some(self.sha(before)));
                let reason_code = Some("error_rate".to_owned());
                let said = DeploymentRolledBack {
                    service,
                    environment,
                    deployment_id,
                    repository,
                    sha,
                    restored_sha,
                    reason_code,
                };
                self.typed(subject, &said)
            }
        }
    }

    fn typed<T: TypedEvent>(&self, subject: String, data: &T) -> anyhow::Result<Outgoing> {
        let id = EventId::new(format!("{}-{}", self.seed, self.number))?;
        let envelope =
            Envelope::new(id, self.source.clone(), EventType::new(T::EVENT_TYPE)?, Subject::new(subject)?);
        Ok(Outgoing::typed(envelope.with_time(self.now()), data)?)
    }

    fn now(&self) -> Timestamp {
        let steps = i32::try_from(self.number).unwrap_or(i32::MAX);
        self.pace.from + self.pace.step * steps
    }

    fn sha(&self, commit: u64) -> String {
        let one = mix(self.seed ^ mix(commit ^ 0xc0_441e));
        format!("{:016x}{:016x}{:08x}", one, mix(one), mix(one ^ 1) as u32)
    }
}

/// What happens to a deployment, and of which commit.
#[derive(Clone, Copy)]
enum Step {
    Started(u64),
    Succeeded(u64),
    Failed(u64),
    RolledBack(u64, u64),
}

struct Names {
    service: String,
    environment: String,
    deployment_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(seed: u64, count: usize) -> Vec<Outgoing> {
        let pace = Pace { from: Timestamp::UNIX_EPOCH, step: TimeDelta::seconds(20) };
        let mut made_up = MadeUp::new(seed, 5, pace).unwrap();
        (0..count).map(|_| made_up.next().unwrap()).collect()
    }

    #[test]
    fn a_seed_makes_one_history_of_all_kinds() {
        let (one, same, other) = (made(1, 2_000), made(1, 2_000), made(2, 2_000));
        let bytes = |events: &[Outgoing]| events.iter().map(|event| event.datum.clone()).collect::<Vec<_>>();
        assert_eq!(bytes(&one), bytes(&same));
        assert_ne!(bytes(&one), bytes(&other));
        for kind in [
            "git.commit.created",
            "deployment.started",
            "deployment.succeeded",
            "deployment.failed",
            "deployment.rolled_back",
        ] {
            let count = one.iter().filter(|event| event.envelope.event_type().as_str() == kind).count();
            assert!(count > 10, "{count} of {kind}");
        }
    }
}
