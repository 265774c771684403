//! An event as the row and the record that it will be: everything that can be refused is refused before it is
//! reserved, and the relay needs neither the registry nor the schema.

use std::collections::HashMap;
use std::sync::Arc;

use brainops_event::{Outgoing, Partition, TopicName, frame};
use brainops_log::{Cluster, MAX_RECORD_BYTES, Registry, RegistryError};

use crate::digest::EventDigest;
use crate::error::AppendError;
use crate::places::Places;
use crate::relay::Numbered;

/// An event that fits: its schema is registered, its record complete, its partition known.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) digest: EventDigest,
    pub(crate) topic: TopicName,
    pub(crate) partition: Partition,
    pub(crate) key: String,
    /// Names and values, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) value: Vec<u8>,
    pub(crate) bytes: usize,
}

impl Prepared {
    /// The topic that it goes to.
    pub fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// The partition that it goes to.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// As the row that it is, with its place in the order of sending and the row that must stand in the log before it.
    pub(crate) fn numbered(&self, outbox_id: i64, send_no: i64, gate: Option<i64>) -> Numbered {
        Numbered {
            outbox_id,
            place: (self.topic.clone(), self.partition),
            send_no,
            key: self.key.clone(),
            headers: self.headers.clone(),
            value: self.value.clone(),
            gate,
        }
    }

    /// Its headers as the table has them: an array of [name, value].
    pub(crate) fn headers_json(&self) -> serde_json::Value {
        let pairs = self.headers.iter().map(|(name, value)| [name.as_str(), value.as_str()]);
        pairs.map(serde_json::Value::from_iter).collect()
    }

    /// Bytes of its value, headers and key.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Prepares the events of one call. What fails once for a schema is not asked again for the next event of it.
pub(crate) struct Preparer<'a> {
    cluster: &'a Cluster,
    registry: &'a Registry,
    places: &'a Places,
    refused: HashMap<&'static str, Arc<RegistryError>>,
}

impl<'a> Preparer<'a> {
    pub(crate) fn new(cluster: &'a Cluster, registry: &'a Registry, places: &'a Places) -> Preparer<'a> {
        Preparer { cluster, registry, places, refused: HashMap::new() }
    }

    pub(crate) async fn prepare(&mut self, event: Outgoing) -> Result<Prepared, AppendError> {
        let topic = self.cluster.topic(event.topic()).map_err(AppendError::Topic)?;
        let partition = self.places.partition(&topic, event.key()).await.map_err(AppendError::Partitions)?;
        let value = self.value(&event).await?;
        let headers = event.envelope.headers();
        let header_bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = value.len() + header_bytes + event.key().len();
        if bytes > MAX_RECORD_BYTES {
            return Err(AppendError::TooLarge { size: bytes, limit: MAX_RECORD_BYTES });
        }
        Ok(Prepared {
            source: event.envelope.source().to_string(),
            id: event.envelope.id().to_string(),
            digest: EventDigest::of_outgoing(&event),
            topic,
            partition,
            key: event.key().to_owned(),
            headers: headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            value,
            bytes,
        })
    }

    async fn value(&mut self, event: &Outgoing) -> Result<Vec<u8>, AppendError> {
        if let Some(error) = self.refused.get(event.schema.name.as_str()) {
            return Err(AppendError::Schema(Arc::clone(error)));
        }
        match self.registry.id_for(event.schema).await {
            Ok(id) => Ok(frame(id, &event.datum)),
            Err(error) => {
                let error = Arc::new(error);
                self.refused.insert(event.schema.name.as_str(), Arc::clone(&error));
                Err(AppendError::Schema(error))
            }
        }
    }
}
