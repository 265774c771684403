//! `POST /seal`: seals a personal text under the key of the person it is about, so that a producer in any language
//! can append events without ever writing plain text. Nothing here opens anything.
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brainops_event::types::privacy::Sealed;
use brainops_event::{Catalog, Subject};
use serde::Serialize;
use serde_json::Value;

use crate::body::{media_type, read_body};
use crate::doors::Doors;
use crate::fault::key_problem;
use crate::object::Object;
use crate::problem::{FieldProblem, Problem};
use crate::work::in_background;

const JSON: &[&str] = &["application/json"];

/// The same sealed text in its two forms.
#[derive(Serialize)]
struct Answer {
    /// As read models store it; in JSON events write `{"sealed": "<token>"}`.
    token: String,
    /// As an event's field holds it: the fields of `brainops.privacy.Sealed`, bytes in standard base64.
    sealed: AvroShape,
}

#[derive(Serialize)]
struct AvroShape {
    key_id: String,
    nonce: String,
    ciphertext: String,
}

impl From<Sealed> for Answer {
    fn from(sealed: Sealed) -> Self {
        Self {
            token: sealed.to_token(),
            sealed: AvroShape {
                nonce: STANDARD.encode(&sealed.nonce),
                ciphertext: STANDARD.encode(&sealed.ciphertext),
                key_id: sealed.key_id,
            },
        }
    }
}

/// What is to be sealed.
struct Request {
    subject: Subject,
    kind: &'static str,
    text: String,
}

/// The door.
pub async fn seal(
    State(doors): State<Arc<Doors>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    media_type(&headers, JSON)?;
    let body = read_body(&headers, body, doors.config.max_body_bytes).await?;
    let request = Request::read(&body).map_err(|error| Problem::invalid(vec![error]))?;
    let sealer = doors.sealer.clone();
    let sealed = in_background(move || {
        sealer
            .seal(request.subject.as_str(), request.kind, &request.text)
            .map_err(|error| key_problem(&error))
    })
    .await?;
    Ok(Json(Answer::from(sealed)).into_response())
}

impl Request {
    fn read(body: &[u8]) -> Result<Self, FieldProblem> {
        let document: Value =
            serde_json::from_slice(body).map_err(|_| FieldProblem::new("body", "JSON", "something else"))?;
        let root = Object::root(&document)?;
        root.only(&["subject", "kind", "text"])?;
        let subject = Subject::new(root.text("subject")?);
        let kinds = Catalog::builtin().kinds();
        let kind = root.text("kind")?;
        let kind = kinds.iter().copied().find(|known| *known == kind);
        Ok(Self {
            subject: subject.map_err(|error| FieldProblem::of_attribute("subject", &error))?,
            kind: kind.ok_or_else(|| root.wrong("kind", kinds.join(", "), "another kind"))?,
            text: root.text("text")?.to_owned(),
        })
    }
}
