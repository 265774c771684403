//! What the carrying out of a decision leaves behind in the tables: the parked row, the decision's outcome, and the
//! memory of what is parked.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::apply::Applier;
use crate::backoff::Backoff;
use crate::checkpoint::{Place, read_locked};
use crate::halt::Halt;
use crate::model::ReadModel;
use crate::park::{count, parked_sets};
use crate::release::{Queue, Waiting};

impl<M: ReadModel> Applier<M> {
    /// The parked row goes when all that was held is folded; otherwise it names the record that failed again.
    pub(crate) async fn settle_queue(
        &self,
        connection: &mut PgConnection,
        decision: &Waiting,
        queue: Queue,
    ) -> Result<String, sqlx::Error> {
        let folded = queue.folded;
        let Some(head) = queue.head else {
            self.unpark(connection, decision).await?;
            return Ok(format!("{folded} records were folded, nothing is held any more"));
        };
        let sql = self.generation.fill(include_str!("sql/park_again.sql"));
        sqlx::query(AssertSqlSafe(sql))
            .bind(decision.place.0.as_str())
            .bind(decision.place.1.get())
            .bind(decision.offset.get())
            .bind(head.offset.get())
            .bind(head.class.as_str())
            .bind(&head.reason)
            .bind(head.event.as_ref().map(|event| event.0.as_str()))
            .bind(head.event.as_ref().map(|event| event.1.as_str()))
            .bind(head.recorded_at)
            .bind(head.last.get())
            .bind(count(head.held))
            .execute(&mut *connection)
            .await?;
        if head.offset != decision.offset {
            self.announce(connection, std::slice::from_ref(&head)).await?;
        }
        let (position, held) = (head.position(), head.held);
        Ok(format!("{folded} records were folded, {held} are held from {position} on: {}", head.reason))
    }

    pub(crate) async fn unpark(
        &self,
        connection: &mut PgConnection,
        decision: &Waiting,
    ) -> Result<(), sqlx::Error> {
        let sql =
            "DELETE FROM {generation}.parked WHERE topic = $1 AND partition = $2 AND record_offset = $3";
        let query = sqlx::query(AssertSqlSafe(self.generation.fill(sql))).bind(decision.place.0.as_str());
        query.bind(decision.place.1.get()).bind(decision.offset.get()).execute(connection).await?;
        Ok(())
    }

    /// Says what became of a decision.
    pub(crate) async fn close(
        &self,
        connection: &mut PgConnection,
        decision: &Waiting,
        state: &str,
        outcome: &str,
    ) -> Result<(), sqlx::Error> {
        let sql = "UPDATE {generation}.decision SET state = $4, outcome = $5, done_at = now() \
                    WHERE topic = $1 AND partition = $2 AND record_offset = $3";
        let at = &decision.position;
        let query = sqlx::query(AssertSqlSafe(self.generation.fill(sql))).bind(at.topic.as_str());
        let query = query.bind(at.partition.get()).bind(at.offset.get()).bind(state).bind(outcome);
        query.execute(connection).await?;
        tracing::info!(projector.name = self.model.name(), event.position = %at, kind = decision.kind.as_str(), state, outcome, "a decision is carried out");
        Ok(())
    }

    /// Reads anew what is parked in a partition, once every transaction that holds its checkpoint has ended: a COMMIT
    /// without an answer has by then been done or not.
    pub(crate) async fn reload_parked_behind_lock(
        &mut self,
        place: &Place,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        let asked = [place.clone()].into();
        loop {
            let locked = read_locked(&self.pool, &self.generation, &asked).await;
            let read = match locked {
                Ok(_) => parked_sets(&self.pool, &self.generation, asked.iter()).await,
                Err(error) => Err(error),
            };
            match read {
                Ok(sets) => {
                    self.parked.extend(sets);
                    return Ok(());
                }
                Err(error) => self.pause_after(error, backoff, shutdown).await?,
            }
        }
    }
}
