//! One generation, seen in one snapshot.

use std::collections::BTreeSet;

use brainops_event::{Frontier, Offset, Partition, TopicId, TopicName};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Row as _};

use super::error::CompareError;
use super::report::ComparedGeneration;
use crate::checkpoint::place;
use crate::generation::Generation;
use crate::layout::{TableLayout, layout};
use crate::parked::corrupt;

/// How values are written as text, whatever the settings of the server. The snapshot is read for as long as it takes;
/// a client that is gone is noticed by the settings of every session, one that only stands is not waited for longer.
const SETTINGS: &str = "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'iso_8601'; \
                        SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL statement_timeout = 0; \
                        SET LOCAL idle_in_transaction_session_timeout = '1h'";

/// What is parked: topic, partition, subject and first offset.
pub(super) type Parked = (TopicName, Partition, Option<String>, Offset);

/// One generation in one snapshot, over a connection of its own. While it is open, Postgres keeps what is deleted, so
/// close it soon; one that is dropped closes the connection.
#[derive(Debug)]
pub struct Side {
    pub(super) connection: PgConnection,
    pub(super) generation: Generation,
    pub(super) schema: String,
    pub(super) frontier: Frontier,
    pub(super) tables: Vec<TableLayout>,
    pub(super) parked: BTreeSet<Parked>,
}

impl Side {
    /// Takes a snapshot of a generation and reads in it up to where its rows are folded.
    ///
    /// # Errors
    /// [`CompareError::Database`] when the generation is not there, or the database does not answer.
    pub async fn open(pool: &PgPool, generation: &Generation) -> Result<Self, CompareError> {
        let schema = generation.schema();
        let failed = |what: &str| {
            let (schema, what) = (schema.clone(), what.to_owned());
            move |source| CompareError::Database { schema, what, source }
        };
        let connection = PgConnection::connect_with(&pool.connect_options()).await;
        let mut connection = connection.map_err(failed("connect for the comparison"))?;
        let name = format!("compare {schema}");
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL application_name = '{name}'; {SETTINGS}"
        );
        let begun = sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut connection).await;
        begun.map_err(failed("take a snapshot"))?;
        let frontier = frontier(&mut connection, generation).await.map_err(failed("read the checkpoints"))?;
        let parked = parked(&mut connection, generation).await.map_err(failed("read what is parked"))?;
        let tables = layout(&mut connection, &schema).await.map_err(failed("read the tables"))?;
        Ok(Self { connection, generation: generation.clone(), schema, frontier, tables, parked })
    }

    /// Up to where the rows of this snapshot are folded, with the ids of the topics, as its own checkpoints say.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Which generation it is.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Lets the snapshot go.
    ///
    /// # Errors
    /// [`CompareError::Database`] when the connection was lost before.
    pub async fn close(self) -> Result<(), CompareError> {
        let Self { connection, schema, .. } = self;
        let closed = connection.close().await;
        closed.map_err(|source| CompareError::Database { schema, what: "let the snapshot go".into(), source })
    }

    pub(super) fn described(&self) -> ComparedGeneration {
        ComparedGeneration {
            read_model: self.generation.read_model.to_string(),
            generation: self.generation.number,
            schema: self.schema.clone(),
            fold_version: self.generation.fold_version,
        }
    }

    pub(super) fn failed(&self, what: String) -> impl FnOnce(sqlx::Error) -> CompareError + use<> {
        let schema = self.schema.clone();
        move |source| CompareError::Database { schema, what, source }
    }
}

/// Up to where the rows of a generation are folded, as this connection sees them.
pub(crate) async fn frontier(
    connection: &mut PgConnection,
    generation: &Generation,
) -> Result<Frontier, sqlx::Error> {
    let sql = "SELECT topic, partition, topic_id, next_offset FROM {generation}.checkpoint ORDER BY topic, partition";
    let rows = sqlx::query(AssertSqlSafe(generation.fill(sql))).fetch_all(connection).await?;
    let mut frontier = Frontier::new();
    for row in rows {
        let (topic, partition) = place(&row)?;
        let id = TopicId::new(row.try_get::<&str, _>("topic_id")?).map_err(corrupt)?;
        if frontier.topic_id(&topic).is_some_and(|known| *known != id) {
            return Err(corrupt(format!("partitions of {topic} were read under two ids")));
        }
        frontier.set_topic_id(topic.clone(), id);
        frontier.set(topic, partition, Offset::new(row.try_get("next_offset")?).map_err(corrupt)?);
    }
    Ok(frontier)
}

async fn parked(
    connection: &mut PgConnection,
    generation: &Generation,
) -> Result<BTreeSet<Parked>, sqlx::Error> {
    let sql = "SELECT topic, partition, subject, record_offset FROM {generation}.parked";
    let rows = sqlx::query(AssertSqlSafe(generation.fill(sql))).fetch_all(connection).await?;
    let mut parked = BTreeSet::new();
    for row in rows {
        let (topic, partition) = place(&row)?;
        let first = Offset::new(row.try_get("record_offset")?).map_err(corrupt)?;
        parked.insert((topic, partition, row.try_get("subject")?, first));
    }
    Ok(parked)
}
