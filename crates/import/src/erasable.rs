//! Seals personal texts of people who may have been erased: a destroyed key stays destroyed, and an import that
//! comes later tells what happened without telling who.

use std::collections::HashSet;

use brainops_event::KeyError;
use brainops_event::types::privacy::Sealed;

use crate::ImportKeys;

/// Seals for one import and counts the people whose keys are gone.
#[derive(Debug)]
pub(crate) struct Erasable<'k, Keys: ?Sized> {
    pub(crate) keys: &'k Keys,
    gone: HashSet<String>,
}

impl<'k, Keys: ImportKeys + ?Sized> Erasable<'k, Keys> {
    pub(crate) fn new(keys: &'k Keys) -> Self {
        Erasable { keys, gone: HashSet::new() }
    }

    /// Makes the keys of many people durable at once, which costs one write to the disk instead of one each.
    pub(crate) fn prepare(&mut self, people: &[&str]) -> Result<(), KeyError> {
        let mut wanted: Vec<&str> = people.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|person| !person.is_empty() && !self.gone.contains(*person));
        match self.keys.keys_for(&wanted) {
            Ok(_) => Ok(()),
            // One of them is gone, so none was made: find out which, one by one.
            Err(KeyError::Destroyed(_)) => wanted.into_iter().try_for_each(|person| self.prepare_one(person)),
            Err(error) => Err(error),
        }
    }

    fn prepare_one(&mut self, person: &str) -> Result<(), KeyError> {
        match self.keys.keys_for(&[person]) {
            Ok(_) => Ok(()),
            Err(KeyError::Destroyed(_)) => {
                self.gone.insert(person.to_owned());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The sealed text; `None` for an empty one and for a person whose key is gone.
    pub(crate) fn seal(&mut self, person: &str, kind: &str, plain: &str) -> Result<Option<Sealed>, KeyError> {
        if plain.is_empty() || self.gone.contains(person) {
            return Ok(None);
        }
        match self.keys.seal(person, kind, plain) {
            Ok(sealed) => Ok(Some(sealed)),
            Err(KeyError::Destroyed(_)) => {
                self.gone.insert(person.to_owned());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// How many people were met whose keys are gone.
    pub(crate) fn gone(&self) -> u64 {
        self.gone.len() as u64
    }
}
