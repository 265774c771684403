//! Tells the log of generations that were made: once each, though the making and the telling are two acts.

use anyhow::Context as _;
use brainops_event::types::projection::GenerationCreated;
use brainops_event::{
    Envelope, EventId, EventType, Outgoing, Source, Subject, TopicName, TypedEvent, derived_id,
};
use brainops_log::{Appender, Cluster, Item, Registry, end_frontier, read, start_frontier};
use brainops_projection::Generation;
use std::collections::HashSet;

use crate::context::topic_names;
use crate::secrets::MadeOrFound;

const SOURCE: &str = "brainops/projections";
const TOPIC: &str = "projection";

/// Appends `projection.generation.created` for those generations of which the log does not know.
pub async fn tell(
    cluster: &Cluster,
    registry: &Registry,
    appender: &Appender,
    generations: &[Generation],
) -> anyhow::Result<Vec<MadeOrFound>> {
    let known = known_ids(cluster, registry).await.context("the topic projection cannot be read")?;
    let mut told = Vec::new();
    for generation in generations {
        let outgoing = created(generation)?;
        if known.contains(outgoing.envelope.id().as_str()) {
            told.push(MadeOrFound::Found);
            continue;
        }
        appender
            .append(outgoing)
            .await
            .with_context(|| format!("generation {} cannot be told", generation.schema()))?;
        told.push(MadeOrFound::Made);
    }
    Ok(told)
}

fn created(generation: &Generation) -> anyhow::Result<Outgoing> {
    let (name, number) = (generation.read_model.as_str(), generation.number);
    let source = Source::new(SOURCE)?;
    let id: EventId = derived_id(&source, &["generation", name, &number.to_string()]);
    let event_type = EventType::new(GenerationCreated::EVENT_TYPE)?;
    let envelope = Envelope::new(id, source, event_type, Subject::new(name)?);
    let event = GenerationCreated {
        read_model: name.to_owned(),
        generation: number,
        fold_version: generation.fold_version,
    };
    Ok(Outgoing::typed(envelope, &event)?)
}

/// The ids that this source has said, from the log itself: at the first `init` nobody follows it yet.
async fn known_ids(cluster: &Cluster, registry: &Registry) -> anyhow::Result<HashSet<String>> {
    let topics: Vec<TopicName> = topic_names(cluster, &[TOPIC])?;
    let (from, to) = (start_frontier(cluster, &topics).await?, end_frontier(cluster, &topics).await?);
    let mut reading = read(cluster, registry, &from, &to).await?;
    let mut known = HashSet::new();
    while let Some(batch) = reading.next().await {
        for item in batch?.items() {
            if let Item::Event(event) = item
                && event.envelope.source() == SOURCE
            {
                known.insert(event.envelope.id().to_owned());
            }
        }
    }
    Ok(known)
}
