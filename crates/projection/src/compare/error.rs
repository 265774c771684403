//! Why two generations cannot be compared.

use std::fmt;

use brainops_event::{Offset, Partition, TopicId, TopicName};
use thiserror::Error;

/// Why rows of two generations cannot be compared. Only a `Database` error may pass by itself.
#[derive(Debug, Error)]
pub enum CompareError {
    /// The sides are not of the same moment; what differs would say nothing.
    #[error("{left} and {right} stand at different frontiers: {}", list(differences))]
    Frontiers {
        /// Schema of the left one.
        left: String,
        /// Schema of the right one.
        right: String,
        /// Each partition and topic that differs.
        differences: Vec<FrontierDifference>,
    },
    /// A table whose rows have no order cannot be read side by side with another.
    #[error("table {schema}.{table} has no primary key")]
    NoKey {
        /// Schema of the generation.
        schema: String,
        /// The table.
        table: String,
    },
    /// Only keys of these types are known to be ordered here as Postgres orders them.
    #[error("key column {schema}.{table}.{column} is {found}, accepted are {}", super::key::ACCEPTED)]
    KeyType {
        /// Schema of the generation.
        schema: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// Postgres orders the keys in another way than is done here, so nothing that was found can be trusted.
    #[error("rows of {schema}.{table} do not come in the order of their keys, after {after} rows")]
    OutOfOrder {
        /// Schema of the generation.
        schema: String,
        /// The table.
        table: String,
        /// How many rows came before.
        after: u64,
    },
    /// What Postgres sent is not what a binary COPY is.
    #[error("the copy of {schema}.{table} cannot be read: {reason}")]
    NotACopy {
        /// Schema of the generation.
        schema: String,
        /// The table.
        table: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The database did not answer.
    #[error("cannot {what} of {schema}")]
    Database {
        /// Schema of the generation.
        schema: String,
        /// What was tried.
        what: String,
        /// Why it failed.
        source: sqlx::Error,
    },
}

/// Something in which two frontiers differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrontierDifference {
    /// A partition is further on one side.
    Offset {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: Partition,
        /// The next offset of the left side; 0 when it has not begun.
        left: Offset,
        /// The next offset of the right side; 0 when it has not begun.
        right: Offset,
    },
    /// The sides have read two topics of the same name.
    Topic {
        /// The topic.
        topic: TopicName,
        /// Its id as the left side knows it.
        left: TopicId,
        /// Its id as the right side knows it.
        right: TopicId,
    },
}

impl fmt::Display for FrontierDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset { topic, partition, left, right } => {
                write!(formatter, "{topic}/{partition} is at {left} and {right}")
            }
            Self::Topic { topic, left, right } => {
                write!(formatter, "topic {topic} has the ids {left} and {right}")
            }
        }
    }
}

fn list(differences: &[FrontierDifference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
