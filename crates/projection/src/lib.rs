//! Runs read models: folds batches of events into rows of Postgres, and moves rows and checkpoint together.
//!
//! A read model implements [`ReadModel`] over its [`Tables`]; everything else (SQL, checkpoints, generations) is done
//! here: [`install`] makes its tables and views, [`run`] fills them. Knows no particular read model, and of Kafka only
//! what `log` gives: batches, verdicts and frontiers.
//!
//! | what goes wrong | what it costs |
//! |---|---|
//! | a record cannot be decoded or folded, a panic included | its subject is parked from it on ([`parked()`]); the others go on |
//! | its key is not its subject, or it lies elsewhere | the record, alone |
//! | too many subjects are parked within a minute | the read model pauses ([`paused`]) until a person resumes it |
//! | the fold itself is at fault: it reads what it has not named, a broken constraint | the projection stops, and names the position |
//! | the log is another one, or has a gap | the partition stands, and names both sides |
//! | Postgres or the registry is away | time |
//!
//! Rows follow from the log up to a frontier, what people decided up to there ([`decision_event`]), and the version
//! of the fold; never from how the log was cut into batches.

mod ahead;
mod align;
mod announce;
mod any;
mod apply;
mod batch;
mod beat;
mod bind;
mod catch_up;
mod checkpoint;
mod closing;
mod compare;
mod config;
mod decision;
mod definition;
mod drop;
mod entry;
mod error;
mod fold;
mod generation;
mod grant;
mod halt;
mod held;
mod install;
mod layout;
mod lineage;
mod listing;
mod metrics;
mod migrate;
mod model;
mod moment;
mod month;
mod note;
mod park;
mod parked;
mod pause;
mod payload;
mod plan;
#[cfg(test)]
mod protocol_tests;
mod reason;
mod rebuild;
mod record;
mod release;
mod row;
mod rows;
mod run;
mod run_error;
mod session;
mod sort;
mod standing;
mod statement;
mod status;
mod supervise;
mod swap;
mod table;
mod takeover;
mod told;
mod tried;
mod tuple;
mod value;
mod verify;
mod views;
mod wait;
mod writer;

use brainops_checkpoint::{advance, backoff, sqlstate};

pub use align::{AlignError, compare_aligned};
pub use announce::parked_events;
pub use any::{AnyReadModel, Boxed, any};
pub use brainops_checkpoint::sqlstate::{Remedy, remedy};
pub use compare::{
    ColumnDifference, ColumnTypes, CompareError, CompareLimits, ComparedGeneration, Comparison, EventOfRow,
    FrontierDifference, KeyPart, OtherKey, ParkedOnOneSide, RowChange, RowDifference, Side, TableComparison,
    TableDigest, WhichSide, compare, compare_moments, digest,
};
pub use config::{PostgresConfig, PostgresConfigError, SslMode};
pub use decision::{Decide, Decision, DecisionError, DecisionKind, DecisionState, decision_event};
pub use definition::Difference;
pub use drop::{DropError, Dropped, drop_generation, drop_older, expired, older};
pub use error::FoldError;
pub use generation::{Generation, GenerationKind, ModelName, ModelNameError, ServingError, serving};
pub use grant::{GrantError, grant_analyst};
pub use install::{InstallError, install, undocumented};
pub use lineage::{FindError, GenerationState, KnownGeneration, find_generation, generations};
pub use listing::{ListedGeneration, list_generations};
pub use migrate::migrate;
pub use model::ReadModel;
pub use moment::{
    Clock, ListedMoment, MomentAt, MomentError, MomentQuestion, MomentState, MomentTextError, MomentWanted,
    ResolvedMoment, in_schema, list_moments, moment_state, offer_moment, resolve_moment, withdraw_expired,
};
pub use parked::{
    ParkedError, ParkedRecord, ParkedSubject, decision_state, dismissed, parked, parked_records,
};
pub use pause::{Pause, paused};
pub use payload::{Beginning, Payload, RecordBytes, ShowPayload};
pub use reason::ReasonClass;
pub use rebuild::{
    Asked, Pace, RebuildError, RebuildProgress, RebuildState, Request, Underway, Workshop, ask_rebuild,
    begin_rebuild, rebuild_progress, to_be_worked_on, underway, work_on_rebuild,
};
pub use record::{dropped_event, swapped_event};
pub use row::{Changed, Row};
pub use rows::{AnyRows, Rows, Tables};
pub use run::RunOptions;
pub use run_error::RunError;
pub use status::{RunState, Status, TableRows, list, status};
pub use supervise::run;
pub use swap::{
    Behind, Blocker, DerivedViews, NewlyParked, SwapError, SwapOptions, Swapped, newly_parked, rollback,
    rollback_target, swap,
};
pub use table::{Column, ColumnType, Table, WriteMode};
pub use tried::{ChangedColumn, ChangedRow, FailedAgain, Tried, TryError, try_parked};
pub use value::{ListForm, Presence, Storable, Unstorable};
pub use verify::{Verification, VerifyError, verify};
pub use views::{OtherColumnType, ViewPastTheBase};
pub use wait::{Missing, WaitError, wait_until};
pub use writer::{Month, RowWriter, WrittenRows};
