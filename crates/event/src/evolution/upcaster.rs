//! Changes of a schema that Avro's resolution cannot express: pure functions from one version to the next.
//!
//! The version of a schema is its attribute `eventVersion`; without one it is 1. It rises only when a change needs an
//! upcaster: fields that come or go with a default, wider numbers, aliases and symbols do not.
//!
//! An upcaster gets the data as its version's schema has it and gives what the next version would have said of the same
//! event. It takes text apart, renames, regroups, converts units. It does not invent history: what the old version did
//! not say is null, or a default that the new schema has for exactly that, and never a guess, the present time, or
//! something that is looked up elsewhere. It is pure and total, since it decides for ever what old events mean, in live
//! folding as in a rebuild; where it fails or panics, the record is poison.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use apache_avro::types::Value;

use crate::catalog::Catalog;
use crate::resolution::Unresolvable;

/// From the data of one version to that of the next, or why this data cannot be taken there; says nothing of the values.
pub(super) type Upcast = Arc<dyn Fn(Value) -> Result<Value, String> + Send + Sync>;

/// Takes data of an event type from one version to the next.
#[derive(Clone)]
pub struct Upcaster {
    event_type: String,
    from: u32,
    upcast: Upcast,
}

impl Upcaster {
    /// From version `from` of an event type, named as the schema lists it, to version `from + 1`.
    pub fn new(
        event_type: &str,
        from: u32,
        upcast: impl Fn(Value) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Self {
        Self { event_type: event_type.to_owned(), from, upcast: Arc::new(upcast) }
    }
}

impl fmt::Debug for Upcaster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Upcaster({} from version {})", self.event_type, self.from)
    }
}

/// The upcasters of this program. There are none: no schema has a second version.
#[must_use]
pub fn builtin_upcasters() -> Vec<Upcaster> {
    Vec::new()
}

/// A set of upcasters does not fit the catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpcasterError {
    /// No schema lists this event type.
    #[error("the upcaster of {event_type} from version {version} is for a type that no schema lists")]
    UnknownType {
        /// The event type.
        event_type: String,
        /// The version that it begins with.
        version: u32,
    },
    /// Two upcasters begin with one version.
    #[error("{event_type} has two upcasters from version {version}")]
    Duplicate {
        /// The event type.
        event_type: String,
        /// The version that both begin with.
        version: u32,
    },
    /// No upcaster begins with a version that is older than the schema's.
    #[error("{event_type} has no upcaster from version {version}, and its schema is version {newest}")]
    Missing {
        /// The event type.
        event_type: String,
        /// The version that has none.
        version: u32,
        /// The version of the schema.
        newest: u32,
    },
    /// An upcaster leads beyond the schema, or begins before the first version.
    #[error(
        "{event_type} has an upcaster from version {version}, accepted is 1 to below {newest}, which its schema is"
    )]
    Beyond {
        /// The event type.
        event_type: String,
        /// The version that it begins with.
        version: u32,
        /// The version of the schema.
        newest: u32,
    },
}

/// Upcasters of all event types, complete.
#[derive(Debug)]
pub struct Upcasters {
    by_type: BTreeMap<String, BTreeMap<u32, Upcaster>>,
}

impl Upcasters {
    /// Checks that each event type has exactly one upcaster for each version before that of its schema.
    ///
    /// # Errors
    /// See [`UpcasterError`].
    pub fn new(
        catalog: &Catalog,
        upcasters: impl IntoIterator<Item = Upcaster>,
    ) -> Result<Self, UpcasterError> {
        let mut newest_of: BTreeMap<&str, u32> = BTreeMap::new();
        for entry in catalog.entries() {
            newest_of.extend(entry.event_types.iter().map(|event_type| (*event_type, entry.version)));
        }
        let mut by_type: BTreeMap<String, BTreeMap<u32, Upcaster>> = BTreeMap::new();
        for upcaster in upcasters {
            let (event_type, version) = (upcaster.event_type.clone(), upcaster.from);
            let Some(&newest) = newest_of.get(event_type.as_str()) else {
                return Err(UpcasterError::UnknownType { event_type, version });
            };
            if !(1..newest).contains(&version) {
                return Err(UpcasterError::Beyond { event_type, version, newest });
            }
            let of_type = by_type.entry(event_type.clone()).or_default();
            if of_type.insert(version, upcaster).is_some() {
                return Err(UpcasterError::Duplicate { event_type, version });
            }
        }
        for (event_type, newest) in newest_of {
            let of_type = by_type.get(event_type);
            let has = |version: &u32| of_type.is_some_and(|of_type| of_type.contains_key(version));
            if let Some(version) = (1..newest).find(|version| !has(version)) {
                let event_type = event_type.to_owned();
                return Err(UpcasterError::Missing { event_type, version, newest });
            }
        }
        Ok(Self { by_type })
    }

    /// The upcasters from one version to another, in order.
    pub(super) fn chain(&self, event_type: &str, from: u32, to: u32) -> Result<Vec<Upcaster>, Unresolvable> {
        let of_type = self.by_type.get(event_type);
        let find = |version| of_type.and_then(|of_type| of_type.get(&version)).cloned();
        let missing =
            |version| Unresolvable { reason: format!("{event_type} has no upcaster from version {version}") };
        (from..to).map(|version| find(version).ok_or_else(|| missing(version))).collect()
    }
}

impl Upcaster {
    pub(super) fn version(&self) -> u32 {
        self.from
    }

    pub(super) fn apply(&self, value: Value) -> Result<Value, String> {
        (self.upcast)(value)
    }
}
