//! Whether the schema registry has every schema, and guards it.

use anyhow::Context as _;
use brainops_event::Catalog;
use brainops_log::{Registry, SchemaState};

use crate::commands::doctor::finding::{Finding, Findings};

pub const NAME: &str = "registry";
pub const ADVICE: &str =
    "see that registry.url is right and that the registry runs; without it nothing new can be decoded";
/// How many names are listed.
const LISTED: usize = 5;

pub async fn check(registry: &Registry) -> Findings {
    let states = registry.inspect(Catalog::builtin()).await.context("schemas cannot be looked up")?;
    let named = |wanted: &dyn Fn(&SchemaState) -> bool| -> Vec<String> {
        states.iter().filter(|state| wanted(state)).map(|state| state.subject.clone()).collect()
    };
    let unregistered = named(&|state| !state.registered);
    let unguarded = named(&|state| state.registered && !state.guarded);
    let mut findings = Vec::new();
    if !unregistered.is_empty() {
        let found = format!(
            "{} schemas of this program are not registered: {}",
            unregistered.len(),
            list(&unregistered)
        );
        findings.push(Finding::error(NAME, found, "brainops init"));
    }
    if !unguarded.is_empty() {
        let (count, level) = (unguarded.len(), SchemaState::LEVEL);
        let found = format!("{count} schemas are not guarded by {level}: {}", list(&unguarded));
        let advice = "brainops init sets the level again; see who changed it";
        findings.push(Finding::warning(NAME, found, advice));
    }
    if findings.is_empty() {
        let found = format!("{} schemas are registered and {}", states.len(), SchemaState::LEVEL);
        findings.push(Finding::ok(NAME, found));
    }
    Ok(findings)
}

fn list(names: &[String]) -> String {
    let more = names.len().saturating_sub(LISTED);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
