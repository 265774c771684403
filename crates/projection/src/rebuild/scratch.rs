//! What was set aside on disk, and when it goes.
//!
//! Whoever ends a partition removes its folder. A crash, or somebody who was stopped and has lost the partition, leaves
//! one behind; so the folder of a generation goes as a whole when all is folded, and at every end of work those of
//! generations that nobody folds any more.

use std::io;
use std::path::Path;

use super::work::Workshop;
use crate::generation::{Generation, GenerationKind, ModelName};
use crate::lineage::{GenerationState, generations_of};

/// Removes all that was set aside here for a generation. What cannot be removed now goes another time.
pub(crate) fn remove_scratch(shop: &Workshop, generation: &Generation) {
    let folder = shop.scratch.join(generation.schema());
    match std::fs::remove_dir_all(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "what was set aside cannot be removed now");
        }
    }
}

/// Removes what was set aside here for generations of a read model that are not folded any more.
pub(crate) async fn sweep(shop: &Workshop, read_model: &ModelName) {
    let left = folders(&shop.scratch, read_model);
    if left.is_empty() {
        return;
    }
    let known = async { generations_of(&mut *shop.pool.acquire().await?, read_model).await };
    let known = match known.await {
        Ok(known) => known,
        Err(error) => {
            tracing::debug!(%error, "what was set aside is looked through another time");
            return;
        }
    };
    for one in known.iter().filter(|one| one.state != GenerationState::Building) {
        if left.contains(&one.generation.schema()) {
            remove_scratch(shop, &one.generation);
        }
    }
}

/// The names of the folders that may be of a read model's generations.
fn folders(scratch: &Path, read_model: &ModelName) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(scratch) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let begins =
        |name: &String| GenerationKind::ALL.iter().any(|kind| name.starts_with(&kind.begins(read_model)));
    names.filter(begins).collect()
}
