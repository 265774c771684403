//! A frontier: for each partition the next offset, which is what read models, proofs and as-of queries speak in.
//!
//! As JSON it is one object, sorted by topic and partition, with offsets as strings. A topic whose id is known has an
//! entry of its own, so that a topic that was deleted and made again is not taken for the old one:
//! `{"brainops.lead": "mJ0…", "brainops.lead/0": "17", "brainops.lead/3": "1042"}`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::position::{Offset, Partition, PositionError};
use crate::topic::{TopicId, TopicName};

/// For each partition the offset of the next record: everything before it is behind the frontier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    next: BTreeMap<(TopicName, Partition), Offset>,
    ids: BTreeMap<TopicName, TopicId>,
}

impl Frontier {
    /// A frontier that knows no partition.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next offset of a partition, when the frontier knows it.
    #[must_use]
    pub fn get(&self, topic: &TopicName, partition: Partition) -> Option<Offset> {
        self.next.get(&(topic.clone(), partition)).copied()
    }

    /// Sets the next offset of a partition, forwards or backwards.
    pub fn set(&mut self, topic: TopicName, partition: Partition, next: Offset) {
        self.next.insert((topic, partition), next);
    }

    /// Moves the next offset of a partition forwards; what is not further is ignored.
    pub fn advance(&mut self, topic: &TopicName, partition: Partition, next: Offset) {
        let known = self.next.entry((topic.clone(), partition)).or_insert(next);
        *known = next.max(*known);
    }

    /// Says which id a topic has.
    pub fn set_topic_id(&mut self, topic: TopicName, id: TopicId) {
        self.ids.insert(topic, id);
    }

    /// The id of a topic, when it is known.
    #[must_use]
    pub fn topic_id(&self, topic: &TopicName) -> Option<&TopicId> {
        self.ids.get(topic)
    }

    /// The partitions and their next offsets, by topic and partition.
    pub fn iter(&self) -> impl Iterator<Item = (&TopicName, Partition, Offset)> {
        self.next.iter().map(|((topic, partition), next)| (topic, *partition, *next))
    }

    /// The topics that have an entry, each once.
    pub fn topics(&self) -> impl Iterator<Item = &TopicName> {
        let mut last = None;
        self.next.keys().map(|(topic, _)| topic).filter(move |topic| last.replace(*topic) != Some(*topic))
    }

    /// How many partitions it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.next.len()
    }

    /// Whether it knows no partition.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// Whether this one is at or past the other in every partition of the other. A partition that this one does not
    /// know counts as not begun (next offset 0).
    #[must_use]
    pub fn has_reached(&self, other: &Self) -> bool {
        other.next.iter().all(|(place, next)| self.next.get(place).copied().unwrap_or(Offset::ZERO) >= *next)
    }
}

impl FromIterator<(TopicName, Partition, Offset)> for Frontier {
    fn from_iter<I: IntoIterator<Item = (TopicName, Partition, Offset)>>(places: I) -> Self {
        let next = places.into_iter().map(|(topic, partition, next)| ((topic, partition), next)).collect();
        Self { next, ids: BTreeMap::new() }
    }
}

impl fmt::Display for Frontier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (topic, partition, next)) in self.iter().enumerate() {
            let separator = if place == 0 { "" } else { " " };
            write!(formatter, "{separator}{topic}/{partition}@{next}")?;
        }
        Ok(())
    }
}

impl Serialize for Frontier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ids = self.ids.iter().map(|(topic, id)| ((topic, None), (topic.to_string(), id.to_string())));
        let next = self.iter().map(|(topic, partition, next)| {
            ((topic, Some(partition)), (format!("{topic}/{partition}"), next.to_string()))
        });
        let sorted: BTreeMap<_, _> = ids.chain(next).collect();
        serializer.collect_map(sorted.into_values())
    }
}

impl<'de> Deserialize<'de> for Frontier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FrontierVisitor)
    }
}

struct FrontierVisitor;

impl<'de> Visitor<'de> for FrontierVisitor {
    type Value = Frontier;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object such as {\"brainops.lead/3\": \"1042\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Frontier, A::Error> {
        let mut frontier = Frontier::new();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            frontier.take_entry(&key, &value).map_err(A::Error::custom)?;
        }
        Ok(frontier)
    }
}

impl Frontier {
    fn take_entry(&mut self, key: &str, value: &str) -> Result<(), PositionError> {
        let known = match key.split_once('/') {
            Some((topic, partition)) => {
                self.next.insert((topic.parse()?, partition.parse()?), value.parse()?).is_some()
            }
            None => self.ids.insert(key.parse()?, TopicId::new(value)?).is_some(),
        };
        if known {
            Err(PositionError::new("frontier entry", key, "each topic and partition once"))
        } else {
            Ok(())
        }
    }
}
