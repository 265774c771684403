//! Places in the log: topic, partition, offset, and the three together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::topic::TopicName;

/// A place in the log, or a part of it, is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no {what}, accepted is {accepted}")]
pub struct PositionError {
    /// What was asked for, such as `offset`.
    pub what: &'static str,
    /// What was found, cut after 100 characters.
    pub found: String,
    /// What is accepted, in words.
    pub accepted: &'static str,
}

impl PositionError {
    pub(crate) fn new(what: &'static str, found: impl fmt::Display, accepted: &'static str) -> Self {
        Self { what, found: found.to_string().chars().take(100).collect(), accepted }
    }
}

/// Number of a partition of a topic, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(i32);

impl Partition {
    /// Checks and takes the number.
    ///
    /// # Errors
    /// The number is negative.
    pub fn new(number: i32) -> Result<Self, PositionError> {
        if number < 0 { Err(PositionError::new("partition", number, PARTITIONS)) } else { Ok(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// For numbers that arithmetic keeps in range.
    pub(crate) const fn in_range(number: i32) -> Self {
        Self(number)
    }
}

const PARTITIONS: &str = "a number from 0 to 2147483647";

/// How many partitions a topic has, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionCount(i32);

impl PartitionCount {
    /// Checks and takes the count.
    ///
    /// # Errors
    /// The count is less than 1.
    pub fn new(count: i32) -> Result<Self, PositionError> {
        if count < 1 {
            Err(PositionError::new("number of partitions", count, "a number from 1 to 2147483647"))
        } else {
            Ok(Self(count))
        }
    }

    /// The count.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// Offset of a record in its partition, from 0. Travels as a decimal string, since CloudEvents integers have 32 bits
/// and JSON readers lose digits above 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i64);

impl Offset {
    /// The first offset of a partition.
    pub const ZERO: Self = Self(0);

    /// Checks and takes the number.
    ///
    /// # Errors
    /// The number is negative; Kafka's special offsets are none of ours.
    pub fn new(number: i64) -> Result<Self, PositionError> {
        if number < 0 { Err(PositionError::new("offset", number, OFFSETS)) } else { Ok(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The offset after this one; offsets need not be dense, so nothing may stand there.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

const OFFSETS: &str = "a decimal number from 0 to 9223372036854775807";

/// Where one record stands: `brainops.lead/3@1042` is offset 1042 of partition 3 of the topic `brainops.lead`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: Partition,
    /// The offset.
    pub offset: Offset,
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Partition {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        decimal(text)
            .and_then(|number| Self::new(number).ok())
            .ok_or_else(|| PositionError::new("partition", text, PARTITIONS))
    }
}

impl fmt::Display for PartitionCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Offset {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        decimal(text)
            .and_then(|number| Self::new(number).ok())
            .ok_or_else(|| PositionError::new("offset", text, OFFSETS))
    }
}

/// Digits only: `+1`, ` 1` and `01` would be second spellings of one number.
fn decimal<N: FromStr>(text: &str) -> Option<N> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Position({self})")
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let parts = text.split_once('/').and_then(|(topic, rest)| Some((topic, rest.split_once('@')?)));
        let Some((topic, (partition, offset))) = parts else {
            return Err(PositionError::new(
                "position",
                text,
                "<topic>/<partition>@<offset>, such as brainops.lead/3@1042",
            ));
        };
        Ok(Self { topic: topic.parse()?, partition: partition.parse()?, offset: offset.parse()? })
    }
}

impl Serialize for Partition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(self.0)
    }
}

impl<'de> Deserialize<'de> for Partition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Serialize for PartitionCount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(self.0)
    }
}

impl<'de> Deserialize<'de> for PartitionCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

pub(crate) fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err = PositionError>>(
    deserializer: D,
) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
