//! Runs agents: pure reactions whose instances (sagas) no crash, replay or clock can confuse.
//!
//! An author writes an [`Agent`]: whom an event concerns ([`Route`]), what it decides ([`Turn`]), what it waits for
//! ([`Wait`]). [`Cast`] gathers the versions of one agent. Knows the log and the outbox; knows no particular agent, and no
//! HTTP.
//!
//! ```
//! use brainops_event::types::lead::{LeadDiscovered, LeadWon};
//! use brainops_event::Recorded;
//! use brainops_saga::{Agent, Input, Refusal, Route, Say, Turn, Wait};
//! use chrono::TimeDelta;
//!
//! struct FollowUp;
//!
//! #[derive(Default, serde::Serialize, serde::Deserialize)]
//! struct Reminded(u32);
//!
//! impl Agent for FollowUp {
//!     type State = Reminded;
//!
//!     fn name(&self) -> &'static str { "follow-up" }
//!     fn version(&self) -> u32 { 1 }
//!     fn topics(&self) -> &'static [&'static str] { &["lead"] }
//!
//!     fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
//!         let lead = event.envelope.subject().unwrap_or_default();
//!         Ok(match event.envelope.event_type() {
//!             "lead.discovered" => Route::begins(lead),
//!             "lead.won" => Route::running(lead),
//!             _ => Route::nobody(),
//!         })
//!     }
//!
//!     fn react(&self, state: &mut Reminded, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
//!         if input.timer() == Some("term") {
//!             state.0 += 1;
//!             turn.say(Say::task("follow_up", &serde_json::json!({"reminder": state.0})));
//!         } else if input.is::<LeadWon>() {
//!             turn.end("won");
//!             return Ok(());
//!         }
//!         turn.set_timer("term", TimeDelta::days(2));
//!         Ok(())
//!     }
//!
//!     fn waits_for(&self, _: &Reminded) -> Vec<Wait> {
//!         vec![Wait::for_typed::<LeadWon>("the end")]
//!     }
//! }
//! ```

mod agent;
mod backoff;
mod bytes;
mod canonical;
mod cast;
mod decide;
mod draft;
mod input;
mod instance;
mod kept;
mod life;
mod limits;
mod listing;
mod metrics;
mod migrate;
mod own;
mod pen;
mod purse;
mod refusal;
mod release;
mod replay;
mod retention;
mod route;
mod runtime;
mod say;
mod sitting;
mod step;
mod switch;
mod timers;
mod turn;
mod wait;

pub use agent::Agent;
pub use backoff::Backoff;
pub use cast::{Cast, CastError};
pub use decide::{Decide, DecideError, Decider, decision_event, fired_event};
pub use input::{Input, answered, payload};
pub use instance::{Book, Instance, OpenTimer, ParkedAt, Phase};
pub use life::Life;
pub use limits::{BudgetConfig, Limits};
pub use listing::{Count, Filter, ListError, ListedSaga, SpentBudget, counts, find, frontiers, list, spent};
pub use metrics::describe_metrics;
pub use migrate::migrate;
pub use pen::Written;
pub use refusal::{Refusal, RefusalClass};
pub use replay::{
    Difference, DifferenceKind, Differing, Pace, Patience, RecoverError, Recovered, ReplayError,
    ReplayProgress, Replayed, Selection, bring_back, recover, replay, replay_at,
};
pub use retention::{Forgotten, RetentionConfig, RetentionError, forget, forget_old};
pub use route::{Delivery, Route};
pub use runtime::{RunError, SagaOptions, Stage, run};
pub use say::Say;
pub use step::{Step, StepPhase, StepRecord};
pub use switch::{Stopped, SwitchError, stopped, throw_switch};
pub use timers::{TimerError, fire_timers};
pub use turn::Turn;
pub use wait::{OpenWait, TOO_LONG_HOURS, Wait};
