//! One try to point all views at another generation: one transaction, which is done or leaves nothing behind.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use brainops_event::Frontier;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

use super::error::{Hindrance, NewlyParked, SwapError, SwapOptions};
use super::newly_parked::parked_by;
use super::reach::{Reach, hold};
use super::watch::Watch;
use crate::generation::{Generation, serving};
use crate::lineage::GenerationState;
use crate::sqlstate::{Remedy, is_lock_timeout, is_other_definition, outcome_is_unknown, remedy};
use crate::views::{Views, ViewsError, views_past_the_base};

/// How long locks are waited for that no reader wants; less than until Postgres looks for deadlocks.
const LOCK_TIMEOUT: &str = "800ms";

/// What became of the derived views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DerivedViews {
    /// Both generations have the same ones.
    Same,
    /// They were made again.
    Made,
    /// Those of a newer version of the fold stay: a view cannot lose columns, and what the older version lacks is NULL.
    Kept,
}

/// What a try has done.
pub(super) struct Done {
    /// Up to where the generation that served until then had folded.
    pub(super) frontier: Frontier,
    pub(super) parked: Vec<NewlyParked>,
    pub(super) derived: DerivedViews,
    /// How long views were locked, commit included.
    pub(super) held: Duration,
}

pub(super) enum Attempt {
    Done(Done),
    Again(Hindrance),
}

/// What is to be done.
pub(super) struct Swap<'a> {
    pub(super) pool: &'a PgPool,
    pub(super) from: &'a Generation,
    pub(super) to: &'a Generation,
    pub(super) options: &'a SwapOptions,
    /// Views that readers held at an earlier try, the last one first.
    held: Mutex<Vec<String>>,
}

impl<'a> Swap<'a> {
    pub(super) fn new(
        pool: &'a PgPool,
        from: &'a Generation,
        to: &'a Generation,
        options: &'a SwapOptions,
    ) -> Self {
        Self { pool, from, to, options, held: Mutex::default() }
    }

    /// Tries once.
    pub(super) async fn attempt(&self) -> Result<Attempt, SwapError> {
        let watch = Watch::default();
        match self.transaction(&watch).await {
            Ok(attempt) => Ok(attempt),
            Err(SwapError::Database { source, .. }) if is_lock_timeout(&source) => {
                Ok(Attempt::Again(Hindrance::Locked(watch.seen())))
            }
            Err(SwapError::Database { source, .. }) if remedy(&source) == Remedy::Retry => {
                Ok(Attempt::Again(Hindrance::Away(source)))
            }
            Err(error) => Err(error),
        }
    }

    async fn transaction(&self, watch: &Watch) -> Result<Attempt, SwapError> {
        let begin = format!(
            "BEGIN; SET LOCAL application_name = 'swap {}'; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'",
            self.to.read_model
        );
        let mut transaction =
            self.pool.begin_with(AssertSqlSafe(begin)).await.map_err(self.failed("begin the swap"))?;
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *transaction).await;
        let pid: i32 = pid.map_err(self.failed("begin the swap"))?;
        let begun = tokio::select! {
            steps = self.steps(&mut transaction) => steps?,
            never = watch.run(self.pool, pid) => match never {},
        };
        let (mut done, locked_since) = match begun {
            Ok(begun) => begun,
            Err(hindrance) => {
                transaction.rollback().await.map_err(self.failed("let go of the views"))?;
                return Ok(Attempt::Again(hindrance));
            }
        };
        match transaction.commit().await {
            Ok(()) => {}
            // Either answer is possible then; the state of the generation says which.
            Err(error) if outcome_is_unknown(&error) => {
                if serving(self.pool, self.to.read_model.as_str()).await?.number != self.to.number {
                    return Ok(Attempt::Again(Hindrance::Away(error)));
                }
            }
            Err(error) => return Err(self.failed("commit the swap")(error)),
        }
        done.held = locked_since.elapsed();
        Ok(Attempt::Done(done))
    }

    async fn steps(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Result<(Done, Instant), Hindrance>, SwapError> {
        let (serving_text, derived) = self.lock_generations(connection).await?;
        let frontier = match hold(connection, self.from, self.to).await? {
            Reach::Reached(frontier) => frontier,
            Reach::Behind(partitions) => return Ok(Err(Hindrance::Behind(partitions))),
        };
        let parked = parked_by(connection, self.to, self.from).await;
        let parked = parked.map_err(self.failed("read what is parked"))?;
        if !parked.is_empty() && !self.options.consent_to_parked {
            let (read_model, number) = (self.to.read_model.clone(), self.to.number);
            return Err(SwapError::Parked { read_model, number, parked });
        }
        let views = Views::plan(connection, self.to, Some(self.from), &derived).await;
        let views = views.map_err(|error| self.views_error(error))?;
        let locked_since = Instant::now();
        let budget = Budget { until: locked_since + self.options.lock_timeout };
        for (name, statement) in self.in_order(&views) {
            if let Err(error) = budget.execute(connection, statement).await {
                self.note_held(name);
                return Err(self.failed("replace the views")(error));
            }
        }
        let derived = if derived == serving_text {
            DerivedViews::Same
        } else {
            self.make_derived(connection, &views, &derived, &budget).await?
        };
        views.finish(connection, self.to).await.map_err(self.failed("describe the views"))?;
        self.write_states(connection, &views).await.map_err(self.failed("write the states"))?;
        Ok(Ok((Done { frontier, parked, derived, held: Duration::ZERO }, locked_since)))
    }

    /// The base views by name, but for those that were held at an earlier try: these come first. Readers that go from
    /// one view to the next in another order than ours are then let through, instead of being met halfway each time.
    fn in_order<'v>(&self, views: &'v Views) -> Vec<(&'v String, &'v String)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut views: Vec<(&String, &String)> = views.base.iter().collect();
        views.sort_by_key(|(name, _)| held.iter().position(|one| one == *name).unwrap_or(usize::MAX));
        views
    }

    fn note_held(&self, view: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|one| one != view);
        held.insert(0, view.to_owned());
    }

    /// Keeps others from changing the generations, and checks that they still are as they were; answers with the text
    /// of the derived views that serve, and of those that are to serve.
    async fn lock_generations(&self, connection: &mut PgConnection) -> Result<(String, String), SwapError> {
        let failed = self.failed("lock the generations");
        let rows = async {
            let lock = "SELECT pg_advisory_xact_lock(hashtextextended('brainops.install.' || $1, 0))";
            sqlx::query(lock).bind(self.to.read_model.as_str()).execute(&mut *connection).await?;
            let query = "SELECT generation, kind, state, derived_views, paused_reason, paused_at IS NOT NULL AS paused \
                           FROM brainops.generation \
                          WHERE read_model = $1 AND (generation = $2 OR state = 'serving') \
                          ORDER BY generation FOR UPDATE";
            let query = sqlx::query(query).bind(self.to.read_model.as_str()).bind(self.to.number);
            let mut rows = Vec::new();
            for row in query.fetch_all(connection).await? {
                rows.push(Locked {
                    number: row.try_get("generation")?,
                    kind: row.try_get("kind")?,
                    state: row.try_get("state")?,
                    derived: row.try_get("derived_views")?,
                    paused: row.try_get::<bool, _>("paused")?.then_some(row.try_get("paused_reason")?),
                });
            }
            Ok::<_, sqlx::Error>(rows)
        };
        let rows: Vec<Locked> = rows.await.map_err(failed)?;
        let not_ready = |reason: String| SwapError::NotReady {
            read_model: self.to.read_model.clone(),
            number: self.to.number,
            reason,
        };
        let of = |number: i32| rows.iter().find(|row| row.number == number);
        let (from, to) = (of(self.from.number), of(self.to.number));
        let to = to.ok_or_else(|| not_ready("it is not there any more".into()))?;
        if to.kind != self.to.kind.as_str() || to.kind != "lineage" {
            return Err(not_ready(format!("it is of kind {}, and follows nothing", to.kind)));
        }
        if to.state != GenerationState::Ready.as_str() {
            return Err(not_ready(format!("it is {}", to.state)));
        }
        if let Some(reason) = &to.paused {
            return Err(not_ready(format!("it is paused: {}", reason.as_deref().unwrap_or_default())));
        }
        match from {
            Some(from) if from.state == GenerationState::Serving.as_str() => {
                Ok((from.derived.clone(), to.derived.clone()))
            }
            _ => Err(not_ready(format!("generation {} does not serve any more", self.from.number))),
        }
    }

    async fn make_derived(
        &self,
        connection: &mut PgConnection,
        views: &Views,
        derived: &str,
        budget: &Budget,
    ) -> Result<DerivedViews, SwapError> {
        let failed = self.failed("make the derived views");
        sqlx::raw_sql("SAVEPOINT derived").execute(&mut *connection).await.map_err(&failed)?;
        let is_older = self.to.fold_version < self.from.fold_version;
        match budget.execute(connection, &self.to.fill(derived)).await {
            Ok(()) => {}
            Err(error) if is_older && is_other_definition(&error) => {
                let undone = sqlx::raw_sql("ROLLBACK TO SAVEPOINT derived").execute(&mut *connection).await;
                undone.map_err(&failed)?;
                return Ok(DerivedViews::Kept);
            }
            Err(error) => return Err(failed(error)),
        }
        let base: Vec<String> = views.base.keys().cloned().collect();
        let past = views_past_the_base(connection, self.to, &base).await.map_err(&failed)?;
        if past.is_empty() {
            return Ok(DerivedViews::Made);
        }
        Err(SwapError::Views { read_model: self.to.read_model.clone(), views: past })
    }

    async fn write_states(&self, connection: &mut PgConnection, views: &Views) -> Result<(), sqlx::Error> {
        let replaced = "UPDATE brainops.generation SET state = 'ready', replaced_at = now() \
                         WHERE read_model = $1 AND generation = $2";
        let replaced = sqlx::query(replaced).bind(self.from.read_model.as_str()).bind(self.from.number);
        replaced.execute(&mut *connection).await?;
        let served = "UPDATE brainops.generation \
                         SET state = 'serving', served_at = now(), \
                             views_digest = encode(sha256(convert_to($3, 'UTF8')), 'hex') \
                       WHERE read_model = $1 AND generation = $2";
        let served = sqlx::query(served).bind(self.to.read_model.as_str()).bind(self.to.number);
        served.bind(&views.text).execute(connection).await?;
        Ok(())
    }

    fn failed(&self, what: &'static str) -> impl Fn(sqlx::Error) -> SwapError + use<> {
        let read_model = self.to.read_model.clone();
        move |source| SwapError::Database { read_model: read_model.clone(), what, source }
    }

    fn views_error(&self, error: ViewsError) -> SwapError {
        let read_model = self.to.read_model.clone();
        match error {
            ViewsError::Column(source) => SwapError::ColumnType { read_model, source },
            ViewsError::Database(source) => {
                SwapError::Database { read_model, what: "plan the views", source }
            }
        }
    }
}

/// A generation as its locked row says.
struct Locked {
    number: i32,
    kind: String,
    state: String,
    derived: String,
    /// Why it is paused, if it is.
    paused: Option<Option<String>>,
}

/// How long all statements together may wait for locks on views: while one waits, those that were had keep readers.
struct Budget {
    until: Instant,
}

impl Budget {
    async fn execute(&self, connection: &mut PgConnection, statements: &str) -> Result<(), sqlx::Error> {
        // Zero would mean without end.
        let left = self.until.saturating_duration_since(Instant::now()).as_millis().max(1);
        let sql = format!("SET LOCAL lock_timeout = '{left}ms';\n{statements}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
    }
}
