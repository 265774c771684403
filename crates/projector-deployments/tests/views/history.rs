//! A made-up repository with merges and wrong clocks, deployments of it, and what git and DORA say of them, computed
//! commit by commit without any of the code under test.

pub mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};

/// Numbers that look random and are the same each time (xorshift).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

pub struct Commit {
    pub sha: String,
    pub parents: Vec<String>,
    pub committed_at: DateTime<Utc>,
}

#[derive(Clone)]
pub struct Deployment {
    pub service: String,
    pub environment: String,
    pub id: String,
    pub sha: String,
    pub status: &'static str,
    pub succeeded_at: Option<DateTime<Utc>>,
    pub failed_at: Option<DateTime<Utc>>,
    pub rolled_back_at: Option<DateTime<Utc>>,
}

impl Deployment {
    pub fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.succeeded_at.max(self.failed_at)
    }

    fn failure_at(&self) -> Option<DateTime<Utc>> {
        match self.status {
            "failed" => self.failed_at,
            "rolled_back" => self.rolled_back_at,
            _ => None,
        }
    }

    fn place(&self) -> Place {
        (self.service.clone(), self.environment.clone())
    }
}

pub type Place = (String, String);

/// Per place and deployment that succeeded: whether it is the first, and its new commits; none when it cannot be told.
pub type BroughtIn = BTreeMap<(Place, String), (bool, Option<BTreeSet<String>>)>;

#[derive(Default)]
pub struct History {
    pub commits: Vec<Commit>,
    pub deployments: Vec<Deployment>,
}

pub fn moment(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_577_836_800, 0).unwrap() + TimeDelta::hours(hours)
}

impl History {
    /// A main line with branches that grow and are merged, one commit each four hours by the right clock.
    pub fn with_commits(dice: &mut Dice, count: usize) -> Self {
        let mut commits: Vec<Commit> = Vec::new();
        let (mut line, mut branches) = (vec![0], Vec::new());
        for number in 0..count {
            let main = *line.last().unwrap();
            let parents = match dice.below(100) {
                _ if number == 0 => vec![],
                0..12 => {
                    let from = line[line.len() - 1 - dice.below(line.len().min(30))];
                    branches.push(number);
                    vec![from]
                }
                12..50 if !branches.is_empty() => {
                    let branch = dice.below(branches.len());
                    vec![std::mem::replace(&mut branches[branch], number)]
                }
                50..62 if !branches.is_empty() => {
                    line.push(number);
                    vec![main, branches.swap_remove(dice.below(branches.len()))]
                }
                _ => {
                    line.push(number);
                    vec![main]
                }
            };
            let wrong_by = if dice.chance(10) { dice.below(96) as i64 - 48 } else { 0 };
            commits.push(Commit {
                sha: format!("{number:040x}"),
                parents: parents.into_iter().map(|parent: usize| commits[parent].sha.clone()).collect(),
                committed_at: moment(number as i64 * 4 + wrong_by),
            });
        }
        Self { commits, deployments: Vec::new() }
    }

    /// Deployments of one service to one environment: mostly forward, some back to an old commit, some of a commit
    /// that nobody imported, with failures and rollbacks among them.
    pub fn deploy(&mut self, dice: &mut Dice, service: &str, environment: &str, count: usize) {
        let step = (self.commits.len() / count).max(1);
        for number in 0..count {
            let at = (number * step + dice.below(step)).min(self.commits.len() - 1);
            let chosen = if dice.chance(3) { dice.below(self.commits.len()) } else { at };
            let sha = if dice.chance(2) {
                format!("{:040x}", 1_000_000 + number)
            } else {
                self.commits[chosen].sha.clone()
            };
            let ended = moment(at as i64 * 4 + 1 + dice.below(200) as i64);
            let (status, succeeded_at, failed_at, rolled_back_at) = match dice.below(100) {
                0..12 => ("failed", None, Some(ended), None),
                12..18 => ("rolled_back", Some(ended), None, Some(ended + TimeDelta::hours(7))),
                18..20 => ("started", None, None, None),
                _ => ("succeeded", Some(ended), None, None),
            };
            let (service, environment) = (service.to_owned(), environment.to_owned());
            let id = format!("d{number}");
            let times = (succeeded_at, failed_at, rolled_back_at);
            let (succeeded_at, failed_at, rolled_back_at) = times;
            self.deployments.push(Deployment {
                service,
                environment,
                id,
                sha,
                status,
                succeeded_at,
                failed_at,
                rolled_back_at,
            });
        }
    }

    /// Successes of each service and environment in their order.
    fn successes(&self) -> BTreeMap<Place, Vec<&Deployment>> {
        let mut successes: BTreeMap<Place, Vec<&Deployment>> = BTreeMap::new();
        for deployment in self.deployments.iter().filter(|deployment| deployment.succeeded_at.is_some()) {
            successes.entry(deployment.place()).or_default().push(deployment);
        }
        for list in successes.values_mut() {
            list.sort_by(|one, other| (one.succeeded_at, &one.id).cmp(&(other.succeeded_at, &other.id)));
        }
        successes
    }

    /// Numbers of all commits that a commit leads to, itself among them.
    fn reachable(&self, numbers: &HashMap<&str, usize>, from: &str) -> HashSet<usize> {
        let (mut seen, mut open) = (HashSet::new(), vec![from]);
        while let Some(sha) = open.pop() {
            let Some(number) = numbers.get(sha) else { continue }; // its parent is not imported
            if seen.insert(*number) {
                open.extend(self.commits[*number].parents.iter().map(String::as_str));
            }
        }
        seen
    }

    /// What each success brought in.
    pub fn brought_in(&self) -> BroughtIn {
        let numbered = self.commits.iter().enumerate();
        let numbers: HashMap<&str, usize> =
            numbered.map(|(number, commit)| (commit.sha.as_str(), number)).collect();
        let mut brought = BTreeMap::new();
        for (place, successes) in self.successes() {
            let mut previous: Option<&Deployment> = None;
            for success in successes {
                let is_known = |sha: &str| numbers.contains_key(sha);
                let can_tell =
                    is_known(&success.sha) && previous.is_none_or(|previous| is_known(&previous.sha));
                let news = can_tell.then(|| {
                    let old =
                        previous.map(|previous| self.reachable(&numbers, &previous.sha)).unwrap_or_default();
                    let new = self.reachable(&numbers, &success.sha);
                    new.difference(&old).map(|number| self.commits[*number].sha.clone()).collect()
                });
                brought.insert((place.clone(), success.id.clone()), (previous.is_none(), news));
                previous = Some(success);
            }
        }
        brought
    }

    /// The figures of the deployments of a place that finished, all of them or those of one week.
    pub fn figures(&self, brought: &BroughtIn, place: &Place, week: Option<NaiveDate>) -> Figures {
        let committed: HashMap<&str, DateTime<Utc>> =
            self.commits.iter().map(|commit| (commit.sha.as_str(), commit.committed_at)).collect();
        let successes = self.successes();
        let mut figures = Figures::default();
        let (mut lead, mut restore) = (Vec::new(), Vec::new());
        for deployment in &self.deployments {
            let Some(finished) = deployment.finished_at() else { continue };
            if deployment.place() != *place || week.is_some_and(|week| week != monday(finished)) {
                continue;
            }
            figures.finished += 1;
            figures.failed += i64::from(deployment.failure_at().is_some());
            if let Some(succeeded) = deployment.succeeded_at {
                figures.succeeded += 1;
                match &brought[&(deployment.place(), deployment.id.clone())] {
                    (_, None) => figures.unknown_sha += 1,
                    (true, Some(_)) => {}
                    (false, Some(news)) => {
                        lead.extend(
                            news.iter().map(|sha| (succeeded - committed[sha.as_str()]).num_milliseconds()),
                        );
                    }
                }
            }
            let next = deployment.failure_at().and_then(|failure| {
                let later = successes.get(place)?.iter().filter_map(|success| success.succeeded_at);
                Some((later.filter(|at| *at > failure).min()? - failure).num_milliseconds())
            });
            restore.extend(next);
        }
        figures.lead_time = median(&mut lead);
        figures.restore = median(&mut restore);
        figures
    }

    /// The weeks from the first to the last finish of a place.
    pub fn weeks(&self, place: &Place) -> Vec<NaiveDate> {
        let here = self.deployments.iter().filter(|deployment| deployment.place() == *place);
        let weeks: BTreeSet<NaiveDate> = here.filter_map(Deployment::finished_at).map(monday).collect();
        let (Some(first), Some(last)) = (weeks.first(), weeks.last()) else { return Vec::new() };
        first.iter_weeks().take_while(|week| week <= last).collect()
    }
}

#[derive(Debug, Default, PartialEq)]
pub struct Figures {
    pub finished: i64,
    pub succeeded: i64,
    /// Failed or rolled back.
    pub failed: i64,
    pub unknown_sha: i64,
    /// Seconds.
    pub lead_time: Option<f64>,
    /// Seconds.
    pub restore: Option<f64>,
}

fn monday(at: DateTime<Utc>) -> NaiveDate {
    let day = at.date_naive();
    day - Days::new(u64::from(day.weekday().num_days_from_monday()))
}

/// Median of milliseconds, in seconds.
fn median(values: &mut [i64]) -> Option<f64> {
    values.sort_unstable();
    let (last, middle) = (values.len().checked_sub(1)?, values.len() / 2);
    let low = values[last / 2];
    Some((low as f64 + values[middle] as f64) / 2.0 / 1000.0)
}
