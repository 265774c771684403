//! Appends events to Kafka and reads them back in order, each with its verdict.
