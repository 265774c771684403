//! Appends events to Kafka and reads them back in order, each with its verdict.
//!
//! Knows Kafka and the schema registry; does not know Postgres, HTTP doors, or any particular event. Begin with
//! [`Cluster`] and [`Registry`], then [`Appender`] to append, [`Follower`] to follow as a member of a group, [`read()`]
//! to read from one frontier to another; who only reads has a [`ReadOnlyCluster`]. [`Spill`] sets a partition aside on
//! disk by subject, for who folds all of history.
//!
//! What a reader can rely on: records of one partition come in log order, each once per reading; repeats within
//! 65,536 offsets are named ([`Verdict`], [`Window`]), wherever reading began; nothing is skipped in silence; an
//! offset is never reset.

mod append;
mod batch;
mod claim;
mod cluster;
mod config;
mod context;
mod digest;
mod follower;
mod frontier;
mod header_name;
mod inspect;
mod intake;
mod metrics;
mod moment;
mod native;
mod raw;
mod read;
mod read_error;
mod read_only;
mod records;
mod registry;
mod resolve;
mod secret;
mod spill;
mod structured;
mod tail;
mod topics;
mod window;

pub use append::{
    AppendError, Appended, Appender, Delivery, DeliveryError, Outcome, SendError, Sender, SentRecord,
};
pub use batch::{Batch, Item, Place, PoisonError, Span};
pub use cluster::{Cluster, ClusterError, MAX_RECORD_BYTES};
pub use config::{
    ConfigError, Credentials, KafkaConfig, LogConfig, RegistryConfig, SaslMechanism, SecurityProtocol,
};
pub use digest::RecordDigest;
pub use follower::{
    AssignedPartition, Assignment, CLIENT_QUEUE_BYTES, CatchUp, Follower, FollowerConfig, GroupProtocol,
    Signal,
};
pub use frontier::{PartitionLag, end_frontier, lag, start_frontier};
pub use inspect::{
    ClusterIdentity, Operation, Principal, TopicPermissions, cluster_identity, has_logins,
    may_use_transactions, topic_permissions,
};
pub use moment::{first_recorded_at, frontier_at};
pub use raw::Raw;
pub use read::{ReadOptions, Reading, read, read_judging_schemas_at_once, read_with};
pub use read_error::ReadError;
pub use read_only::{ReadOnlyCluster, Readable};
pub use registry::{Registry, RegistryError, SchemaState, SchemaVersion};
pub use secret::SecretError;
pub use spill::{
    BucketCounts, BucketReading, MAX_SPILL_BUCKETS, MisplacedReading, MisplacedRecord, Spill, SpillCounts,
    SpillError, SpillPlan, Spilled, bucket_of, remove_spill,
};
pub use tail::{Said, Tail, TailRange, TailRecord, existing_topics, log_bounds, partition_count, read_tail};
pub use topics::{
    Mismatch, TopicComparison, TopicState, TopicsError, compare_topics, delete_topics, ensure_topics,
};
pub use window::{Identity, Misplacement, Verdict, WINDOW_BYTES, WINDOW_OFFSETS, Window};
