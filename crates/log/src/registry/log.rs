//! What the log tells of schemas: the events `schema.registered` of the topic `schema`.
//!
//! Such an event is read by the built-in schema and not by the one that its value names, since that one is told by an
//! event of the same kind. Two things make that safe: the built-in schema never changes (a test holds on to it), and each
//! event carries a fingerprint of the text that it tells.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use brainops_event::types::schema::Registered;
use brainops_event::{
    Catalog, Offset, Partition, SchemaId, SchemaReference, TopicId, TypedEvent, WriterSchema, is_same_schema,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{RegistryError, SchemaVersion};
use crate::cluster::Cluster;
use crate::frontier::{end_frontier, start_frontier};
use crate::read_error::ReadError;
use crate::tail::{Said, TailRange, TailRecord, read_tail};

/// The topic that tells of schemas, without its prefix.
const TOPIC: &str = "schema";
/// How long reading it may take; it has a record for each schema.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// What the log has told so far.
pub(super) struct LogTable {
    cluster: Cluster,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    topic_id: Option<TopicId>,
    next: HashMap<Partition, Offset>,
    schemas: HashMap<SchemaId, Known>,
    /// Ids before values that the built-in schema could read: they are its own, also where no event says so.
    own: HashSet<SchemaId>,
    versions: Vec<SchemaVersion>,
}

/// What stands behind an id.
#[derive(Clone)]
enum Known {
    One(Arc<str>),
    /// Different texts, of these subjects: the registry was made anew, and gave ids again.
    Several(Vec<String>),
}

impl LogTable {
    pub(super) fn new(cluster: &Cluster) -> LogTable {
        LogTable { cluster: cluster.clone(), told: Mutex::default() }
    }

    pub(super) async fn schema(&self, reference: SchemaReference) -> Result<WriterSchema, RegistryError> {
        let id = match reference {
            SchemaReference::Id(id) => id,
            // the log tells of ids only
            SchemaReference::Guid(guid) => {
                return Err(RegistryError::UnknownSchema { reference: guid.to_string() });
            }
        };
        let mut told = self.told.lock().await;
        if told.text(id).is_none() {
            self.read_on(&mut told).await?;
        }
        let reference = id.to_string();
        let unusable = |reason| RegistryError::UnusableSchema { reference: id.to_string(), reason };
        match told.text(id) {
            None => Err(RegistryError::UnknownSchema { reference }),
            Some(Known::One(text)) => {
                WriterSchema::parse(id, &text).map_err(|error| unusable(error.to_string()))
            }
            Some(Known::Several(subjects)) => {
                let subjects = subjects.join(", ");
                Err(unusable(format!("the log tells of several schemas with this id: {subjects}")))
            }
        }
    }

    pub(super) async fn id(&self, subject: &str, text: &str) -> Result<Option<SchemaId>, RegistryError> {
        let mut told = self.told.lock().await;
        if told.id(subject, text).is_none() {
            self.read_on(&mut told).await?;
        }
        Ok(told.id(subject, text))
    }

    pub(super) async fn versions(&self, catalog: &Catalog) -> Result<Vec<SchemaVersion>, RegistryError> {
        let mut told = self.told.lock().await;
        self.read_on(&mut told).await?;
        let ours = |version: &&SchemaVersion| catalog.by_name(&version.subject).is_some();
        let mut versions: Vec<SchemaVersion> = told.versions.iter().filter(ours).cloned().collect();
        versions.sort_by(|one, other| (&one.subject, one.version).cmp(&(&other.subject, other.version)));
        Ok(versions)
    }

    /// Reads what was told since the last time.
    async fn read_on(&self, told: &mut Told) -> Result<(), RegistryError> {
        match timeout(READ_LIMIT, self.read(told)).await {
            Ok(read) => read.map_err(|source| RegistryError::Log { source: Box::new(source) }),
            Err(_) => Err(RegistryError::SlowLog { limit_s: READ_LIMIT.as_secs() }),
        }
    }

    async fn read(&self, told: &mut Told) -> Result<(), ReadError> {
        let Ok(topic) = self.cluster.topic(TOPIC) else { return Ok(()) }; // the prefix was checked
        let topics = [topic.clone()];
        let begin = start_frontier(&self.cluster, &topics).await?;
        let end = end_frontier(&self.cluster, &topics).await?;
        if told.topic_id.as_ref() != end.topic_id(&topic) {
            told.topic_id = end.topic_id(&topic).cloned();
            told.next.clear(); // another topic of that name; what the old one told stays true
        }
        let ranges = end.iter().map(|(topic, partition, to)| {
            let low = begin.get(topic, partition).unwrap_or(Offset::ZERO);
            let next = told.next.get(&partition).copied().unwrap_or(low);
            TailRange { topic: topic.clone(), partition, from: next.max(low), to }
        });
        let ranges: Vec<TailRange> = ranges.filter(|range| range.from < range.to).collect();
        if ranges.is_empty() {
            return Ok(());
        }
        let mut tail = read_tail(&self.cluster, ranges.clone())?;
        while let Some(records) = tail.next().await {
            for record in records? {
                told.learn(&record);
            }
        }
        told.next.extend(ranges.into_iter().map(|range| (range.partition, range.to)));
        Ok(())
    }
}

impl Told {
    fn learn(&mut self, record: &TailRecord) {
        let Said::Avro { event_type, datum, schema, .. } = &record.said else { return };
        if event_type.as_slice() != Registered::EVENT_TYPE.as_bytes() {
            return;
        }
        let Some((id, told)) = Registered::from_datum(datum) else {
            let (topic, partition, offset) = (&record.topic, record.partition, record.offset);
            tracing::warn!(%topic, %partition, %offset, "a record does not tell of a schema as it should");
            return;
        };
        if let SchemaReference::Id(own) = schema {
            self.own.insert(*own);
        }
        self.insert(id, &told.subject, &told.text);
        let version = SchemaVersion { subject: told.subject, id, version: told.version, text: told.text };
        if !self.versions.contains(&version) {
            self.versions.push(version);
        }
    }

    fn text(&self, id: SchemaId) -> Option<Known> {
        let own = || {
            let entry = Catalog::builtin().by_name(Registered::SCHEMA).filter(|_| self.own.contains(&id))?;
            Some(Known::One(entry.text.into()))
        };
        self.schemas.get(&id).cloned().or_else(own)
    }

    fn insert(&mut self, id: SchemaId, subject: &str, text: &str) {
        match self.schemas.get_mut(&id) {
            None => {
                self.schemas.insert(id, Known::One(text.into()));
            }
            Some(Known::One(known)) if is_same_schema(known, text) => {}
            Some(Known::One(_)) => {
                let before = self.versions.iter().filter(|version| version.id == id);
                let mut subjects: Vec<String> = before.map(|version| version.subject.clone()).collect();
                subjects.push(subject.to_owned());
                self.schemas.insert(id, Known::Several(subjects));
            }
            Some(Known::Several(subjects)) => {
                if !subjects.iter().any(|known| known == subject) {
                    subjects.push(subject.to_owned());
                }
            }
        }
    }

    /// The last that was told: ids of a registry that was made anew are those that count.
    fn id(&self, subject: &str, text: &str) -> Option<SchemaId> {
        let mut versions = self.versions.iter().rev();
        let version =
            versions.find(|version| version.subject == subject && is_same_schema(&version.text, text));
        version.map(|version| version.id)
    }
}
