//! The fold of `lead.*` and `outreach.*`.
//!
//! | event | what it does |
//! |---|---|
//! | `lead.discovered`, `lead.qualified`, `outreach.sent`, `outreach.replied`, `lead.demo.scheduled` | reaches its stage, if nothing of the kind happened earlier |
//! | `lead.won`, `lead.lost`, `lead.disqualified` | ends the lead, if nothing of the kind happened later |
//! | `outreach.ready`, `outreach.bounced` | is counted and moves nothing |
//!
//! What a fact tells besides (names, score, amounts) is kept as recorded last, except that what belongs to an end is
//! kept as the end that counts tells it.

use brainops_event::Recorded;
use brainops_projection::{Changed, FoldError};

use crate::body;
use crate::lead::{LeadId, LeadRow};
use crate::model::LeadTables;
use crate::stage::Stage;
use crate::stage_entry::StageEntryRow;

/// The lead that an event is about, by its subject.
pub(crate) fn lead_of(event: &Recorded<'_>) -> Result<LeadId, FoldError> {
    let subject = event.envelope.subject().ok_or_else(|| FoldError::refused("it has no subject"))?;
    Ok(LeadId(subject.to_owned()))
}

/// Folds an event of a type that this model knows.
pub(crate) fn fold(event: &Recorded<'_>, tables: &mut LeadTables) -> Result<(), FoldError> {
    let lead_id = lead_of(event)?;
    let about: body::AboutLead<'_> = event.decode()?;
    if about.lead_id != lead_id.0 {
        return Err(FoldError::refused("its lead_id is not its subject"));
    }
    let (at, changed) = (event.happened_at(), Changed::by(event));
    let known = tables.lead.get(&lead_id)?.cloned();
    let mut lead = known.unwrap_or_else(|| LeadRow::unheard_of(lead_id.clone(), at, changed.clone()));

    let stage = Stage::of_event_type(event.envelope.event_type());
    let counts = stage.is_some_and(|stage| lead.milestones.reach(stage, at));
    note(&mut lead, event, counts)?;
    lead.settle(at, changed.clone());
    tables.lead.put(lead)?;
    if let (Some(stage), true) = (stage, counts) {
        tables.stage_entry.put(StageEntryRow { lead_id, stage, entered_at: at, changed })?;
    }
    Ok(())
}

/// Keeps what the event tells besides its moment. `counts` says whether it is the fact that counts for its stage.
fn note(lead: &mut LeadRow, event: &Recorded<'_>, counts: bool) -> Result<(), FoldError> {
    match event.envelope.event_type() {
        "lead.discovered" => note_discovered(lead, event.decode()?),
        "lead.qualified" => note_qualified(lead, event.decode()?),
        "lead.demo.scheduled" => lead.demo_at = Some(event.decode::<body::DemoScheduled>()?.demo_at),
        "lead.won" if counts => {
            let body::Won { amount_minor, currency } = event.decode()?;
            (lead.amount_minor, lead.currency) = (amount_minor, currency);
        }
        "lead.lost" if counts => lead.lost_reason_code = event.decode::<body::Ended>()?.reason_code,
        "lead.disqualified" if counts => {
            lead.disqualified_reason_code = event.decode::<body::Ended>()?.reason_code;
        }
        "outreach.ready" => lead.outreach.ready += 1,
        "outreach.sent" => lead.outreach.sent += 1,
        "outreach.replied" => lead.outreach.replied += 1,
        "outreach.bounced" => {
            lead.outreach.bounced += 1;
            lead.outreach.bounced_permanently |= event.decode::<body::Bounced>()?.permanent;
        }
        _ => {}
    }
    Ok(())
}

/// A later discovery adds what an earlier one left out, and never erases.
fn note_discovered(lead: &mut LeadRow, said: body::Discovered) {
    lead.channel = Some(said.channel);
    lead.company = said.company.or_else(|| lead.company.take());
    lead.name = said.name.map(|name| name.to_token()).or_else(|| lead.name.take());
    lead.email = said.email.map(|email| email.to_token()).or_else(|| lead.email.take());
}

fn note_qualified(lead: &mut LeadRow, said: body::Qualified) {
    lead.score = said.score.or(lead.score);
    lead.segment = said.segment.or_else(|| lead.segment.take());
}
