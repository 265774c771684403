//! The one path of every call: who asks, may they, record, act, record.
//!
//! ```text
//! tool.call.requested ─▶ claimed (Postgres) ─▶ policy ─▶ authorized, started (acknowledged by Kafka)
//!                                                │              │
//!                                                ▼              ▼
//!                                              denied      the claim still counts? ─▶ the act ─▶ completed, failed
//! ```
//!
//! | the process dies | what the next one finds in the log | what becomes of the call |
//! |---|---|---|
//! | before `started` stands | nothing | it is done, as attempt 2 |
//! | after it, before the act or in it | `started` | `idempotent`: it is done again; `once`: `tool.call.unknown`, never again |
//! | after the act, before its end stands | `started` | the same: nobody can know |
//! | after its end stands | the end | nothing more |
//!
//! **Two at once.** A claim has a number, and its executor a lease. Whoever inherits a call first ends the lease of the one that
//! had it, then its process, then reads the log to its end, then claims. The one that slept finds its claim gone when it looks
//! at it, which it does after `started` stands and before it acts.
//!
//! **The stop switch.** Calls of agents that are stopped are not claimed: they wait until the agents are started. One that was
//! claimed before and has not begun when its claim is looked at fails, with nothing done. What has begun goes on to its end.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brainops_event::{Outgoing, error_chain};
use brainops_fault::{Bug, planted, point};
use brainops_log::{AppendError, Appender};
use futures::FutureExt as _;
use metrics::{counter, histogram};
use serde_json::Value;
use sqlx::{PgPool, Row as _};
use thiserror::Error;
use tokio_util::task::TaskTracker;

use crate::metrics as names;
use crate::name::CallerKind;
use crate::objects::{MAX_IN_EVENT, Objects};
use crate::policy::{Policy, Question, Verdict, environment_of};
use crate::price::Price;
use crate::row::Call;
use crate::say::{self, Denial, Kept, Permit, SayError, Spent};
use crate::secrets::Secrets;
use crate::spec::{Effect, Repeat, Spec};
use crate::tool::{Act, AnyTool, ToolError};
use crate::toolbox::Toolbox;

/// How often a call is tried whose executors die.
const MAX_ATTEMPTS: i32 = 5;

/// What the gate works with.
pub(crate) struct Gate {
    pub(crate) pool: PgPool,
    pub(crate) appender: Appender,
    pub(crate) tools: Toolbox,
    pub(crate) policy: Arc<Policy>,
    pub(crate) objects: Objects,
    pub(crate) secrets: Secrets,
    pub(crate) environment: String,
    pub(crate) act_limit: Duration,
    pub(crate) prices: BTreeMap<String, Price>,
    pub(crate) executor: String,
    pub(crate) blocking: TaskTracker,
}

/// A call could not be brought to its end here: it stays claimed, and who inherits it finds in the log how far it came.
#[derive(Debug, Error)]
pub(crate) enum Stuck {
    /// Its events cannot be said.
    #[error(transparent)]
    Say(#[from] SayError),
    /// The log refuses them.
    #[error("the log refuses what the gate says")]
    Refused(#[source] AppendError),
    /// Postgres does not say whether the claim counts.
    #[error("the claim cannot be looked at")]
    Database(#[from] sqlx::Error),
    /// The claim is another's.
    #[error("the claim does not count any more")]
    Fenced,
}

/// How far the log says that a call came in other hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Came {
    /// The last attempt that was started.
    pub(crate) started: Option<i32>,
    /// Whether it has ended.
    pub(crate) has_ended: bool,
}

impl Gate {
    /// Brings a call that this process has claimed to its end.
    pub(crate) async fn pass(&self, call: &Call, came: Came) -> Result<(), Stuck> {
        if came.has_ended {
            return Ok(()); // the follower will read it
        }
        if let (Some(attempt), Some(code)) = (came.started, self.end_of_orphan(call, came)) {
            return self.orphaned(call, attempt, code).await;
        }
        match self.judge(call) {
            Err(denial) => {
                self.say(vec![say::denied(call, *denial)?]).await?;
                self.ended(call, "denied");
                Ok(())
            }
            Ok(judged) => self.perform(call, judged).await,
        }
    }

    /// Why a call that was started in other hands is not done again, if it is not.
    fn end_of_orphan(&self, call: &Call, came: Came) -> Option<&'static str> {
        came.started?;
        let spec = self.tools.spec(&call.tool);
        let may_repeat =
            spec.is_some_and(|spec| spec.repeat == Repeat::Idempotent) || planted(Bug::OnceRepeated);
        (!may_repeat || call.attempt > MAX_ATTEMPTS).then_some("executor_died")
    }

    async fn orphaned(&self, call: &Call, attempt: i32, code: &'static str) -> Result<(), Stuck> {
        self.say(vec![say::unknown(call, attempt, code)?]).await?;
        self.ended(call, "unknown");
        Ok(())
    }

    /// Whether a call may be done.
    fn judge(&self, call: &Call) -> Result<Judged<'_>, Box<Denial>> {
        let refused = |code, field: Option<String>, accepted: Option<String>| {
            Box::new(Denial {
                code,
                field,
                accepted,
                policies: Vec::new(),
                arguments_digest: None,
                policy_digest: None,
            })
        };
        let Some(tool) = self.tools.tool(&call.tool) else {
            let known: Vec<&str> = self.tools.specs().map(|spec| spec.name).collect();
            return Err(refused("unknown_tool", Some("tool".to_owned()), Some(known.join(", "))));
        };
        let text = call.arguments.as_deref().unwrap_or_default();
        let arguments: Value = serde_json::from_str(text).map_err(|_| {
            refused("bad_arguments", Some(".".to_owned()), Some("JSON of an object".to_owned()))
        })?;
        tool.check(&arguments)
            .map_err(|bad| refused("bad_arguments", Some(bad.field), Some(bad.accepted)))?;
        let digest = arguments_digest(&arguments).ok_or_else(|| {
            refused("bad_arguments", Some(".".to_owned()), Some("JSON of an object".to_owned()))
        })?;
        let permit = self.allow(call, tool.spec(), &arguments, &digest)?;
        Ok(Judged { tool, arguments, permit })
    }

    fn allow(
        &self,
        call: &Call,
        spec: &Spec,
        arguments: &Value,
        digest: &str,
    ) -> Result<Permit, Box<Denial>> {
        let began = Instant::now();
        let decision = self.policy.decide(&Question {
            caller: &call.caller,
            tool: spec.name,
            arguments,
            environment: environment_of(arguments, &self.environment),
            at: call.recorded_at,
            calls_this_hour: call.calls_this_hour,
        });
        histogram!(names::DECISION_SECONDS).record(began.elapsed());
        let denial = |code, accepted: Option<String>| {
            Box::new(Denial {
                code,
                field: None,
                accepted,
                policies: decision.policies.clone(),
                arguments_digest: Some(digest.to_owned()),
                policy_digest: Some(self.policy.digest().to_owned()),
            })
        };
        match decision.verdict {
            Verdict::Permitted if spec.effect == Effect::Critical => {
                Err(denial("needs_approval", Some("a call that a person has approved".to_owned())))
            }
            Verdict::Permitted => Ok(Permit {
                policies: decision.policies,
                arguments_digest: digest.to_owned(),
                policy_digest: self.policy.digest().to_owned(),
            }),
            verdict => Err(denial(verdict.as_str(), None)),
        }
    }

    async fn perform(
        &self,
        call: &Call,
        Judged { tool, arguments, permit }: Judged<'_>,
    ) -> Result<(), Stuck> {
        let records = vec![say::authorized(call, permit)?, say::started(call, &self.executor)?];
        point("tool.claimed");
        if planted(Bug::ActedBeforeStarted) {
            let (ended, _) = self.act(call, &**tool, arguments).await;
            point("tool.acted");
            self.say(records).await?;
            return self.conclude(call, ended).await;
        }
        self.say(records).await?;
        counter!(names::STARTED_TOTAL, "tool" => tool.spec().name).increment(1);
        point("tool.started");
        let Standing { counts, is_stopped } = self.standing(call).await?;
        if !counts {
            counter!(names::FENCED_TOTAL).increment(1);
            return Err(Stuck::Fenced);
        }
        if is_stopped {
            let error =
                ToolError::nothing_done("stopped").with("the stop switch was thrown before it was begun");
            return self.conclude(call, Ended { result: Err(error), spent: Spent::default() }).await;
        }
        point("tool.checked");
        let (ended, seconds) = self.act(call, &**tool, arguments).await;
        histogram!(names::ACT_SECONDS, "tool" => tool.spec().name).record(seconds);
        point("tool.acted");
        self.conclude(call, ended).await
    }

    async fn act(&self, call: &Call, tool: &dyn AnyTool, arguments: Value) -> (Ended, Duration) {
        let act = Act {
            call: call.name.clone(),
            attempt: call.attempt,
            correlation_id: call.correlation_id.clone(),
            cause_path: call.cause_path.clone(),
            secrets: self.secrets.clone(),
            blocking: self.blocking.clone(),
            appender: Some(self.appender.clone()),
        };
        let began = Instant::now();
        // A tool that panics has failed like another: its call must not stay in our hands.
        let acting = AssertUnwindSafe(tool.act(arguments, &act)).catch_unwind();
        let result = match tokio::time::timeout(self.act_limit, acting).await {
            Ok(result) => result.unwrap_or_else(|_| Err(ToolError::half_done("panicked"))),
            Err(_) => {
                let limit = format!("it did not end within {} s", self.act_limit.as_secs());
                Err(ToolError::half_done("timed_out").with(limit))
            }
        };
        let result = self.without_secrets(result);
        let took = began.elapsed();
        let duration_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        let cost_micros = self.prices.get(tool.spec().name).map(|price| price.of(took));
        (Ended { result, spent: Spent { duration_ms, cost_micros } }, took)
    }

    /// What an act tells, whatever the world has told it.
    fn without_secrets(&self, result: Result<Value, ToolError>) -> Result<Value, ToolError> {
        match result {
            Ok(mut value) => {
                self.secrets.redact(&mut value);
                Ok(value)
            }
            Err(error) => {
                let detail = error.detail.as_deref().map(|detail| self.secrets.redacted(detail));
                Err(ToolError { detail, ..error })
            }
        }
    }

    /// Says how an act came out.
    async fn conclude(&self, call: &Call, Ended { result, spent }: Ended) -> Result<(), Stuck> {
        let kept = match result {
            Ok(result) => self.keep(&result).await,
            Err(error) => Err(error),
        };
        let (event, state) = match kept {
            Ok(kept) => (say::completed(call, kept, spent)?, "completed"),
            Err(error) => (say::failed(call, &error, spent)?, "failed"),
        };
        self.say(vec![event]).await?;
        point("tool.ended");
        self.ended(call, state);
        Ok(())
    }

    /// Puts a result where it has room.
    async fn keep(&self, result: &Value) -> Result<Kept, ToolError> {
        let text = result.to_string();
        let bytes = text.len();
        if bytes <= MAX_IN_EVENT {
            return Ok(Kept { text: Some(text), object: None, bytes });
        }
        match self.objects.keep(text.into_bytes()).await {
            Ok(name) => Ok(Kept { text: None, object: Some(name), bytes }),
            Err(error) => {
                tracing::error!(error = %error_chain(&error), "a result that is too large for an event cannot be kept");
                Err(ToolError::half_done("result_not_kept"))
            }
        }
    }

    async fn standing(&self, call: &Call) -> Result<Standing, sqlx::Error> {
        let agent = (call.caller.kind == CallerKind::Agent).then_some(call.caller.name.as_str());
        let row = sqlx::query(include_str!("sql/check.sql"))
            .bind(&call.name.source)
            .bind(&call.name.id)
            .bind(call.epoch)
            .bind(&self.executor)
            .bind(agent)
            .fetch_one(&self.pool)
            .await?;
        let counts: bool = row.try_get("counts")?;
        let counts = counts || planted(Bug::ClaimNotCheckedAgain);
        Ok(Standing { counts, is_stopped: row.try_get("is_stopped")? })
    }

    async fn say(&self, events: Vec<Outgoing>) -> Result<(), Stuck> {
        say::append(&self.appender, events).await.map_err(Stuck::Refused)
    }

    fn ended(&self, call: &Call, state: &'static str) {
        // Callers choose what they call a tool that there is none of: that is no label.
        let tool = self.tools.spec(&call.tool).map_or("other", |spec| spec.name);
        counter!(names::ENDED_TOTAL, "tool" => tool, "state" => state).increment(1);
    }
}

/// A call that may be done.
struct Judged<'a> {
    tool: &'a Arc<dyn AnyTool>,
    arguments: Value,
    permit: Permit,
}

/// How a claim stands just before the act.
struct Standing {
    counts: bool,
    /// Whether whoever asks is an agent that is stopped.
    is_stopped: bool,
}

/// How an act came out.
struct Ended {
    result: Result<Value, ToolError>,
    spent: Spent,
}

/// SHA-256 of arguments in canonical JSON (RFC 8785); none where they hold what it cannot write.
#[must_use]
pub fn arguments_digest(arguments: &Value) -> Option<String> {
    use sha2::Digest as _;
    let canonical = serde_json_canonicalizer::to_vec(arguments).ok()?;
    Some(hex::encode(sha2::Sha256::digest(canonical)))
}
