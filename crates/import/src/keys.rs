//! What an import asks of whoever keeps the keys.

use brainops_event::{KeyStore, Sealer};

/// The keys an import seals with: it looks up many at once and then seals one by one.
pub trait ImportKeys: KeyStore + Sealer {}

impl<Keys: KeyStore + Sealer> ImportKeys for Keys {}
