//! Every schema of `schemas/`, compiled in: which record carries an event type, and which topic it belongs to.

use std::fmt;
use std::sync::LazyLock;

use crate::ids::EventType;
use crate::schema::{Parsed, SchemaError, SchemaId, SchemaName, WriterSchema};

mod table {
    use super::{PiiField, RawEntry};
    include!(concat!(env!("OUT_DIR"), "/catalog.rs"));
}

/// A field that holds personal text and is sealed before it is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PiiField {
    /// Name of the field.
    pub field: &'static str,
    /// What kind of text it is, such as `email`; bound into the ciphertext.
    pub kind: &'static str,
    /// Field that names the data subject; none: the event's subject.
    pub subject_field: Option<&'static str>,
}

struct RawEntry {
    name: &'static str,
    topic: &'static str,
    event_types: &'static [&'static str],
    pii: &'static [PiiField],
    text: &'static str,
}

/// One schema of `schemas/`.
pub struct SchemaEntry {
    /// Full name of its record.
    pub name: SchemaName,
    /// Topic of its events, without the prefix.
    pub topic: &'static str,
    /// Event types that it carries; `agent.intent.*` stands for all that begin so. Empty for a part of other schemas.
    pub event_types: &'static [&'static str],
    /// Its version; see [`WriterSchema::version`].
    pub version: u32,
    /// Its fields that hold personal text.
    pub pii: &'static [PiiField],
    /// The text to register: JSON that stands alone, with docs and our own attributes.
    pub text: &'static str,
    /// For encoding and decoding on the hot path.
    pub fast: serde_avro_fast::Schema,
    /// For walking through, field by field.
    pub avro: apache_avro::Schema,
}

impl SchemaEntry {
    fn new(raw: &RawEntry) -> Result<Self, SchemaError> {
        let Parsed { name, version, fast, avro } = Parsed::from_text(raw.text)?;
        debug_assert_eq!(name.as_str(), raw.name);
        Ok(Self {
            name,
            version,
            topic: raw.topic,
            event_types: raw.event_types,
            pii: raw.pii,
            text: raw.text,
            fast,
            avro,
        })
    }

    /// Whether a schema of this name wrote data of this one: it has the same full name, or one that this one had before,
    /// as its `aliases` say.
    #[must_use]
    pub fn takes(&self, writer: &SchemaName) -> bool {
        let former = self.avro.aliases().into_iter().flatten();
        let mut former = former.map(|alias| alias.fullname(self.avro.namespace()));
        self.name == *writer || former.any(|alias| alias == writer.as_str())
    }

    /// The same schema as a writer's, under the id that the registry gave it.
    ///
    /// # Errors
    /// None in practice: the text was parsed before.
    pub fn writer_schema(&self, id: SchemaId) -> Result<WriterSchema, SchemaError> {
        WriterSchema::parse(id, self.text)
    }
}

impl fmt::Debug for SchemaEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SchemaEntry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A schema of a catalog that is not the built-in one: what `schemas/` says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct CatalogPart {
    /// Topic of its events, without the prefix.
    pub topic: &'static str,
    /// Event types that it carries.
    pub event_types: &'static [&'static str],
    /// JSON that stands alone.
    pub text: &'static str,
}

/// No topic is meant for an event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no topic for the event type {event_type}: schemas/topics.toml has no topic {domain}")]
pub struct UnknownDomain {
    /// The event type.
    pub event_type: EventType,
    /// Its first word.
    pub domain: String,
}

/// The schemas and the topics.
pub struct Catalog {
    entries: Vec<SchemaEntry>,
}

impl Catalog {
    /// The schemas that were compiled in.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
            #[expect(
                clippy::expect_used,
                reason = "our own text, generated at build time; a test reads all of it"
            )]
            let entries =
                table::ENTRIES.iter().map(SchemaEntry::new).collect::<Result<_, _>>().expect("schemas parse");
            Catalog { entries }
        });
        &BUILTIN
    }

    /// A catalog of other schemas, for who asks what another version of this program would make of the log. Its topics
    /// are the built-in ones; no field of it is sealed.
    ///
    /// # Errors
    /// A text is no schema of a record.
    pub fn of(parts: &[CatalogPart]) -> Result<Self, SchemaError> {
        let entry = |part: &CatalogPart| {
            let Parsed { name, version, fast, avro } = Parsed::from_text(part.text)?;
            let CatalogPart { topic, event_types, text } = *part;
            Ok(SchemaEntry { name, topic, event_types, version, pii: &[], text, fast, avro })
        };
        let mut entries = parts.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { entries })
    }

    /// All schemas, sorted by name.
    #[must_use]
    pub fn entries(&self) -> &[SchemaEntry] {
        &self.entries
    }

    /// The schema with this full name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&SchemaEntry> {
        self.entries.iter().find(|entry| entry.name.as_str() == name)
    }

    /// The schema that carries this type: the one that names it, else the one with the longest pattern that fits.
    #[must_use]
    pub fn schema_for(&self, event_type: &EventType) -> Option<&SchemaEntry> {
        self.closest(event_type).map(|(entry, _)| entry)
    }

    /// The type or pattern by which [`Catalog::schema_for`] finds the schema of this type.
    #[must_use]
    pub fn pattern_for(&self, event_type: &EventType) -> Option<&'static str> {
        self.closest(event_type).map(|(_, pattern)| pattern)
    }

    fn closest(&self, event_type: &EventType) -> Option<(&SchemaEntry, &'static str)> {
        let patterns = self
            .entries
            .iter()
            .flat_map(|entry| entry.event_types.iter().map(move |pattern| (entry, *pattern)));
        let fitting = patterns
            .filter_map(|(entry, pattern)| Some((closeness(pattern, event_type.as_str())?, entry, pattern)));
        let closest = fitting.max_by_key(|(closeness, _, _)| *closeness);
        closest.map(|(_, entry, pattern)| (entry, pattern))
    }

    /// The topic, without its prefix, that events of this type belong to.
    ///
    /// # Errors
    /// The first word of the type names no topic.
    pub fn topic_for(&self, event_type: &EventType) -> Result<&'static str, UnknownDomain> {
        let domain = event_type.domain();
        let elsewhere = table::DOMAINS.iter().find(|(name, _)| *name == domain).map(|(_, topic)| *topic);
        let topic = elsewhere.or_else(|| self.topics().iter().copied().find(|name| *name == domain));
        topic.ok_or_else(|| UnknownDomain { event_type: event_type.clone(), domain: domain.to_owned() })
    }

    /// Every kind of personal text that a schema marks, such as `email`, in order. What is sealed as another kind could
    /// never be opened again.
    #[must_use]
    pub fn kinds(&self) -> Vec<&'static str> {
        let fields = self.entries.iter().flat_map(|entry| entry.pii);
        let mut kinds: Vec<&str> = fields.map(|field| field.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// All topics, without their prefix.
    #[must_use]
    pub fn topics(&self) -> &'static [&'static str] {
        table::TOPICS
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Catalog").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// How closely a type or pattern fits: an exact one more than any pattern, a longer pattern more than a shorter one.
/// A pattern ends in `.*` and no type in a dot, so what fits has something in the star's place.
fn closeness(pattern: &str, event_type: &str) -> Option<usize> {
    match pattern.strip_suffix('*') {
        Some(prefix) => event_type.starts_with(prefix).then_some(prefix.len()),
        None => (pattern == event_type).then_some(usize::MAX),
    }
}
