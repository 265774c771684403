//! Events as they stand in the log of a namespace.

use brainops_event::Position;
use brainops_log::{Item, end_frontier, read, start_frontier};
use serde_json::Value;

use crate::{Namespace, soon};

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Stood {
    /// Where.
    pub position: Position,
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    pub event_type: String,
    /// What it is about.
    pub subject: String,
    /// What caused it.
    pub causation_id: Option<String>,
    /// The flow it belongs to.
    pub correlation_id: Option<String>,
    /// What it says.
    pub data: Value,
}

impl Namespace {
    /// All events of a topic, in the order of partitions and offsets; repeats are left out.
    ///
    /// # Panics
    /// When the log cannot be read.
    pub async fn stands(&self, topic: &str) -> Vec<Stood> {
        let topics = [self.topic(topic)];
        let from = start_frontier(self.cluster(), &topics).await.expect("the log begins");
        let to = end_frontier(self.cluster(), &topics).await.expect("the log ends");
        let mut reading = read(self.cluster(), self.registry(), &from, &to).await.expect("it can be read");
        let mut all = Vec::new();
        while let Some(batch) = soon("records", reading.next()).await {
            for item in batch.expect("readable").items() {
                if let Item::Event(event) = item {
                    let text = |text: Option<&str>| text.map(str::to_owned);
                    all.push(Stood {
                        position: event.position(),
                        source: event.envelope.source().to_owned(),
                        id: event.envelope.id().to_owned(),
                        event_type: event.envelope.event_type().to_owned(),
                        subject: text(event.envelope.subject()).unwrap_or_default(),
                        causation_id: text(event.envelope.causation_id()),
                        correlation_id: text(event.envelope.correlation_id()),
                        data: event.json().expect("data as JSON"),
                    });
                }
            }
        }
        all.sort_by_key(|stood| (stood.position.partition.get(), stood.position.offset.get()));
        all
    }
}
