//! `POST /webhooks/alertmanager`: notifications in version 4 of its webhook form, with the operator's token.
//!
//! A notification has no id of its own. Its id here is a pseudonym of its bytes, so that the same notification, which
//! Alertmanager repeats while nothing changes, is the same delivery. An alert event's id follows from the group, the
//! alert, its beginning and its status, so that an alert that is repeated within a changed group counts once as well.
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use brainops_event::types::monitor::{AlertFired, AlertResolved};
use brainops_event::{EventId, Outgoing, Source, Timestamp, format_timestamp};
use serde_json::Value;

use super::delivery::{About, Delivery};
use super::{JSON, document_of, take, text_of};
use crate::auth::Principal;
use crate::body::{media_type, read_body};
use crate::config::WEBHOOK_BODY_BYTES;
use crate::doors::Doors;
use crate::object::Object;
use crate::problem::{FieldProblem, Problem};

const PROVIDER: &str = "alertmanager";
const SOURCE: &str = "brainops/webhooks/alertmanager";
/// What the pseudonym of a body is for.
const PURPOSE: &str = "webhook-delivery";
/// The version of the form that we read.
const VERSION: &str = "4";
/// The longest fingerprint, bytes; Alertmanager's own have 16.
const MAX_FINGERPRINT_BYTES: usize = 100;

/// The door.
pub async fn receive(
    State(doors): State<Arc<Doors>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    media_type(&headers, JSON)?;
    let body = read_body(&headers, body, WEBHOOK_BODY_BYTES).await?;
    let body = text_of(&body)?.to_owned();
    let invalid = |error| Problem::invalid(vec![error]);
    let document = document_of(&body).map_err(invalid)?;
    let attribute = |error| invalid(FieldProblem::of_attribute("body", &error));
    let delivery = Delivery {
        provider: PROVIDER,
        source: Source::new(SOURCE).map_err(attribute)?,
        id: EventId::new(doors.keys.pseudonym(PURPOSE, &body)).map_err(attribute)?,
        event: None,
        auth_id: principal.0,
        body,
    };
    take(&doors, delivery, move |delivery| facts(delivery, &document)).await
}

/// One event per alert.
fn facts(delivery: &Delivery, document: &Value) -> Result<Vec<Outgoing>, FieldProblem> {
    let root = Object::root(document)?;
    if root.text("version")? != VERSION {
        return Err(root.wrong("version", VERSION, "another version"));
    }
    let group_key = root.text("groupKey")?;
    root.objects("alerts")?.iter().map(|alert| Alert::read(alert)?.say(delivery, group_key)).collect()
}

/// What a notification says about one alert.
struct Alert {
    fingerprint: String,
    labels: BTreeMap<String, String>,
    alert_name: String,
    starts_at: Timestamp,
    /// None while it fires; Alertmanager writes the year 1 then.
    ends_at: Option<Timestamp>,
    generator_url: Option<String>,
    /// Path of the fingerprint, which the subject is made of.
    field: String,
}

impl Alert {
    fn read(alert: &Object<'_>) -> Result<Self, FieldProblem> {
        let labels = alert.object("labels")?;
        let ends_at = match alert.text("status")? {
            "firing" => None,
            "resolved" => Some(ended(alert)?),
            _ => return Err(alert.wrong("status", "firing or resolved", "other text")),
        };
        Ok(Self {
            fingerprint: fingerprint(alert)?.to_owned(),
            alert_name: labels.text("alertname")?.to_owned(),
            labels: labels
                .texts()?
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            starts_at: alert.moment("startsAt")?,
            ends_at,
            generator_url: alert.optional_text("generatorURL")?.map(str::to_owned),
            field: alert.wrong("fingerprint", "", "").field,
        })
    }

    /// The first of these labels that is there and not empty.
    fn label(&self, names: &[&str]) -> Option<String> {
        names.iter().filter_map(|name| self.labels.get(*name)).find(|value| !value.is_empty()).cloned()
    }

    fn say(self, delivery: &Delivery, group_key: &str) -> Result<Outgoing, FieldProblem> {
        let status = if self.ends_at.is_some() { "resolved" } else { "firing" };
        let (starts_at, id) = (format_timestamp(&self.starts_at), self.fingerprint.clone());
        let about = About {
            subject: format!("{PROVIDER}/{}", self.fingerprint),
            time: Some(self.ends_at.unwrap_or(self.starts_at)),
            id_parts: &[group_key, &id, &starts_at, status],
            field: self.field.clone(),
        };
        let service = self.label(&["service", "job"]);
        let environment = self.label(&["environment", "env"]);
        let severity = self.label(&["severity"]);
        let Self { fingerprint, labels, alert_name, starts_at, ends_at, generator_url, field: _ } = self;
        match ends_at {
            None => {
                #[rustfmt::skip]
                let fact = AlertFired { fingerprint, alert_name, service, environment, severity, labels, starts_at, generator_url };
                delivery.fact(about, &fact)
            }
            Some(ends_at) => {
                #[rustfmt::skip]
                let fact = AlertResolved { fingerprint, alert_name, service, environment, severity, labels, starts_at, ends_at };
                delivery.fact(about, &fact)
            }
        }
    }
}

/// Identity of the alert: a word, since it becomes a part of subjects.
fn fingerprint<'a>(alert: &Object<'a>) -> Result<&'a str, FieldProblem> {
    let text = alert.text("fingerprint")?;
    if text.len() <= MAX_FINGERPRINT_BYTES && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(text);
    }
    Err(alert.wrong("fingerprint", format!("1 to {MAX_FINGERPRINT_BYTES} letters and digits"), "other text"))
}

/// When a resolved alert ended: not before it began, and so not in the year 1 either, which means "still open".
fn ended(alert: &Object<'_>) -> Result<Timestamp, FieldProblem> {
    let (starts_at, ends_at) = (alert.moment("startsAt")?, alert.moment("endsAt")?);
    if ends_at >= starts_at {
        return Ok(ends_at);
    }
    Err(alert.wrong(
        "endsAt",
        "the time at which the resolved alert ended, not before startsAt",
        "an earlier time",
    ))
}
