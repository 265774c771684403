//! Misplaced records: too few to fold, too telling to forget.
use brainops_event::{EnvelopeView, Partition, Position, Timestamp};
use serde::{Deserialize, Serialize};

use super::SpillError;
use super::reading::Blocks;
use crate::batch::Place;
use crate::window::Misplacement;

/// A record that lies where its subject does not belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisplacedRecord {
    /// Where it stands.
    pub position: Position,
    /// When the broker recorded it.
    pub recorded_at: Timestamp,
    /// Its key, when that is text.
    pub key: Option<String>,
    /// Source of its event, when its envelope can be read.
    pub source: Option<String>,
    /// Id of its event, when its envelope can be read.
    pub id: Option<String>,
    /// How it is misplaced.
    pub reason: Misplacement,
}

/// The misplaced records of a partition, in log order; nothing after an error. Blocks while it reads the disk.
#[derive(Debug)]
pub struct MisplacedReading {
    pub(super) blocks: Blocks,
}

/// What is kept of one, in the place of a value.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Note {
    key: Option<String>,
    source: Option<String>,
    id: Option<String>,
    reason: NotedReason,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum NotedReason {
    NullKey,
    NoSubject,
    KeyIsNotSubject,
    WrongPartition { expected: Partition },
}

impl Note {
    pub(super) fn new(key: Option<&str>, envelope: Option<&EnvelopeView<'_>>, reason: Misplacement) -> Note {
        let reason = match reason {
            Misplacement::NullKey => NotedReason::NullKey,
            Misplacement::NoSubject => NotedReason::NoSubject,
            Misplacement::KeyIsNotSubject => NotedReason::KeyIsNotSubject,
            Misplacement::WrongPartition { expected } => NotedReason::WrongPartition { expected },
        };
        Note {
            key: key.map(str::to_owned),
            source: envelope.map(|envelope| envelope.source().to_owned()),
            id: envelope.map(|envelope| envelope.id().to_owned()),
            reason,
        }
    }

    fn of(self, place: &Place<'_>) -> MisplacedRecord {
        let reason = match self.reason {
            NotedReason::NullKey => Misplacement::NullKey,
            NotedReason::NoSubject => Misplacement::NoSubject,
            NotedReason::KeyIsNotSubject => Misplacement::KeyIsNotSubject,
            NotedReason::WrongPartition { expected } => Misplacement::WrongPartition { expected },
        };
        let (position, recorded_at) = (place.position(), place.recorded_at);
        MisplacedRecord { position, recorded_at, key: self.key, source: self.source, id: self.id, reason }
    }
}

impl Iterator for MisplacedReading {
    type Item = Result<MisplacedRecord, SpillError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.blocks.next_alone(|place, note| {
            let note: Note = serde_json::from_slice(note).ok()?;
            Some(note.of(&place))
        })
    }
}
