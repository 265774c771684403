//! The way from the doors to the log.

use async_trait::async_trait;
use brainops_event::Outgoing;
use brainops_log::{AppendError, Appended, Appender, Outcome};
use brainops_server::{Acknowledged, Append, AppendFailure};

use crate::chain::chain;

/// Appends straight to the log what the doors hand over.
pub(super) struct Doorway(pub(super) Appender);

#[async_trait]
impl Append for Doorway {
    async fn append_all(&self, events: Vec<Outgoing>) -> Vec<Result<Acknowledged, AppendFailure>> {
        let results = self.0.append_all(events).await;
        results.into_iter().map(|result| result.map(acknowledged).map_err(|error| failure(&error))).collect()
    }
}

fn acknowledged(appended: Appended) -> Acknowledged {
    let Appended { position, recorded_at } = appended;
    Acknowledged {
        topic: position.topic.to_string(),
        partition: position.partition.get(),
        offset: position.offset.get(),
        recorded_at,
    }
}

/// Callers learn whether the same event may be sent again; what exactly went wrong is for the log.
fn failure(error: &AppendError) -> AppendFailure {
    if let AppendError::TooLarge { size, limit } = error {
        return AppendFailure::TooLarge { found: *size, limit: *limit };
    }
    let told = match error.outcome() {
        Outcome::NotThereYet | Outcome::Unknown => AppendFailure::Unacknowledged,
        Outcome::NeverThere => AppendFailure::Refused,
    };
    if !matches!(error, AppendError::NotSent(_)) {
        tracing::error!(error = chain(error), "the log did not take an event");
    }
    told
}
