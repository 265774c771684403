//! The subject of an agent message: ACP has no member for it.
//!
//! A payload of a type with a schema of its own names its subject in fields, which is why the schema's doc can say
//! what the subject is; a free payload may name one in a member `subject` that looks like an id. Otherwise the
//! message belongs to its trace, and without a trace to itself.

use std::borrow::Cow;

use super::path::Path;
use super::text::{Level, Members, level};

/// A part of a subject.
enum Part {
    Text(&'static str),
    Field(&'static str),
}

use Part::{Field, Text};

/// What schemas say about subjects in their docs, by the beginning of the record's name.
const SUBJECTS: [(&str, &[Part]); 23] = [
    ("brainops.agent.BudgetExhausted", &[Field("agent")]),
    ("brainops.agent.Healing", &[Field("service"), Text("/"), Field("environment")]),
    ("brainops.agent.Task", &[Field("task_subject")]),
    ("brainops.lead.", &[Field("lead_id")]),
    ("brainops.outreach.", &[Field("lead_id")]),
    ("brainops.deployment.", &[Field("service"), Text("/"), Field("environment")]),
    ("brainops.git.CommitCreated", &[Field("repository"), Text("/commits/"), Field("sha")]),
    ("brainops.git.BranchUpdated", &[Field("repository"), Text("/branches/"), Field("branch")]),
    ("brainops.git.TagCreated", &[Field("repository"), Text("/tags/"), Field("tag")]),
    ("brainops.memory.", &[Field("about")]),
    ("brainops.monitor.ErrorRate", &[Field("service"), Text("/"), Field("environment")]),
    ("brainops.monitor.HighErrorRate", &[Field("service"), Text("/"), Field("environment")]),
    ("brainops.monitor.Incident", &[Field("incident_id")]),
    ("brainops.monitor.Sample", &[Field("service"), Text("/"), Field("environment")]),
    ("brainops.business.", &[Text("metrics/"), Field("metric")]),
    ("brainops.projection.", &[Field("read_model")]),
    ("brainops.saga.Agents", &[Field("agent")]),
    ("brainops.saga.SagaUnrouted", &[Field("agent")]),
    ("brainops.saga.", &[Field("agent"), Text("/"), Field("correlation")]),
    ("brainops.privacy.", &[Field("key_id")]),
    ("brainops.schema.", &[Field("subject")]),
    ("brainops.tool.", &[Field("call_subject")]),
    ("brainops.webhook.", &[Field("provider"), Text("/"), Field("delivery_id")]),
];

/// The subject that data of this record names.
pub(crate) fn of_record(schema: &str, payload: &Members<'_>) -> Option<String> {
    let (_, parts) = SUBJECTS.iter().find(|(beginning, _)| schema.starts_with(beginning))?;
    let mut subject = String::new();
    for part in *parts {
        match part {
            Text(text) => subject.push_str(text),
            Field(name) => subject.push_str(&non_empty(payload, name)?),
        }
    }
    Some(subject)
}

/// The subject that a free payload names: an id, so a line of text with white space is none.
pub(crate) fn of_free(payload: &Members<'_>) -> Option<String> {
    let named = non_empty(payload, "subject")?;
    (!named.contains(char::is_whitespace)).then(|| named.into_owned())
}

fn non_empty<'a>(payload: &Members<'a>, name: &str) -> Option<Cow<'a, str>> {
    match level(payload.get(name)?, &Path::Root("payload")) {
        Ok(Level::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}
