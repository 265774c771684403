//! What a batch puts into the outbox: decisions, and what the agent says of its own accord.

use std::collections::BTreeSet;

use brainops_event::types::saga::SagaUnrouted;
use brainops_event::{Envelope, EventType, Outgoing, Partition, Subject, TypedEvent as _, derived_id};
use brainops_outbox::{Enqueued, Handover, Prepared, enqueue};
use sqlx::{Postgres, Transaction};

use super::apply::{Applier, Failed};
use super::budget::Spent;
use super::react::{CONFLICT, Reactions, Refused};
use super::sort::Unrouted;
use super::write::note_unrouted;
use crate::pen::source_of;
use crate::refusal::Refusal;

/// What has been put into the outbox.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Inputs that led to a decision that stands in the log in other words.
    pub(super) conflicts: Refused,
    /// Where the rest goes to, if a relay is to be woken for it.
    pub(super) queued: BTreeSet<Partition>,
    /// How to commit, if anything was decided.
    pub(super) handover: Option<Handover>,
}

impl Applier {
    /// Notes what was spent of the agent's budget, and says so when it did not suffice.
    pub(super) async fn spend(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        spent: &Spent,
        reactions: &Reactions,
    ) -> Result<BTreeSet<Partition>, Failed> {
        spent.add(transaction, self.agent(), reactions.price).await?;
        let exhausted = spent.exhausted(self.agent(), &self.cast.limits(), reactions.purse.exhausted());
        let exhausted = exhausted.map_err(|refusal| self.row(refusal))?;
        if exhausted.is_empty() {
            return Ok(BTreeSet::new());
        }
        let prepared = self.prepare(exhausted).await?;
        enqueue(transaction, &prepared).await?; // said before in this hour, by whatever process: it is said
        Ok(prepared.iter().map(Prepared::partition).collect())
    }

    /// Puts decisions into the outbox.
    pub(super) async fn tell(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        unrouted: &[Unrouted],
        reactions: &Reactions,
    ) -> Result<Told, Failed> {
        let mut told = Told::default();
        if !unrouted.is_empty() {
            note_unrouted(transaction, self.agent(), unrouted).await?;
            let events = unrouted.iter().map(|one| unrouted_event(self.agent(), one));
            let events = events.collect::<Result<Vec<_>, _>>().map_err(|refusal| self.row(refusal))?;
            let prepared = self.prepare(events).await?;
            enqueue(transaction, &prepared).await?; // said before, in whatever words: it is said
            told.queued.extend(prepared.iter().map(Prepared::partition));
        }
        if reactions.events.is_empty() {
            return Ok(told);
        }
        let prepared = self.prepare(reactions.events.clone()).await?;
        let mut handover = self.outbox.handover(&prepared).await;
        let enqueued = handover.enqueue_behind(transaction, &prepared, &reactions.gates).await?;
        told.queued.extend(handover.left());
        told.handover = Some(handover);
        for (enqueued, cause) in enqueued.iter().zip(&reactions.causes) {
            if matches!(enqueued, Enqueued::Conflict { .. }) {
                told.conflicts.insert(cause.clone(), CONFLICT);
            }
        }
        Ok(told)
    }

    async fn prepare(&self, events: Vec<Outgoing>) -> Result<Vec<Prepared>, Failed> {
        let prepared = self.outbox.prepare(events).await;
        prepared.into_iter().collect::<Result<_, _>>().map_err(Failed::Append)
    }
}

/// The event that says that a record is nobody's.
fn unrouted_event(agent: &str, unrouted: &Unrouted) -> Result<Outgoing, Refusal> {
    let (source, input) = (source_of(agent)?, unrouted.position.to_string());
    let id = derived_id(&source, &["unrouted", &input]);
    let (event_source, event_id) = unrouted.event.clone().unzip();
    let event_type = EventType::new(SagaUnrouted::EVENT_TYPE)?;
    let data = SagaUnrouted {
        agent: agent.to_owned(),
        input,
        event_source,
        event_id,
        reason_class: unrouted.class.to_owned(),
        code: unrouted.code.to_owned(),
    };
    Ok(Outgoing::typed(Envelope::new(id, source, event_type, Subject::new(agent)?), &data)?)
}
