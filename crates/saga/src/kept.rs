//! An input that is kept for later, owning all of it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use brainops_event::{
    Body, Catalog, EnvelopeView, Offset, Outgoing, Partition, Position, Recorded, SchemaId, Timestamp,
    TopicName, WriterSchema, datum_json,
};
use serde::{Deserialize, Serialize};

use crate::cast::{TOPIC, is_named};
use crate::refusal::Refusal;

/// An input that waits for its saga: as it stands in the log, data and all. What is sealed in it stays sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    topic: TopicName,
    partition: Partition,
    offset: Offset,
    recorded_at: Timestamp,
    headers: Vec<(String, String)>,
    body: KeptBody,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptBody {
    /// Name of a schema of the catalog, and a datum of it.
    Avro {
        schema: String,
        #[serde(with = "crate::bytes")]
        datum: Vec<u8>,
    },
    Json(String),
    Empty,
}

impl Kept {
    pub(crate) fn of(event: &Recorded<'_>) -> Result<Self, Refusal> {
        let envelope = event.envelope.to_envelope()?;
        let headers = envelope.headers().into_iter();
        Ok(Self {
            topic: event.topic.clone(),
            partition: event.partition,
            offset: event.offset,
            recorded_at: event.recorded_at,
            headers: headers.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
            body: KeptBody::of(&event.body),
        })
    }

    /// An event that stands nowhere: what would have come, for who asks what would have been decided.
    pub(crate) fn made_up(event: &Outgoing, like: &Self) -> Self {
        let prefix = like.topic.as_str().rsplit_once('.').map_or("", |(prefix, _)| prefix);
        let topic = TopicName::new(&format!("{prefix}.{}", event.topic()));
        let headers = event.envelope.headers().into_iter();
        let (schema, datum) = (event.schema.name.to_string(), event.datum.clone());
        Self {
            topic: topic.unwrap_or_else(|_| like.topic.clone()),
            partition: like.partition,
            offset: like.offset,
            recorded_at: event.envelope.time().unwrap_or(like.recorded_at),
            headers: headers.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
            body: KeptBody::Avro { schema, datum },
        }
    }

    pub(crate) const fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    pub(crate) fn position(&self) -> Position {
        Position { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }

    pub(crate) fn event_type(&self) -> &str {
        let header = self.headers.iter().find(|(name, _)| name == "ce_type");
        header.map_or("", |(_, event_type)| event_type)
    }

    pub(crate) fn is_own(&self) -> bool {
        is_named(self.topic.as_str(), TOPIC)
    }

    /// Gives the event as it was to `look`.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Recorded<'_>) -> T) -> Result<T, Refusal> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), Some(value.as_bytes())));
        let envelope =
            EnvelopeView::from_headers(headers).map_err(|_| Refusal::new("unreadable_kept_input"))?;
        let schema;
        let body = match &self.body {
            KeptBody::Empty => Body::Empty,
            KeptBody::Json(text) => Body::Json(text.as_str().into()),
            KeptBody::Avro { schema: name, datum } => {
                schema = schema_named(name).ok_or(Refusal::new("unknown_schema"))?;
                Body::Avro { schema: &schema, datum }
            }
        };
        let (topic, partition, offset) = (&self.topic, self.partition, self.offset);
        Ok(look(&Recorded { topic, partition, offset, recorded_at: self.recorded_at, envelope, body }))
    }
}

impl KeptBody {
    fn of(body: &Body<'_>) -> Self {
        match body {
            Body::Empty => Self::Empty,
            Body::Json(text) => Self::Json(text.to_string()),
            Body::Avro { schema, datum } if Catalog::builtin().by_name(schema.name.as_str()).is_some() => {
                Self::Avro { schema: schema.name.to_string(), datum: datum.to_vec() }
            }
            // A foreign schema, of which only the data itself can be kept. Bytes that are no data of it are left in the
            // log: the agent, asked about the input, finds none.
            Body::Avro { schema, datum } => {
                datum_json(schema, datum).map_or(Self::Empty, |tree| Self::Json(tree.to_string()))
            }
        }
    }
}

/// A schema of the catalog as a writer's, parsed once.
fn schema_named(name: &str) -> Option<Arc<WriterSchema>> {
    static PARSED: LazyLock<Mutex<HashMap<String, Arc<WriterSchema>>>> = LazyLock::new(Mutex::default);
    let mut parsed = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = parsed.get(name) {
        return Some(Arc::clone(known));
    }
    let schema = Arc::new(Catalog::builtin().by_name(name)?.writer_schema(SchemaId::new(0)).ok()?);
    parsed.insert(name.to_owned(), Arc::clone(&schema));
    Some(schema)
}
