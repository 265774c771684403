//! Starts members, and keeps when a batch of which partition came from whom.
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::{PARTITIONS, member};

/// How long nothing may change until a group counts as settled.
const QUIET: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(90);

pub struct Members {
    prefix: String,
    protocol: &'static str,
    running: BTreeMap<usize, Child>,
    next: usize,
    pub timeline: Timeline,
}

struct Seen {
    at: Instant,
    partition: u16,
    member: usize,
}

#[derive(Clone)]
pub struct Timeline {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Since what happened last.
    since: Arc<Mutex<Instant>>,
}

impl Members {
    pub fn new(prefix: String, protocol: &'static str) -> Members {
        let since = Arc::new(Mutex::new(Instant::now()));
        let timeline = Timeline { seen: Arc::default(), since };
        Members { prefix, protocol, running: BTreeMap::new(), next: 0, timeline }
    }

    pub fn start(&mut self) -> usize {
        self.timeline.happens();
        let number = self.next;
        self.next += 1;
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .env(member::PREFIX, &self.prefix)
            .env(member::PROTOCOL, self.protocol)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let timeline = self.timeline.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let partition = line.parse().expect("a partition");
                let seen = Seen { at: Instant::now(), partition, member: number };
                timeline.seen.lock().expect("whole").push(seen);
            }
        });
        self.running.insert(number, child);
        number
    }

    pub async fn leave(&mut self, number: usize) {
        self.timeline.happens();
        let mut child = self.running.remove(&number).expect("it runs");
        drop(child.stdin.take());
        child.wait().await.expect("it ends");
    }

    pub async fn kill(&mut self, number: usize) {
        self.timeline.happens();
        let mut child = self.running.remove(&number).expect("it runs");
        child.kill().await.expect("it ends");
    }
}

impl Timeline {
    fn happens(&self) {
        *self.since.lock().expect("whole") = Instant::now();
    }

    /// Waits until every partition comes from one of these members, each has some, and nothing changes any more.
    pub async fn settled(&self, members: &[usize]) {
        let begun = Instant::now();
        let mut good_since = None;
        while good_since.is_none_or(|since: Instant| since.elapsed() < QUIET) {
            assert!(begun.elapsed() < LIMIT, "the group did not settle");
            tokio::time::sleep(Duration::from_millis(50)).await;
            let owners = self.owners();
            let is_shared = members.iter().all(|member| owners.values().any(|owner| owner == member));
            let is_theirs = owners.values().all(|owner| members.contains(owner));
            if owners.len() == usize::from(PARTITIONS) && is_shared && is_theirs {
                good_since.get_or_insert_with(Instant::now);
            } else {
                good_since = None;
            }
        }
    }

    /// Who had each partition in the last second.
    fn owners(&self) -> BTreeMap<u16, usize> {
        let seen = self.seen.lock().expect("whole");
        let recent = seen.iter().rev().take_while(|seen| seen.at.elapsed() < Duration::from_secs(1));
        recent.collect::<Vec<_>>().into_iter().rev().map(|seen| (seen.partition, seen.member)).collect()
    }

    /// Waits until the group is settled, and says how long partitions stood still since it happened.
    pub async fn report(&self, what: &str, members: &[usize]) {
        self.settled(members).await;
        let since = *self.since.lock().expect("whole");
        let seen = self.seen.lock().expect("whole");
        let (mut untouched, mut moved) = (Vec::new(), Vec::new());
        for partition in 0..PARTITIONS {
            let all: Vec<&Seen> = seen.iter().filter(|seen| seen.partition == partition).collect();
            let first = all.iter().rposition(|seen| seen.at < since).unwrap_or(0);
            let of_interest = &all[first..];
            let gap = of_interest.windows(2).map(|two| two[1].at - two[0].at).max().unwrap_or_default();
            let gap = gap.as_secs_f64() * 1e3;
            let is_moved = of_interest.windows(2).any(|two| two[0].member != two[1].member);
            if is_moved { moved.push(gap) } else { untouched.push(gap) }
        }
        println!("  {what}: untouched stood still for {}, moved for {}", longest(untouched), longest(moved));
    }
}

fn longest(mut gaps: Vec<f64>) -> String {
    gaps.sort_by(f64::total_cmp);
    match (gaps.first(), gaps.last()) {
        (Some(least), Some(most)) => format!("{least:.0} to {most:.0} ({} of them)", gaps.len()),
        _ => "none".to_owned(),
    }
}
