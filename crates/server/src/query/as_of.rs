//! Which rows a question is about: those of now, or those of a past moment, which may have to be made first.
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use brainops_event::Timestamp;
use brainops_projection::{Clock, ListedMoment, MomentAt, MomentQuestion, MomentTextError, in_schema};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, FromRow, Postgres, Transaction};

use super::freshness::Freshness;
use super::moments::Job;
use super::params::Params;
use super::show;
use crate::auth::Principal;
use crate::doors::Doors;
use crate::fault::{database_problem, moment_problem};
use crate::moments::{AskedMoment, MomentRefusal};
use crate::problem::{FieldProblem, Kind, Problem};

const ACCEPTED: &str =
    "a time such as 2026-10-01T00:00Z, a day such as 2026-10-01, or a frontier as answers show it";

/// The past moment that an answer shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AsOf {
    /// Its tables, for whoever may ask Postgres.
    pub schema: String,
    /// What was asked: `clock`, and `at` or `frontier`.
    #[serde(flatten)]
    pub asked: Value,
    /// Only events that happened until then are in the rows; null: all up to the frontier.
    #[serde(serialize_with = "show::optional_moment")]
    pub happened_to: Option<Timestamp>,
    /// When it may be dropped, if nobody asks for it until then; null: it is kept.
    #[serde(serialize_with = "show::optional_moment")]
    pub expires_at: Option<Timestamp>,
}

/// Where a question is answered from.
#[derive(Debug)]
pub struct Place {
    read_model: &'static str,
    moment: Option<ListedMoment>,
}

impl Place {
    /// The one that the parameters `as_of`, `clock` and `fresh` name; without them, what is served now.
    pub async fn asked(
        doors: &Doors,
        params: &Params,
        principal: Principal,
        read_model: &'static str,
    ) -> Result<Self, Problem> {
        let Some((question, fresh)) = question(params)? else { return Ok(Self { read_model, moment: None }) };
        let asked = AskedMoment { read_model, question, fresh, asked_by: principal.0 };
        let moment = doors.moments.ask(asked).await.map_err(refused)?;
        Ok(Self { read_model, moment: Some(moment) })
    }

    /// What sets its pages apart from those of other places: the same frontier has the same rows.
    pub fn mark(&self) -> Option<String> {
        let state = &self.moment.as_ref()?.state;
        Some(json!([state.frontier, state.happened_to]).to_string())
    }

    /// The answer while its rows are not whole.
    pub fn on_its_way(&self) -> Option<Response> {
        let moment = self.moment.as_ref().filter(|moment| !moment.state.is_ready)?;
        let job = Job::of(moment);
        let headers = [(LOCATION, job.path()), (RETRY_AFTER, "1".to_owned())];
        Some((StatusCode::ACCEPTED, headers, Json(job)).into_response())
    }

    /// A query of the read model, about this place.
    pub fn query<'q, Row>(&self, sql: &'static str) -> QueryAs<'q, Postgres, Row, PgArguments>
    where
        Row: for<'r> FromRow<'r, PgRow>,
    {
        match &self.moment {
            None => sqlx::query_as(sql),
            // Connections must not keep the statements of a schema that soon is gone.
            Some(moment) => {
                let schema = moment.state.generation.schema();
                sqlx::query_as(AssertSqlSafe(in_schema(sql, self.read_model, &schema))).persistent(false)
            }
        }
    }

    /// Up to where the rows are folded; `query` asks the read model for that.
    pub async fn freshness(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        query: &'static str,
    ) -> Result<Freshness, Problem> {
        let Some(ListedMoment { state, asked, .. }) = &self.moment else {
            return Freshness::read(transaction, query).await;
        };
        let schema = state.generation.schema();
        let (asked, happened_to, expires_at) = (asked.clone(), state.happened_to, state.expires_at);
        Ok(Freshness {
            generation: Some(state.generation.number),
            frontier: state.frontier.clone(),
            lag_seconds: None,
            lag_unknown: Some("the rows are those of a past moment".to_owned()),
            as_of: Some(AsOf { schema, asked, happened_to, expires_at }),
        })
    }

    /// What it means that Postgres did not answer. A past moment may have been dropped since it was found.
    pub fn problem(&self, error: &sqlx::Error) -> Problem {
        if self.moment.is_some() { moment_problem(error) } else { database_problem(error) }
    }
}

/// The question about the past, if there is one, and whether it is to be folded up to now.
fn question(params: &Params) -> Result<Option<(MomentQuestion, bool)>, Problem> {
    let refuse = |name: &str, expected: &str, found: &str| {
        Err(Problem::parameter(FieldProblem::new(name, expected, found)))
    };
    let clock = params.word("clock", &[Clock::Recorded.as_str(), Clock::Happened.as_str()])?;
    let fresh = params.word("fresh", &["true"])?.is_some();
    let Some(text) = params.text("as_of") else {
        return match ["clock", "fresh"].into_iter().find(|name| params.text(name).is_some()) {
            Some(name) => refuse(name, "as_of beside it", "no as_of"),
            None => Ok(None),
        };
    };
    let clock = if clock == Some(Clock::Happened.as_str()) { Clock::Happened } else { Clock::Recorded };
    if fresh && clock == Clock::Recorded {
        return refuse("fresh", "the clock happened beside it", "the clock recorded, which nothing changes");
    }
    match text.parse::<MomentAt>() {
        Ok(at) => Ok(Some((MomentQuestion { at, clock }, fresh))),
        Err(error) => refuse("as_of", ACCEPTED, flaw(&error)),
    }
}

fn flaw(error: &MomentTextError) -> &'static str {
    match error {
        MomentTextError::Time { .. } => "something else",
        MomentTextError::Place { .. } => "a frontier with something else than topic/partition@offset",
        MomentTextError::Json(_) => "JSON that is no frontier",
        MomentTextError::NoPlace => "a frontier without a partition",
    }
}

fn refused(refusal: MomentRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        MomentRefusal::NoSuchMoment { expected, found } => {
            Problem::parameter(FieldProblem::new("as_of", expected, found))
        }
        MomentRefusal::TooMany { retry_after, .. } => {
            Problem::new(Kind::TooManyMoments, detail).retry_after(retry_after)
        }
        MomentRefusal::Failed { retry_after, .. } => {
            Problem::new(Kind::Unavailable, detail).retry_after(retry_after)
        }
        MomentRefusal::HistoryGone => Problem::new(Kind::HistoryGone, detail),
        MomentRefusal::NotBegun | MomentRefusal::Unavailable | MomentRefusal::NotInstalled => {
            Problem::new(Kind::Unavailable, detail)
        }
        MomentRefusal::Fault => Problem::new(Kind::Internal, detail),
    }
}
