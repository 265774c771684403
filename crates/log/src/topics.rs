//! Makes the topics as the wire contract says, and says so when what exists is otherwise.
//!
//! An existing topic is never altered: its partition count decides where keys lie, its retention whether history is
//! kept. A person has to decide what a difference means.
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use brainops_event::{Catalog, PartitionCount, TopicId, TopicName};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

use crate::cluster::{ANSWER_LIMIT, Cluster, ClusterError, Role};
use crate::context::LoggingContext;
use crate::frontier::{Described, describe};
use crate::read_only::sealed::Sealed as _;

/// How long topics that the cluster has agreed to make or to delete are waited for. A broker answers when the decision
/// stands and does it afterwards, one topic after the other; one with much to do has been seen to need more than fifteen
/// seconds for it.
const DONE_LIMIT: Duration = Duration::from_secs(60);

/// A topic as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Its full name.
    pub topic: TopicName,
    /// The id that the cluster gave it.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: PartitionCount,
    /// Whether it was made just now.
    pub made: bool,
}

/// One setting in which a topic differs from the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The topic.
    pub topic: TopicName,
    /// Name of the setting, as Kafka has it; `partitions` for their number.
    pub setting: &'static str,
    /// What the contract says.
    pub wanted: String,
    /// What the cluster says.
    pub found: String,
}

/// Why topics are not as they should be.
#[derive(Debug, Error)]
pub enum TopicsError {
    /// The cluster did not answer, or refused to. Trying again can help when it was silent.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A topic cannot be made. Trying again does not help.
    #[error("the topic {topic} cannot be made: {code}")]
    Make {
        /// The topic.
        topic: TopicName,
        /// What the cluster answered.
        code: RDKafkaErrorCode,
    },
    /// Topics exist that are not as the contract says; all differences at once. A person has to decide.
    #[error("existing topics are not as they should be: {}", Listed(.0))]
    Mismatch(Vec<Mismatch>),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} has {} {}, wanted {}", self.topic, self.setting, self.found, self.wanted)
    }
}

struct Listed<'a>(&'a [Mismatch]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mismatch) in self.0.iter().enumerate() {
            write!(out, "{}{mismatch}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Makes every topic of the catalog that does not exist, and compares the others with the contract.
///
/// # Errors
/// The cluster is silent, a topic cannot be made, or existing ones differ: see [`TopicsError`].
pub async fn ensure_topics(cluster: &Cluster, catalog: &Catalog) -> Result<Vec<TopicState>, TopicsError> {
    let names: Vec<TopicName> = catalog.topics().iter().filter_map(|name| cluster.topic(name).ok()).collect();
    let maker = Maker::new(cluster)?;
    let known = describe(cluster.reader(), &names).await?;
    let missing: Vec<&TopicName> = names.iter().filter(|name| !known.contains_key(*name)).collect();
    maker.make(&missing).await?;
    let described = await_topics(cluster, &names).await?;
    let mismatches = maker.compare(&names, &described).await?;
    if !mismatches.is_empty() {
        return Err(TopicsError::Mismatch(mismatches));
    }
    let state = |topic: &TopicName| {
        let Described { id, partitions } = described.get(topic)?.clone();
        Some(TopicState { topic: topic.clone(), id, partitions, made: missing.contains(&topic) })
    };
    Ok(names.iter().filter_map(state).collect())
}

/// How one topic of the catalog compares with the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicComparison {
    /// The topic.
    pub topic: TopicName,
    /// Whether it exists.
    pub exists: bool,
    /// In what it differs; nothing of one that does not exist.
    pub mismatches: Vec<Mismatch>,
}

/// Compares every topic of the catalog with the contract, and makes none.
///
/// # Errors
/// The cluster is silent, or refuses.
pub async fn compare_topics(
    cluster: &Cluster,
    catalog: &Catalog,
) -> Result<Vec<TopicComparison>, TopicsError> {
    let names: Vec<TopicName> = catalog.topics().iter().filter_map(|name| cluster.topic(name).ok()).collect();
    let described = describe(cluster.reader(), &names).await?;
    let present: Vec<TopicName> =
        names.iter().filter(|name| described.contains_key(*name)).cloned().collect();
    let mut mismatches = Vec::new();
    if !present.is_empty() {
        mismatches = Maker::new(cluster)?.compare(&present, &described).await?;
        mismatches.extend(compare_replication(cluster, &present).await?);
    }
    let comparison = |topic: TopicName| TopicComparison {
        exists: present.contains(&topic),
        mismatches: mismatches.iter().filter(|one| one.topic == topic).cloned().collect(),
        topic,
    };
    Ok(names.into_iter().map(comparison).collect())
}

/// Topics of which a partition has another number of copies, on all brokers or in step, than is configured.
async fn compare_replication(cluster: &Cluster, topics: &[TopicName]) -> Result<Vec<Mismatch>, ClusterError> {
    let wanted = usize::from(cluster.log_config().replication);
    let names = topics.to_vec();
    cluster
        .reader()
        .ask("where copies of topics are", move |asker| {
            let metadata = asker.client().fetch_metadata(None, ANSWER_LIMIT)?;
            let found = metadata.topics().iter().filter_map(|found| {
                let topic = names.iter().find(|topic| topic.as_str() == found.name())?;
                let copies = found.partitions().iter().map(|partition| partition.replicas().len()).min()?;
                let in_step = found.partitions().iter().map(|partition| partition.isr().len()).min()?;
                let mismatch = |setting, found: usize| Mismatch {
                    topic: topic.clone(),
                    setting,
                    wanted: wanted.to_string(),
                    found: found.to_string(),
                };
                let differs = (copies != wanted).then(|| mismatch("replication", copies));
                differs.or_else(|| (in_step < wanted).then(|| mismatch("replicas in sync", in_step)))
            });
            Ok(found.collect())
        })
        .await
}

/// Deletes topics with everything in them, for good, and waits until no broker shows them any more: for test namespaces
/// and for the reset of a local stack. Topics that do not exist are passed over.
///
/// # Errors
/// The cluster is silent, or refuses.
pub async fn delete_topics(cluster: &Cluster, topics: &[TopicName]) -> Result<(), ClusterError> {
    let question = "that topics are deleted";
    let wrap = |source| cluster.reader().error(question, source);
    let admin = admin(cluster).map_err(wrap)?;
    let names: Vec<&str> = topics.iter().map(TopicName::as_str).collect();
    for result in admin.delete_topics(&names, &options()).await.map_err(wrap)? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((_, code)) => return Err(wrap(KafkaError::AdminOp(code))),
        }
    }
    await_no_topics(cluster, topics).await
}

/// After they were deleted, brokers show topics for a moment: who made them again at once would find them there.
async fn await_no_topics(cluster: &Cluster, names: &[TopicName]) -> Result<(), ClusterError> {
    let deadline = tokio::time::Instant::now() + DONE_LIMIT;
    loop {
        let described = describe(cluster.reader(), names).await?;
        if described.is_empty() {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            let silence = KafkaError::AdminOp(RDKafkaErrorCode::RequestTimedOut);
            return Err(cluster.reader().error("that topics are deleted", silence));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// After they were made, topics take a moment until every broker knows them.
async fn await_topics(
    cluster: &Cluster,
    names: &[TopicName],
) -> Result<HashMap<TopicName, Described>, TopicsError> {
    let deadline = tokio::time::Instant::now() + DONE_LIMIT;
    loop {
        let described = describe(cluster.reader(), names).await?;
        match names.iter().find(|name| !described.contains_key(*name)) {
            None => return Ok(described),
            Some(topic) if tokio::time::Instant::now() > deadline => {
                let servers = cluster.reader().servers().to_owned();
                return Err(ClusterError::MissingTopic { topic: topic.clone(), servers }.into());
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

struct Maker<'a> {
    cluster: &'a Cluster,
    admin: AdminClient<LoggingContext>,
    /// What a topic is made with, and must have.
    settings: Vec<(&'static str, String)>,
}

impl<'a> Maker<'a> {
    fn new(cluster: &'a Cluster) -> Result<Maker<'a>, ClusterError> {
        let admin =
            admin(cluster).map_err(|source| cluster.reader().error("whether topics can be made", source))?;
        Ok(Maker { cluster, admin, settings: settings(cluster.log_config().replication) })
    }

    async fn make(&self, missing: &[&TopicName]) -> Result<(), TopicsError> {
        if missing.is_empty() {
            return Ok(());
        }
        let config = self.cluster.log_config();
        let topics: Vec<NewTopic<'_>> = missing
            .iter()
            .map(|topic| {
                let replication = TopicReplication::Fixed(i32::from(config.replication));
                let topic = NewTopic::new(topic.as_str(), i32::from(config.partitions), replication);
                self.settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
            })
            .collect();
        let made = self.admin.create_topics(&topics, &options()).await;
        let made = made.map_err(|source| self.cluster.reader().error("that topics are made", source))?;
        for result in made {
            match result {
                Ok(name) => tracing::info!(topic = name, "made a topic"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {} // another instance was quicker
                Err((name, code)) => {
                    let topic = missing.iter().find(|topic| topic.as_str() == name);
                    let Some(topic) = topic.copied().cloned() else { continue };
                    return Err(TopicsError::Make { topic, code });
                }
            }
        }
        Ok(())
    }

    async fn compare(
        &self,
        names: &[TopicName],
        described: &HashMap<TopicName, Described>,
    ) -> Result<Vec<Mismatch>, TopicsError> {
        let question = "how topics are configured";
        let refused = |code| self.cluster.reader().error(question, KafkaError::AdminOp(code));
        let resources: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name.as_str())).collect();
        let answers = self.admin.describe_configs(&resources, &options()).await;
        let answers = answers.map_err(|source| self.cluster.reader().error(question, source))?;
        let mut mismatches = Vec::new();
        for (topic, answer) in names.iter().zip(answers) {
            let answer = answer.map_err(refused)?;
            let found = |name: &str| answer.get(name).and_then(|entry| entry.value.clone());
            let wanted = self.settings.iter().map(|(name, value)| (*name, value.clone()));
            let settings = wanted.map(|(name, wanted)| (name, wanted, found(name)));
            let partitions = described.get(topic).map(|found| found.partitions.to_string());
            let count = ("partitions", self.cluster.log_config().partitions.to_string(), partitions);
            mismatches.extend(std::iter::once(count).chain(settings).filter_map(
                |(setting, wanted, found)| {
                    let found = found.unwrap_or_else(|| "nothing".to_owned());
                    (wanted != found).then(|| Mismatch { topic: topic.clone(), setting, wanted, found })
                },
            ));
        }
        Ok(mismatches)
    }
}

/// What the wire contract says of every topic of events.
fn settings(replication: u16) -> Vec<(&'static str, String)> {
    // all but one of the copies: one machine may go without stopping appends, or losing one
    let in_sync = replication.saturating_sub(1).max(1);
    let fixed = [
        ("cleanup.policy", "delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("message.timestamp.type", "LogAppendTime"),
        ("unclean.leader.election.enable", "false"),
        ("max.message.bytes", "1048588"), // a little more than our largest record
    ];
    let fixed = fixed.into_iter().map(|(name, value)| (name, value.to_owned()));
    fixed.chain([("min.insync.replicas", in_sync.to_string())]).collect()
}

fn admin(cluster: &Cluster) -> Result<AdminClient<LoggingContext>, KafkaError> {
    cluster.client(Role::Admin).create_with_context(LoggingContext)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_LIMIT)).operation_timeout(Some(ANSWER_LIMIT))
}
