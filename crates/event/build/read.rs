//! Reads the schema files and `topics.toml`, and refuses what breaks the rules of the wire contract.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::inline;

/// The topics and which domain lives in which of them.
pub struct Topics {
    pub names: Vec<String>,
    pub domains: BTreeMap<String, String>,
}

impl Topics {
    /// The topic of a domain, when there is one.
    pub fn of_domain(&self, domain: &str) -> Option<&str> {
        let topic = self.domains.get(domain).map_or(domain, String::as_str);
        self.names.iter().map(String::as_str).find(|name| *name == topic)
    }
}

/// One schema file.
pub struct SchemaFile {
    /// `brainops.lead.LeadDiscovered`
    pub full_name: String,
    /// `lead`
    pub domain: String,
    /// `LeadDiscovered`
    pub short_name: String,
    pub topic: String,
    pub event_types: Vec<String>,
    /// (field, kind, field that names the data subject)
    pub pii: Vec<(String, String, Option<String>)>,
    /// Canonical text with every reference inlined.
    pub text: String,
    pub json: Value,
}

/// Reads `topics.toml`.
pub fn topics(file: &Path) -> Result<Topics, Box<dyn Error>> {
    let table: toml::Table = std::fs::read_to_string(file)?.parse()?;
    let text =
        |value: &toml::Value| value.as_str().map(str::to_owned).ok_or("topics.toml: a name is not a string");
    let names =
        table.get("topics").and_then(toml::Value::as_array).ok_or("topics.toml has no list `topics`")?;
    let names = names.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let domains =
        table.get("domains").and_then(toml::Value::as_table).ok_or("topics.toml has no [domains]")?;
    let domains = domains
        .iter()
        .map(|(domain, topic)| Ok((domain.clone(), text(topic)?)))
        .collect::<Result<_, &str>>()?;
    Ok(Topics { names, domains })
}

/// Reads every `*.avsc` below the folder, sorted by full name.
pub fn schemas(folder: &Path, topics: &Topics) -> Result<Vec<SchemaFile>, Box<dyn Error>> {
    let mut files = Vec::new();
    collect_avsc(folder, &mut files)?;
    let mut by_name = BTreeMap::new();
    for file in files {
        let json: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let name = full_name(&json).ok_or_else(|| format!("{}: no name and namespace", file.display()))?;
        if by_name.insert(name.clone(), json).is_some() {
            return Err(format!("{name} is defined twice").into());
        }
    }
    by_name.iter().map(|(name, json)| schema(name, json, &by_name, topics)).collect()
}

fn collect_avsc(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_avsc(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "avsc") {
            into.push(path);
        }
    }
    Ok(())
}

fn full_name(json: &Value) -> Option<String> {
    Some(format!("{}.{}", json.get("namespace")?.as_str()?, json.get("name")?.as_str()?))
}

fn schema(
    name: &str,
    json: &Value,
    known: &BTreeMap<String, Value>,
    topics: &Topics,
) -> Result<SchemaFile, Box<dyn Error>> {
    let (domain, short_name) = name
        .strip_prefix("brainops.")
        .and_then(|rest| rest.split_once('.'))
        .filter(|(_, short)| !short.contains('.'))
        .ok_or_else(|| format!("{name} is not of the form brainops.<domain>.<Event>"))?;
    let topic =
        topics.of_domain(domain).ok_or_else(|| format!("{name}: topics.toml has no topic for {domain}"))?;
    Ok(SchemaFile {
        full_name: name.to_owned(),
        domain: domain.to_owned(),
        short_name: short_name.to_owned(),
        topic: topic.to_owned(),
        event_types: event_types(name, domain, json)?,
        pii: pii_fields(name, json)?,
        text: inline::canonical_text(&inline::self_contained(json, known)?),
        json: json.clone(),
    })
}

fn event_types(name: &str, domain: &str, json: &Value) -> Result<Vec<String>, String> {
    let listed = json.get("eventTypes").and_then(Value::as_array).cloned().unwrap_or_default();
    let types = listed.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    match types.iter().find(|event_type| event_type.split('.').next() != Some(domain)) {
        Some(stranger) => Err(format!("{name}: the event type {stranger} does not begin with {domain}")),
        None => Ok(types),
    }
}

type PiiFields = Vec<(String, String, Option<String>)>;

fn pii_fields(name: &str, json: &Value) -> Result<PiiFields, String> {
    let fields =
        json.get("fields").and_then(Value::as_array).ok_or_else(|| format!("{name} has no fields"))?;
    let mut pii = Vec::new();
    for field in fields {
        let text = |key: &str| field.get(key).and_then(Value::as_str).map(str::to_owned);
        let field_name = text("name").ok_or_else(|| format!("{name} has a field without a name"))?;
        if text("doc").is_none_or(|doc| doc.is_empty()) {
            return Err(format!("{name}: the field {field_name} has no doc"));
        }
        if let Some(kind) = text("pii") {
            pii.push((field_name, kind, text("piiSubject")));
        }
    }
    Ok(pii)
}
