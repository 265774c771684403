//! `brainops schema list`

use brainops_event::{Catalog, SchemaEntry, SchemaId};
use brainops_log::{RegistryError, SchemaVersion};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::overview::table;

/// Lists the schemas of this program: event types, subject, id and version, and whether they are registered.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops schema list\n  brainops schema list --registry log --json\n\nThe version is that of the data: it \
                        rises only with a change that needs an upcaster. `brainops init` registers what is not registered."
)]
pub struct Arguments {}

/// A schema of this program.
#[derive(Debug, Serialize)]
struct Schema {
    subject: String,
    topic: &'static str,
    event_types: &'static [&'static str],
    version: u32,
    /// Id of this very text; none when it is not registered.
    id: Option<SchemaId>,
    /// Ids of all its versions, in their order.
    registered: Vec<SchemaId>,
}

pub async fn run(context: &Context, Arguments {}: Arguments) -> anyhow::Result<Exit> {
    let (registry, catalog) = (context.registry()?, Catalog::builtin());
    let versions = registry.versions(catalog).await?;
    let mut schemas = Vec::new();
    for entry in catalog.entries() {
        let id = match registry.id_for(entry).await {
            Ok(id) => Some(id),
            Err(RegistryError::NotRegistered { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        schemas.push(schema(entry, id, &versions));
    }
    context.output.answer(&schemas, |schemas| text(schemas))?;
    Ok(Exit::Done)
}

fn schema(entry: &SchemaEntry, id: Option<SchemaId>, versions: &[SchemaVersion]) -> Schema {
    let subject = entry.name.as_str();
    let of_subject = versions.iter().filter(|version| version.subject == subject);
    Schema {
        subject: subject.to_owned(),
        topic: entry.topic,
        event_types: entry.event_types,
        version: entry.version,
        id,
        registered: of_subject.map(|version| version.id).collect(),
    }
}

fn text(schemas: &[Schema]) -> String {
    let header = ["event types", "subject", "version", "id", "registered", "versions there"];
    let mut table = table(&header, &[2, 3, 5]);
    for schema in schemas {
        table.add_row([
            schema.event_types.join(", "),
            schema.subject.clone(),
            schema.version.to_string(),
            schema.id.map_or_else(String::new, |id| id.to_string()),
            if schema.id.is_some() { "yes" } else { "no" }.to_owned(),
            schema.registered.len().to_string(),
        ]);
    }
    table.to_string()
}
