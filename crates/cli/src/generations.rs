//! Tells the log of generations that were made: once each, though the making and the telling are two acts.

use anyhow::Context as _;
use brainops_event::types::projection::GenerationCreated;
use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent, derived_id};
use brainops_outbox::{AppendError, Outbox};
use brainops_projection::Generation;

use crate::secrets::MadeOrFound;

const SOURCE: &str = "brainops/projections";

/// Appends `projection.generation.created` for those generations of which the log does not know.
pub async fn tell(outbox: &Outbox, generations: &[Generation]) -> anyhow::Result<Vec<MadeOrFound>> {
    let events = generations.iter().map(created).collect::<anyhow::Result<Vec<Outgoing>>>()?;
    let results = outbox.append_all(events).await;
    let state = |(generation, result): (&Generation, Result<_, AppendError>)| match result {
        Ok(brainops_outbox::Receipt { repeated: false, .. }) => Ok(MadeOrFound::Made),
        // Also told with another version of the fold: of tables that are gone, in a database that was made anew.
        Ok(_) | Err(AppendError::Conflict { .. }) => Ok(MadeOrFound::Found),
        Err(error) => {
            Err(error).with_context(|| format!("generation {} cannot be told", generation.schema()))
        }
    };
    generations.iter().zip(results).map(state).collect()
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
