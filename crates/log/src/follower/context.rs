//! The consumer's callbacks, as messages to the one thread that owns it.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;

use crate::context::{log_error, log_line};

/// What the group's coordinator decided.
#[derive(Debug)]
pub(super) enum Rebalance {
    /// More partitions are ours. The client waits until they are assigned, with offsets.
    Assign(TopicPartitionList),
    /// Some are no longer ours, and are unassigned already.
    Revoke(TopicPartitionList),
}

/// Keeps rebalances until the thread that polls looks at them. They only happen inside its polls.
#[derive(Debug, Default)]
pub(super) struct GroupContext {
    rebalances: Mutex<Vec<Rebalance>>,
    closing: AtomicBool,
}

impl GroupContext {
    pub(super) fn take(&self) -> Vec<Rebalance> {
        std::mem::take(&mut self.rebalances.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on nobody looks at rebalances: they are answered at once, or the consumer would never close.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn keep(&self, rebalance: Rebalance) {
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push(rebalance);
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        decision: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let done = match decision {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                if !self.closing.load(Ordering::Relaxed) {
                    self.keep(Rebalance::Assign(partitions.clone()));
                    return;
                }
                consumer.incremental_assign(partitions)
            }
            _ => {
                self.keep(Rebalance::Revoke(partitions.clone()));
                consumer.incremental_unassign(partitions)
            }
        };
        if let Err(error) = done {
            tracing::error!(%error, "a rebalance could not be followed");
        }
    }
}
