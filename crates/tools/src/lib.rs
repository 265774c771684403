//! The gate: every act in the world is one call of a tool, through one path: who asks, may they, record, act, record.
//!
//! A call is asked for by `tool.call.requested` in the log, whoever says it. Executors, any number of processes of the role
//! `tools`, claim calls in Postgres; see [`run()`] for their life and `gate.rs` for that of a call. What is said about a call
//! has its subject, so that whoever asked hears of it in order.
//!
//! | promise | where it is kept |
//! |---|---|
//! | nothing is done that the log does not say first | `gate.rs`: the act comes after Kafka's answer to `tool.call.started` |
//! | nothing is done that the policy does not permit | [`Policy`], asked before each attempt; it fails closed |
//! | a call is done by one process at a time | claims with numbers, looked at before the act; `inherit.rs` ends who had it first |
//! | a `once` tool is never done twice | `gate.rs`: started in other hands, it is `unknown` |
//! | no call is lost | whoever inherits reads in the log how far it came |
//! | no secret is told | [`Secrets`]: arguments name them, acts are given them, and the gate takes them out of what acts tell |
//!
//! Knows log, checkpoints and Postgres; knows no agent and no HTTP. Begin with [`Tool`], [`Toolbox`], [`Policy`] and [`run()`].

mod database;
mod deploy;
mod desk;
mod files;
mod follow;
mod gate;
mod git;
mod history;
mod http;
mod inherit;
mod listing;
mod mail;
mod memory;
mod metrics;
mod migrate;
mod name;
mod objects;
mod policy;
mod price;
mod process;
mod row;
mod run;
mod sandbox;
mod say;
mod sealed;
mod secrets;
mod spec;
mod tool;
mod toolbox;

pub use database::{
    Databases, ExecuteStatement, ExplainQuery, NamedQuery, QueryDatabase, QueryProjection, Reader,
    SearchEvents,
};
pub use deploy::{DeployLogs, DeployRollback, DeployStart, DeployStatus};
pub use files::{ApplyPatch, ListFiles, ReadFile, RootError, Roots, SearchFiles, WriteFile};
pub use gate::arguments_digest;
pub use git::{GitBranch, GitCommit, GitDiff, GitLog, GitMerge, GitRevert, GitShow, Repositories};
pub use history::{HistoryError, Told, history};
pub use http::{FetchConfig, HttpFetch, Lookup, SystemLookup};
pub use listing::{CallFilter, find, list};
pub use mail::{Encryption, MailConfig, MailConfigError, MailSend};
pub use memory::{RecordMemory, SearchMemory};
pub use metrics::describe_metrics;
pub use migrate::migrate;
pub use name::{CallName, Caller, CallerKind};
pub use objects::{ObjectError, Objects, S3Config, S3Endpoint, S3EndpointError, S3SecretKey};
pub use policy::{Case, CaseError, CaseOutcome, Cases, Decision, Policy, PolicyError, Question, Verdict};
pub use price::Price;
pub use row::{Call, CallState};
pub use run::{GateError, GateStage, ToolsConfig, ToolsConfigError, run};
pub use sandbox::{ProcessRun, Sandbox, SandboxConfig, TestsRun};
pub use say::{SayError, asked_by_person};
pub use sealed::SealedText;
pub use secrets::{Secrets, TooShort};
pub use spec::{Effect, Repeat, Spec, arguments_of};
pub use tool::{Act, BadArguments, Tool, ToolError};
pub use toolbox::{Toolbox, ToolboxError};
