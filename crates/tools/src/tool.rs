//! What the author of a tool writes, and the same without its types.

use std::sync::Arc;

use async_trait::async_trait;
use brainops_event::{EventId, Outgoing, Source, Subject, TypedEvent, derived_id, error_chain};
use brainops_log::Appender;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use tokio_util::task::TaskTracker;

use crate::name::CallName;
use crate::say::{SayError, append, effect};
use crate::secrets::Secrets;
use crate::spec::{Effect, Repeat, Spec, arguments_of};

/// A tool: one kind of act in the world. It decides nothing about who may call it, and records nothing: the gate does.
#[async_trait]
pub trait Tool: Send + Sync + 'static {
    /// What it has to be told; unknown fields must be refused (`deny_unknown_fields`).
    type Arguments: DeserializeOwned + JsonSchema + Send;
    /// What comes of it: without secrets that the gate does not know, and without personal plain text.
    type Result: Serialize + Send;

    /// Its name, `<family>.<verb>`.
    const NAME: &'static str;
    /// What a call changes in the world and what it does not.
    const SUMMARY: &'static str;
    /// What it changes.
    const EFFECT: Effect;
    /// Whether it may be done again.
    const REPEAT: Repeat;

    /// Does it. The future is dropped when the call's time is over: what it has begun must end with it.
    ///
    /// # Errors
    /// It was not done, or not to the end.
    async fn act(&self, arguments: Self::Arguments, act: &Act) -> Result<Self::Result, ToolError>;
}

/// What an act has to know about itself.
#[derive(Debug, Clone)]
pub struct Act {
    /// The call: the same in every attempt, so what takes a key of idempotency is given this.
    pub call: CallName,
    /// Which attempt it is, from 1.
    pub attempt: i32,
    /// The flow that the call belongs to.
    pub correlation_id: Option<String>,
    pub(crate) cause_path: Option<String>,
    pub(crate) secrets: Secrets,
    pub(crate) blocking: TaskTracker,
    pub(crate) appender: Option<Appender>,
}

impl Act {
    /// The first attempt at a call, for who does it without a gate: tests.
    #[must_use]
    pub fn first(call: CallName) -> Self {
        Self {
            call,
            attempt: 1,
            correlation_id: None,
            cause_path: None,
            secrets: Secrets::default(),
            blocking: TaskTracker::new(),
            appender: None,
        }
    }

    /// The same with these secrets.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// A secret, by the name that arguments give, for who asks a host at a port, such as `api.example.com:443`.
    ///
    /// # Errors
    /// `unknown_secret`, or `secret_not_for_host`.
    pub fn secret(&self, name: &str, place: &str) -> Result<&str, ToolError> {
        self.secrets.for_host(name, place)
    }

    /// Says something in the log, as an effect of this call: `id` is the same in every attempt, so it counts once. Waits until
    /// Kafka has acknowledged it; an answer that is lost is asked for again.
    ///
    /// # Errors
    /// `unsayable` when it cannot be said, `refused` when the log does not take it, `no_log` where there is no gate.
    pub async fn say<T: TypedEvent>(
        &self,
        source: Source,
        subject: Subject,
        data: &T,
    ) -> Result<EventId, ToolError> {
        let Some(appender) = &self.appender else { return Err(ToolError::nothing_done("no_log")) };
        let (id, event) = self
            .event(source, subject, data)
            .map_err(|error| ToolError::nothing_done("unsayable").with(error_chain(&error)))?;
        match append(appender, vec![event]).await {
            Ok(()) => Ok(id),
            Err(error) => Err(ToolError::nothing_done("refused").with(error_chain(&error))),
        }
    }

    fn event<T: TypedEvent>(
        &self,
        source: Source,
        subject: Subject,
        data: &T,
    ) -> Result<(EventId, Outgoing), SayError> {
        let id = derived_id(&source, &[&self.call.source, &self.call.id, T::EVENT_TYPE]);
        let causes = (self.call.id.as_str(), self.correlation_id.as_deref(), self.cause_path.as_deref());
        Ok((id.clone(), effect((id, source, subject), causes, data)?))
    }

    /// Does what blocks, such as calls of the file system, in a thread of its own. It is not cut short: what takes long looks
    /// by itself whether it should go on.
    ///
    /// # Errors
    /// Those of `work`; `panicked` when it did.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ToolError> + Send + 'static,
    ) -> Result<T, ToolError> {
        let done = self.blocking.spawn_blocking(work).await;
        done.unwrap_or_else(|_| Err(ToolError::half_done("panicked")))
    }
}

/// An act was not done, or not to the end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}{}", .detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}")))]
pub struct ToolError {
    /// The reason in a word of the tool, such as `not_found`.
    pub code: &'static str,
    /// More of it for people, without personal plain text.
    pub detail: Option<String>,
    /// Whether it is known that nothing was changed.
    pub is_without_effect: bool,
}

impl ToolError {
    /// Nothing was changed.
    #[must_use]
    pub const fn nothing_done(code: &'static str) -> Self {
        Self { code, detail: None, is_without_effect: true }
    }

    /// Something may have been changed.
    #[must_use]
    pub const fn half_done(code: &'static str) -> Self {
        Self { code, detail: None, is_without_effect: false }
    }

    /// Says more.
    #[must_use]
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// Arguments are not what the tool takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {accepted}")]
pub struct BadArguments {
    /// The path of the field, such as `options.depth`; a dot for all of them.
    pub field: String,
    /// What is wrong, and what is accepted.
    pub accepted: String,
}

/// A tool without its types.
#[async_trait]
pub(crate) trait AnyTool: Send + Sync {
    fn spec(&self) -> &Spec;
    /// Whether it takes these.
    fn check(&self, arguments: &Value) -> Result<(), BadArguments>;
    async fn act(&self, arguments: Value, act: &Act) -> Result<Value, ToolError>;
}

pub(crate) fn erased<T: Tool>(tool: T) -> Arc<dyn AnyTool> {
    let spec = Spec {
        name: T::NAME,
        summary: T::SUMMARY,
        effect: T::EFFECT,
        repeat: T::REPEAT,
        arguments: arguments_of::<T::Arguments>(),
    };
    Arc::new(Erased { tool, spec })
}

struct Erased<T> {
    tool: T,
    spec: Spec,
}

#[async_trait]
impl<T: Tool> AnyTool for Erased<T> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn check(&self, arguments: &Value) -> Result<(), BadArguments> {
        read::<T::Arguments>(arguments).map(|_| ())
    }

    async fn act(&self, arguments: Value, act: &Act) -> Result<Value, ToolError> {
        let typed = read::<T::Arguments>(&arguments)
            .map_err(|error| ToolError::nothing_done("bad_arguments").with(error.to_string()))?;
        let result = self.tool.act(typed, act).await?;
        serde_json::to_value(result).map_err(|_| ToolError::half_done("untellable_result"))
    }
}

fn read<T: DeserializeOwned>(arguments: &Value) -> Result<T, BadArguments> {
    // What is given in place of an object is not repeated: it may be text that somebody forgot to seal.
    if !arguments.is_object() {
        return Err(BadArguments { field: ".".to_owned(), accepted: "accepted is a JSON object".to_owned() });
    }
    serde_path_to_error::deserialize(arguments).map_err(|error| BadArguments {
        field: error.path().to_string(),
        accepted: error.into_inner().to_string(),
    })
}
