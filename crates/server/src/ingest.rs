//! `POST /events`: CloudEvents (one or a batch) and ACP messages become events of whoever holds the token.
//!
//! All of a batch is read, checked and sealed before any of it is appended: one wrong field refuses the whole.
use std::collections::HashSet;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use brainops_event::json::{FieldErrors, Incoming, Refusal, into_outgoing_all, parse};
use brainops_event::{Outgoing, Sealer};

use crate::answer::{Ids, append_and_answer};
use crate::auth::Principal;
use crate::body::{media_type, read_body};
use crate::doors::Doors;
use crate::fault::key_problem;
use crate::problem::{FieldProblem, Kind, Problem};
use crate::work::in_background;

const ACCEPTED: &[&str] =
    &["application/cloudevents+json", "application/cloudevents-batch+json", "application/json"];
/// Sources that begin so are the platform's own; who could write under them could pass for an import or a webhook.
const RESERVED: &str = "brainops/";
/// The most wrong fields that one answer lists.
const MAX_ERRORS: usize = 50;

/// The door.
pub async fn post_events(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let media_type = media_type(&headers, ACCEPTED)?;
    let body = read_body(&headers, body, doors.config.max_body_bytes).await?;
    let sealer = doors.sealer.clone();
    let batch = is_batch(&body);
    let events = in_background(move || understand(&body, media_type, principal, sealer.as_ref())).await?;
    append_and_answer(&doors, "events", Ids::OfTheCaller { batch }, events).await
}

/// The events that the body says, with everything personal sealed, in the name of the principal.
fn understand(
    body: &Bytes,
    media_type: &str,
    principal: Principal,
    sealer: &dyn Sealer,
) -> Result<Vec<Outgoing>, Problem> {
    let incoming = parse(body, media_type).map_err(invalid)?;
    let errors = refuse_claims(&incoming, is_batch(body));
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let events = into_outgoing_all(incoming, sealer).map_err(|refusal| match refusal {
        Refusal::Fields(errors) => invalid(errors),
        Refusal::Keys(error) => key_problem(&error),
    })?;
    events.into_iter().map(|event| in_the_name_of(principal, event)).collect()
}

fn is_batch(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"[")
}

/// What a caller may not say: who they are, that they are the platform, or one identity twice.
fn refuse_claims(incoming: &[Incoming], is_batch: bool) -> Vec<FieldProblem> {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    for (place, event) in incoming.iter().enumerate() {
        let field = |name: &str| if is_batch { format!("[{place}].{name}") } else { name.to_owned() };
        let envelope = event.envelope();
        if envelope.source().as_str().to_ascii_lowercase().starts_with(RESERVED) {
            let expected = format!("a source that does not begin with {RESERVED}");
            errors.push(FieldProblem::new(field("source"), expected, "a source of the platform itself"));
        }
        if envelope.auth_id().is_some() {
            let expected = "nothing: the token says who sends the event";
            errors.push(FieldProblem::new(field("authid"), expected, "a value"));
        }
        if !seen.insert((envelope.source(), envelope.id())) {
            let expected = "an id that no other event of this source has in the batch";
            errors.push(FieldProblem::new(field("id"), expected, "an id that stands before"));
        }
    }
    errors.truncate(MAX_ERRORS);
    errors
}

fn in_the_name_of(principal: Principal, event: Outgoing) -> Result<Outgoing, Problem> {
    let envelope = event.envelope.with_auth_id(principal.0).map_err(|error| {
        tracing::error!(%error, "a principal has a name that no event can carry");
        Problem::new(Kind::Internal, "the event could not be signed with the sender's name")
    })?;
    Ok(Outgoing { envelope, ..event })
}

fn invalid(errors: FieldErrors) -> Problem {
    Problem::invalid(errors.into_vec().into_iter().map(FieldProblem::from).collect())
}
