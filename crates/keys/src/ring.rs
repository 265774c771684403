//! The keys in memory: what the lines of the file add up to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use brainops_event::{DataKey, InstallationKey, KeyError, KeyId};

use crate::line::{self, Line};

/// Where a line stands.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Number of the line, from 1.
    pub number: usize,
    /// Bytes of the file before it.
    pub begins: u64,
}

/// Every key of the file, about 200 bytes of memory each.
#[derive(Default)]
pub(crate) struct Ring {
    installation: Option<InstallationKey>,
    keys: HashMap<KeyId, State>,
    /// Lines whose key cannot be read and that no line has explained yet.
    unreadable: Vec<(KeyId, usize)>,
    /// Where secrets of destroyed keys may still stand.
    blots_due: Vec<u64>,
}

enum State {
    Alive { key: DataKey, secret_at: u64 },
    Destroyed,
}

impl Ring {
    /// The installation's key, once its line was read.
    pub(crate) fn installation(&self) -> Option<&InstallationKey> {
        self.installation.as_ref()
    }

    /// The key; `None` when the file has no line of it.
    pub(crate) fn get(&self, id: &KeyId) -> Result<Option<&DataKey>, KeyError> {
        match self.keys.get(id) {
            Some(State::Alive { key, .. }) => Ok(Some(key)),
            Some(State::Destroyed) => Err(KeyError::Destroyed(id.clone())),
            None => Ok(None),
        }
    }

    /// Whether the file says that this key was destroyed.
    pub(crate) fn is_destroyed(&self, id: &KeyId) -> bool {
        matches!(self.keys.get(id), Some(State::Destroyed))
    }

    /// Takes in a line; the reason says why it cannot stand where it does.
    pub(crate) fn apply(&mut self, line: Line, place: Place) -> Result<(), &'static str> {
        if self.installation.is_none() != matches!(line, Line::Installation(_)) {
            return Err("the first line, and no other, must hold the installation's key");
        }
        match line {
            Line::Installation(key) => self.installation = Some(key),
            Line::Key(key) => self.add(key, place)?,
            Line::Unreadable { id, blotted } => {
                if !blotted {
                    self.blots_due.push(place.begins + line::secret_begins(&id));
                }
                self.unreadable.push((id, place.number));
            }
            Line::Destroyed(id) => {
                if let Some(State::Alive { secret_at, .. }) = self.keys.insert(id, State::Destroyed) {
                    self.blots_due.push(secret_at);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, key: DataKey, place: Place) -> Result<(), &'static str> {
        let secret_at = place.begins + line::secret_begins(key.id());
        match self.keys.entry(key.id().clone()) {
            Entry::Occupied(_) => Err("an earlier line has its key"),
            Entry::Vacant(free) => {
                free.insert(State::Alive { key, secret_at });
                Ok(())
            }
        }
    }

    /// At the end of the file: the number of a line whose key cannot be read though no line destroys it.
    pub(crate) fn unexplained(&mut self) -> Option<usize> {
        let keys = &self.keys;
        self.unreadable.retain(|(id, _)| !matches!(keys.get(id), Some(State::Destroyed)));
        self.unreadable.first().map(|(_, number)| *number)
    }

    /// Where secrets of destroyed keys may still stand: they were just destroyed, or a crash came before they were
    /// blotted out. Blotting one twice does no harm.
    pub(crate) fn take_blots_due(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.blots_due)
    }
}
