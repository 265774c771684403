//! What an import hands to whoever appends.

use brainops_event::{EventId, KeyStore, Outgoing, Sealer};

/// Answers whether an event of the import's source is in the log already.
pub type Known<'k> = Box<dyn Fn(&EventId) -> bool + Send + 'k>;

/// The keys an import seals with: it looks up many at once and then seals one by one.
pub trait ImportKeys: KeyStore + Sealer {}

impl<Keys: KeyStore + Sealer> ImportKeys for Keys {}

/// One event of an import.
#[derive(Debug)]
pub enum Read {
    /// It is in the log already, so it was not even built.
    Known,
    /// It is to be appended. Events of one subject come in the order in which they must stand in the log.
    New(Box<Outgoing>),
}
