//! Deliveries from outside become events: each is kept whole and sealed as one `webhook.received`, and what we
//! understand of it becomes typed events beside it, caused by it. All ids follow from the delivery, so a delivery that
//! comes again says the same events again and counts once. The provider hears 2xx only when the log holds all of them.
//!
//! A kind of delivery that we do not know is kept and nothing more. A known kind that is malformed is refused whole,
//! naming the field, and nothing of it is appended.
pub mod alertmanager;
mod delivery;
pub mod github;

use std::sync::Arc;

use axum::response::Response;
use brainops_event::Outgoing;

use crate::answer::{Ids, append_and_answer};
use crate::doors::Doors;
use crate::problem::{FieldProblem, Problem};
use crate::work::in_background;
use delivery::Delivery;

/// The media type that deliveries come in.
const JSON: &[&str] = &["application/json"];

/// Reads what we understand of a delivery, seals the whole of it, and appends all; the answer lists every event, the
/// kept delivery first.
async fn take(
    doors: &Arc<Doors>,
    delivery: Delivery,
    understand: impl FnOnce(&Delivery) -> Result<Vec<Outgoing>, FieldProblem> + Send + 'static,
) -> Result<Response, Problem> {
    let provider = delivery.provider;
    let sealer = doors.sealer.clone();
    let events = in_background(move || {
        let facts = understand(&delivery).map_err(|error| Problem::invalid(vec![error]))?;
        let mut events = vec![delivery.kept_whole(sealer.as_ref())?];
        events.extend(facts);
        Ok(events)
    })
    .await?;
    append_and_answer(doors, provider, Ids::OfADelivery, events).await
}

/// The body as text, which is how it is kept.
fn text_of(body: &[u8]) -> Result<&str, Problem> {
    let not_text = |_| Problem::invalid(vec![FieldProblem::new("body", "JSON in UTF-8", "other bytes")]);
    std::str::from_utf8(body).map_err(not_text)
}

/// The body as a document; deeper nesting than 128 is refused by the parser.
fn document_of(body: &str) -> Result<serde_json::Value, FieldProblem> {
    serde_json::from_str(body).map_err(|error| {
        let place = format!("an error in line {}, column {}", error.line(), error.column());
        FieldProblem::new("body", "JSON", place)
    })
}
