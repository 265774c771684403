//! Answers from the read models. Each answer is read in one transaction that sees one moment, and carries the
//! frontier of that moment: the same frontier gives the same rows. What is sealed is shown sealed; nothing here opens.
pub mod agents;
mod as_of;
mod cursor;
pub mod deployments;
pub mod events;
mod freshness;
pub mod leads;
pub mod moments;
pub mod operations;
mod page;
mod params;
pub mod projections;
pub mod sagas;
pub mod show;

pub use cursor::Question;
pub use page::{DEFAULT_LIMIT, MAX_LIMIT};
pub use params::Params;
use sqlx::{PgPool, Postgres, Transaction};

use crate::fault::database_problem;
use crate::problem::Problem;

/// A transaction that sees one moment, writes nothing, and gives up before the request's own limit.
async fn snapshot(pool: &PgPool) -> Result<Transaction<'static, Postgres>, Problem> {
    let mut transaction = pool.begin().await.map_err(|error| database_problem(&error))?;
    for statement in
        ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SET LOCAL statement_timeout = '20s'"]
    {
        sqlx::query(statement).execute(&mut *transaction).await.map_err(|error| database_problem(&error))?;
    }
    Ok(transaction)
}
