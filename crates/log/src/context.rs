//! What the Kafka client says by itself goes to our log, once and without payloads.
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

/// Hands the client's messages to `tracing`. What is an error for the client may heal by itself, so here it is a
/// warning: whoever owns the client raises the alarm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoggingContext;

impl ClientContext for LoggingContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for LoggingContext {}

pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    if (level as i32) <= RDKafkaLogLevel::Warning as i32 {
        tracing::warn!(facility, "kafka client: {message}");
    } else {
        tracing::debug!(facility, "kafka client: {message}");
    }
}

pub(crate) fn log_error(error: &KafkaError, reason: &str) {
    tracing::warn!(%error, "kafka client: {reason}");
}
