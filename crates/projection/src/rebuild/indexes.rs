//! Takes indexes off empty tables, and puts them back when the rows are there: made at once they cost less than row
//! by row.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::definition::OWN_TABLES;
use crate::generation::Generation;

/// How many indexes are made at a time.
const AT_ONCE: usize = 2;

/// Takes off all indexes of the read model's own tables, and notes how to put them back.
pub(crate) async fn take_off(
    connection: &mut PgConnection,
    generation: &Generation,
) -> Result<(), sqlx::Error> {
    let own: Vec<&str> = OWN_TABLES.to_vec();
    let rows = sqlx::query(include_str!("../sql/rebuild/taken_off.sql"))
        .bind(generation.schema())
        .bind(own)
        .fetch_all(&mut *connection)
        .await?;
    for (step, row) in (0_i32..).zip(&rows) {
        let (take_off, put_back) = statements(row)?;
        sqlx::raw_sql(AssertSqlSafe(take_off)).execute(&mut *connection).await?;
        let note = "INSERT INTO brainops.rebuild_index (read_model, generation, step, statement) VALUES ($1, $2, $3, $4)";
        let note = sqlx::query(note).bind(generation.read_model.as_str()).bind(generation.number);
        note.bind(step).bind(put_back).execute(&mut *connection).await?;
    }
    Ok(())
}

fn statements(row: &PgRow) -> Result<(String, String), sqlx::Error> {
    let put_back: String = row.try_get("put_back")?;
    // Of a partitioned table Postgres words its own index alone; those of the partitions are wanted as well.
    Ok((row.try_get("take_off")?, put_back.replacen(" ON ONLY ", " ON ", 1)))
}

/// Puts back what is not back yet, several at a time. May be called again after a crash.
pub(crate) async fn put_back(pool: &PgPool, generation: &Generation) -> Result<(), sqlx::Error> {
    let hands = (0..AT_ONCE).map(|_| async {
        while put_one_back(pool, generation).await? {}
        Ok(())
    });
    futures::future::try_join_all(hands).await.map(|_: Vec<()>| ())
}

async fn put_one_back(pool: &PgPool, generation: &Generation) -> Result<bool, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // What sorts rows wants memory; the setting ends with the transaction.
    sqlx::query("SET LOCAL maintenance_work_mem = '256MB'").execute(&mut *transaction).await?;
    let next = "SELECT step, statement FROM brainops.rebuild_index \
                 WHERE read_model = $1 AND generation = $2 AND NOT done ORDER BY step LIMIT 1 FOR UPDATE SKIP LOCKED";
    let next = sqlx::query(next).bind(generation.read_model.as_str()).bind(generation.number);
    let Some(row) = next.fetch_optional(&mut *transaction).await? else { return Ok(false) };
    let (step, statement): (i32, String) = (row.try_get("step")?, row.try_get("statement")?);
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    let done = "UPDATE brainops.rebuild_index SET done = true WHERE read_model = $1 AND generation = $2 AND step = $3";
    let done = sqlx::query(done).bind(generation.read_model.as_str()).bind(generation.number).bind(step);
    done.execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}
