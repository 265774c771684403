//! `POST /webhooks/github`: a delivery signed with the secret that we share with GitHub; it needs no token.
//!
//! | delivery | becomes beside `webhook.received` |
//! |---|---|
//! | `deployment_status` created | `deployment.started` (pending, queued, in_progress), `.succeeded` (success), `.failed` (failure, error) |
//! | `push` to a branch, also when it makes or removes it | `git.branch.updated`, if the repository is named in the configuration |
//! | `push` of a tag that names a commit | `git.tag.created`, under the same condition |
//! | everything else | nothing |
//!
//! A push does not say which parents a commit has, when it was committed as opposed to authored, or how many lines it
//! changed, and lists at most 2,048 commits. A commit is written once and for ever and read models walk its parents, so
//! a push makes no `git.commit.created`; the import of the repository, which knows all of it, does. Nor does a push
//! say the root commit that a repository is named after: guessing a name would split the history of its branches.
//! `create` and `delete` say nothing that the push beside them does not, and no commit id; they are only kept.
mod deployment;
mod push;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use brainops_event::{EventId, Outgoing, Source};
use serde_json::Value;

use super::delivery::Delivery;
use super::{JSON, document_of, take, text_of};
use crate::body::{media_type, read_body};
use crate::config::WEBHOOK_BODY_BYTES;
use crate::doors::Doors;
use crate::object::Object;
use crate::problem::{FieldProblem, Kind, Problem};
use crate::signature::is_signed;

const SOURCE: &str = "brainops/webhooks/github";
const AUTH_ID: &str = "github";
const SIGNATURE: &str = "x-hub-signature-256";
const DELIVERY: &str = "x-github-delivery";
const EVENT: &str = "x-github-event";

/// Names of repositories, by their full name at GitHub.
type Repositories = BTreeMap<String, String>;

/// The door: nothing of the body is looked at before its signature holds.
pub async fn receive(
    State(doors): State<Arc<Doors>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_body(&headers, body, WEBHOOK_BODY_BYTES).await?;
    let signature = text_header(&headers, SIGNATURE).unwrap_or_default();
    if !is_signed(&doors.secrets.github_webhook, &body, signature) {
        let detail = "expected the header X-Hub-Signature-256: sha256=<HMAC-SHA256 of the body>";
        return Err(Problem::new(Kind::Unauthenticated, detail));
    }
    media_type(&headers, JSON)?;
    let id = word(&headers, DELIVERY, "the delivery's id: 1 to 100 letters, digits and dashes", b"-")?;
    let event = word(&headers, EVENT, "the event's name: 1 to 100 letters, digits and underscores", b"_")?;
    let body = text_of(&body)?.to_owned();
    let document = document_of(&body).map_err(|error| Problem::invalid(vec![error]))?;
    let source = source_of(&document).map_err(|error| Problem::invalid(vec![error]))?;
    let id =
        EventId::new(id).map_err(|error| Problem::parameter(FieldProblem::of_attribute(DELIVERY, &error)))?;
    let delivery = Delivery { provider: "github", source, id, event: Some(event), auth_id: AUTH_ID, body };
    let repositories = doors.config.repositories.clone();
    take(&doors, delivery, move |delivery| facts(delivery, &document, &repositories)).await
}

/// The typed events of a delivery; none when it is of a kind that we only keep.
fn facts(
    delivery: &Delivery,
    document: &Value,
    repositories: &Repositories,
) -> Result<Vec<Outgoing>, FieldProblem> {
    let root = Object::root(document)?;
    let fact = match delivery.event.as_deref() {
        Some("deployment_status") => deployment::fact(delivery, &root, repositories)?,
        Some("push") => push::fact(delivery, &root, repositories)?,
        _ => None,
    };
    Ok(fact.into_iter().collect())
}

/// Deliveries of a repository have a source of their own; those of an organisation share one.
fn source_of(document: &Value) -> Result<Source, FieldProblem> {
    let root = Object::root(document)?;
    let source = match root.object_if_any("repository") {
        Some(repository) => format!("{SOURCE}/{}", full_name(&repository)?),
        None => SOURCE.to_owned(),
    };
    Source::new(source).map_err(|error| FieldProblem::of_attribute("repository.full_name", &error))
}

/// The repository's owner and name, such as `acme/shop`.
fn full_name<'a>(repository: &Object<'a>) -> Result<&'a str, FieldProblem> {
    let full_name = repository.text("full_name")?;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    match full_name.split_once('/') {
        Some((owner, name)) if is_name(owner) && is_name(name) => Ok(full_name),
        _ => Err(repository.wrong(
            "full_name",
            "owner/name of letters, digits, dots, dashes and underscores",
            "other text",
        )),
    }
}

/// The name that the repository has in our events, if the configuration gives one.
fn named<'a>(root: &Object<'_>, repositories: &'a Repositories) -> Result<Option<&'a str>, FieldProblem> {
    let repository = root.object("repository")?;
    Ok(repositories.get(full_name(&repository)?).map(String::as_str))
}

/// A full commit id in lower-case hexadecimal.
fn commit_id<'a>(object: &Object<'a>, name: &str) -> Result<&'a str, FieldProblem> {
    let text = object.text(name)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if matches!(text.len(), 40 | 64) && text.bytes().all(is_digit) {
        return Ok(text);
    }
    Err(object.wrong(name, "commit id of 40 or 64 lower-case hexadecimal digits", "other text"))
}

fn text_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A header of ASCII letters, digits and the characters in `also`.
fn word(headers: &HeaderMap, name: &'static str, expected: &str, also: &[u8]) -> Result<String, Problem> {
    let found = text_header(headers, name);
    let fits = |text: &&str| {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || also.contains(&byte);
        (1..=100).contains(&text.len()) && text.bytes().all(is_fit)
    };
    let what = if found.is_some() { "other text" } else { "nothing" };
    found
        .filter(fits)
        .map(str::to_owned)
        .ok_or_else(|| Problem::parameter(FieldProblem::new(name, expected, what)))
}
