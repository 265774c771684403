//! Every version of our schemas that the registry has, whoever registered it.
use std::sync::Arc;

use brainops_event::{Catalog, SchemaEntry, SchemaId};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::wire::VersionText;
use super::{Answering, Registry, RegistryError};

/// How many subjects are asked for at once.
const AT_ONCE: usize = 8;

/// A version of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaVersion {
    /// The subject: the full name of its record.
    pub subject: String,
    /// Its id.
    pub id: SchemaId,
    /// Its number within the subject, from 1.
    pub version: i32,
    /// Its text as registered.
    pub text: String,
}

impl Registry {
    /// Every version of the subjects that a catalog's schemas have, by subject and version. Asks afresh.
    ///
    /// # Errors
    /// The registry is silent, or refuses.
    pub async fn versions(&self, catalog: &'static Catalog) -> Result<Vec<SchemaVersion>, RegistryError> {
        if let Answering::Log(table) = &self.shared.source {
            return table.versions(catalog).await;
        }
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut asking = JoinSet::new();
        for entry in catalog.entries() {
            let (registry, permits) = (self.clone(), Arc::clone(&permits));
            asking.spawn(async move {
                let _permit = permits.acquire().await;
                registry.versions_of(entry).await
            });
        }
        let mut versions = Vec::new();
        for of_subject in asking.join_all().await {
            versions.extend(of_subject?);
        }
        versions.sort_by(|one: &SchemaVersion, other| {
            (&one.subject, one.version).cmp(&(&other.subject, other.version))
        });
        Ok(versions)
    }

    async fn versions_of(&self, entry: &SchemaEntry) -> Result<Vec<SchemaVersion>, RegistryError> {
        let service = self.service("be listed")?;
        let subject = entry.name.as_str();
        let numbers: Option<Vec<i32>> = service.find(&["subjects", subject, "versions"]).await?;
        let mut versions = Vec::new();
        for number in numbers.unwrap_or_default() {
            let path = ["subjects", subject, "versions", &number.to_string()];
            let found: Option<VersionText> = service.find(&path).await?;
            // one that was deleted between the two questions is none
            versions.extend(found.map(|VersionText { id, version, schema }| SchemaVersion {
                subject: subject.to_owned(),
                id: SchemaId::new(id),
                version,
                text: schema,
            }));
        }
        Ok(versions)
    }
}
