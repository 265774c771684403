//! Folds a generation from history: apart from what serves, in parallel, interrupted and gone on with at any moment.
//!
//! ```text
//!   begin ──▶ one unit a partition ──▶ all units done ──▶ indexes back, checkpoints, decisions ──▶ ready
//!                │  read in log order, records set aside by subject into buckets (scratch on disk)
//!                └─ bucket by bucket: fold in memory, COPY the final rows, say that the bucket is done
//! ```
//!
//! A row belongs to one subject, and a subject to one bucket: so a bucket's rows are final when its records are
//! folded, and none is written twice. What is done is said in the transaction that does it, so whoever goes on
//! (this process after a crash, or another one) does what is not done; scratch is a cache that may be lost.
//!
//! A partition whose rows fit in memory is not set aside: it is folded as it is read, and written at once.
//!
//! A read model whose rows are only ever appended is folded straight from the log, in log order, by its checkpoints.
//!
//! Nothing here can append to the log: it is read with a [`ReadOnlyCluster`](brainops_log::ReadOnlyCluster).

mod ask;
mod begin;
mod bucket;
mod decided;
mod error;
mod finish;
mod indexes;
mod job;
mod pace;
mod progress;
mod scratch;
mod straight;
mod unit;
mod whole;
mod work;
mod written;

pub use ask::{Asked, ask_rebuild};
pub use begin::{Request, begin_rebuild, underway};
pub(crate) use begin::{bounds, refuse_other_topics};
pub(crate) use error::in_database;
pub use error::{RebuildError, Underway};
pub use job::to_be_worked_on;
pub use pace::Pace;
pub use progress::{RebuildProgress, RebuildState, rebuild_progress};
pub(crate) use unit::halted;
pub use work::{Workshop, work_on_rebuild};
