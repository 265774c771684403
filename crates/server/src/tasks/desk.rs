//! Where tasks are handed out. Behind the trait stand Postgres and the outbox, and nobody in tests.
use std::time::Duration;

use async_trait::async_trait;
use brainops_event::Timestamp;
use brainops_task::{
    Claim, Claimed, Decider, Failed, Kind, Lease, Outcome, TaskError, TaskName, Tasks, Worker,
};

/// Hands out tasks and takes them back; see [`Tasks`], whose methods these are.
#[async_trait]
pub trait TaskDesk: Send + Sync {
    /// See [`Tasks::claim`].
    async fn claim(
        &self,
        kinds: &[Kind],
        worker: &Worker,
        lease: Lease,
    ) -> Result<Option<Claimed>, TaskError>;

    /// See [`Tasks::renew`].
    async fn renew(&self, claim: &Claim, lease: Lease) -> Result<Timestamp, TaskError>;

    /// See [`Tasks::release`].
    async fn release(&self, claim: &Claim, not_before: Option<Timestamp>) -> Result<(), TaskError>;

    /// See [`Tasks::complete`].
    async fn complete(&self, claim: &Claim, outcome: &Outcome) -> Result<(), TaskError>;

    /// See [`Tasks::fail`].
    async fn fail(
        &self,
        claim: &Claim,
        reason: &str,
        retry_after: Option<Duration>,
    ) -> Result<Failed, TaskError>;

    /// See [`Tasks::cancel`].
    async fn cancel(&self, name: &TaskName, decider: &Decider) -> Result<(), TaskError>;
}

#[async_trait]
impl TaskDesk for Tasks {
    async fn claim(
        &self,
        kinds: &[Kind],
        worker: &Worker,
        lease: Lease,
    ) -> Result<Option<Claimed>, TaskError> {
        Self::claim(self, kinds, worker, lease).await
    }

    async fn renew(&self, claim: &Claim, lease: Lease) -> Result<Timestamp, TaskError> {
        Self::renew(self, claim, lease).await
    }

    async fn release(&self, claim: &Claim, not_before: Option<Timestamp>) -> Result<(), TaskError> {
        Self::release(self, claim, not_before).await
    }

    async fn complete(&self, claim: &Claim, outcome: &Outcome) -> Result<(), TaskError> {
        Self::complete(self, claim, outcome).await
    }

    async fn fail(
        &self,
        claim: &Claim,
        reason: &str,
        retry_after: Option<Duration>,
    ) -> Result<Failed, TaskError> {
        Self::fail(self, claim, reason, retry_after).await
    }

    async fn cancel(&self, name: &TaskName, decider: &Decider) -> Result<(), TaskError> {
        Self::cancel(self, name, decider).await
    }
}
