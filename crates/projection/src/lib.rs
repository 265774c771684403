//! Runs read models: folds batches of events into rows of Postgres, and moves rows and checkpoint together.
//!
//! A read model implements [`ReadModel`] over its [`Tables`]; everything else (SQL, checkpoints, generations) is done
//! here. Knows no particular read model, and of Kafka only what `log` gives: batches, verdicts and frontiers.

mod error;
mod model;
mod reason;
mod row;
mod rows;
mod table;
mod value;
mod writer;

pub use error::FoldError;
pub use model::ReadModel;
pub use reason::ReasonClass;
pub use row::{Changed, Row};
pub use rows::{AnyRows, Rows, Tables};
pub use table::{Column, ColumnType, Table, WriteMode};
pub use value::{ListForm, Presence, Storable, Unstorable};
pub use writer::{Month, RowWriter, WrittenRows};
