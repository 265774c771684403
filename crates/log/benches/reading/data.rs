//! The topic that is read: as many records as asked for, shaped like our events.
use brainops_event::{Frontier, Outgoing, TopicName};
use brainops_log::{Cluster, LogConfig, Registry, delete_topics, end_frontier, ensure_topics};

use crate::common::{Namespace, StackConfig, tag};

/// A value of 217 bytes, the five of its prefix included.
const DATUM_BYTES: usize = 212;
const SUBJECTS: usize = 20_000;
const CHUNK: usize = 50_000;

pub struct Data {
    pub space: Namespace,
    pub topic: TopicName,
    pub end: Frontier,
    pub events: u64,
    kept: bool,
}

impl Data {
    pub async fn prepare() -> Data {
        let events = number("BENCH_EVENTS", 2_000_000);
        let kept = std::env::var("BENCH_PREFIX").ok();
        let space = namespace(kept.clone()).await;
        let topic = space.topic("git");
        let there = total(&end(&space, &topic).await);
        append(&space, there, events).await;
        let end = end(&space, &topic).await;
        let events = total(&end);
        Data { space, topic, end, events, kept: kept.is_some() }
    }

    pub async fn put_away(self) {
        if !self.kept {
            let topics: Vec<_> = self.space.topics.iter().map(|state| state.topic.clone()).collect();
            delete_topics(&self.space.cluster, &topics).await.expect("the topics are deleted");
        }
    }
}

pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// An event like ours: headers as usual, a value that compresses about as well as text does.
pub fn event(number: u64) -> Outgoing {
    let subject = format!("repository-{}", number.wrapping_mul(2_654_435_761) % SUBJECTS as u64);
    let mut datum = Vec::with_capacity(DATUM_BYTES);
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while datum.len() < DATUM_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        datum.extend_from_slice(format!("{:x} and ", state >> 24).as_bytes());
    }
    datum.truncate(DATUM_BYTES);
    let plain = tag(&subject, &format!("0199aaaa-0000-7000-8000-{number:012}"));
    let envelope = plain.envelope.clone().with_time(chrono::Utc::now());
    Outgoing { datum, envelope, ..plain }
}

async fn namespace(kept: Option<String>) -> Namespace {
    let stack = StackConfig::load();
    let prefix = kept.unwrap_or_else(|| format!("brainops-bench-{}", uuid::Uuid::now_v7().simple()));
    let log = LogConfig { prefix, partitions: 8, ..stack.log.clone() };
    let cluster = Cluster::new(stack.kafka.clone(), log).expect("the configuration holds");
    let registry = Registry::new(stack.registry.clone()).expect("the configuration holds");
    registry.register(brainops_event::Catalog::builtin()).await.expect("schemas are registered");
    let topics = ensure_topics(&cluster, brainops_event::Catalog::builtin()).await.expect("topics are made");
    Namespace { stack, cluster, registry, topics }
}

async fn append(space: &Namespace, from: u64, to: u64) {
    let appender = space.appender();
    let mut next = from;
    while next < to {
        let until = to.min(next + CHUNK as u64);
        for answer in appender.append_all((next..until).map(event).collect()).await {
            answer.expect("acknowledged");
        }
        next = until;
    }
}

async fn end(space: &Namespace, topic: &TopicName) -> Frontier {
    end_frontier(&space.cluster, std::slice::from_ref(topic)).await.expect("an end")
}

pub fn total(end: &Frontier) -> u64 {
    end.iter().map(|(_, _, offset)| offset.get().unsigned_abs()).sum()
}
