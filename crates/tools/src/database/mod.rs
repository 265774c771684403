//! What is in the database, read by a login that may read nothing but the views: `database.query`, `database.explain`,
//! `projection.query`, `events.search`. And `database.execute`, which changes databases that the settings name, by logins of
//! their own.
//!
//! **Read only, whatever is asked.** The login is that of analysts, transactions are read-only, one statement at a time is sent by
//! the extended protocol, and what is asked stands in a subquery. A query that runs longer than its limit is ended by Postgres;
//! of rows and bytes no more are fetched than are told.

mod execute;
mod explain;
mod projection;
mod query;
mod reader;
mod search;

pub use execute::{Databases, ExecuteStatement};
pub use explain::ExplainQuery;
pub use projection::{NamedQuery, QueryProjection};
pub use query::QueryDatabase;
pub use reader::Reader;
pub(crate) use reader::RowsResult;
pub use search::SearchEvents;
