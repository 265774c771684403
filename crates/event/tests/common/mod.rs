//! A sealer with keys made of the data subject's name, and events as if they had gone through the log.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use brainops_event::json::{self, FieldError, Incoming};
use brainops_event::{
    Body, DataKey, EnvelopeView, InstallationKey, KeyError, KeyId, KeyStore, Offset, Outgoing, Partition,
    Recorded, SchemaId, TopicName, parse_timestamp,
};

/// Keeps keys in memory and counts how often it was asked for them.
pub struct FakeKeys {
    installation: InstallationKey,
    made: Mutex<BTreeMap<KeyId, String>>,
    destroyed: Mutex<BTreeSet<KeyId>>,
    /// The data subjects of each call of `keys_for`.
    pub asked: Mutex<Vec<Vec<String>>>,
}

impl FakeKeys {
    pub fn new() -> Self {
        Self {
            installation: InstallationKey::new([1; 32].into()),
            made: Mutex::default(),
            destroyed: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    pub fn key_of(&self, data_subject: &str) -> DataKey {
        let id = self.installation.key_id(data_subject);
        let secret = self.installation.pseudonym("secret of a test", data_subject);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&secret.as_bytes()[..32]);
        DataKey::new(id, bytes.into())
    }

    pub fn number_made(&self) -> usize {
        self.made.lock().unwrap().len()
    }
}

impl KeyStore for FakeKeys {
    fn keys_for(&self, data_subjects: &[&str]) -> Result<Vec<DataKey>, KeyError> {
        self.asked.lock().unwrap().push(data_subjects.iter().map(|subject| (*subject).to_owned()).collect());
        let make = |subject: &&str| {
            let key = self.key_of(subject);
            if self.destroyed.lock().unwrap().contains(key.id()) {
                return Err(KeyError::Destroyed(key.id().clone()));
            }
            self.made.lock().unwrap().insert(key.id().clone(), (*subject).to_owned());
            Ok(key)
        };
        data_subjects.iter().map(make).collect()
    }

    fn key(&self, id: &KeyId) -> Result<DataKey, KeyError> {
        let made = self.made.lock().unwrap();
        made.get(id).map(|subject| self.key_of(subject)).ok_or_else(|| KeyError::Unknown(id.clone()))
    }

    fn pseudonym(&self, purpose: &str, text: &str) -> String {
        self.installation.pseudonym(purpose, text)
    }

    fn destroy(&self, id: &KeyId) -> Result<bool, KeyError> {
        Ok(self.destroyed.lock().unwrap().insert(id.clone()))
    }
}

/// The only event of a body.
pub fn read_one(body: &str) -> Incoming {
    let mut events =
        json::parse(body.as_bytes(), "application/json").unwrap_or_else(|error| panic!("{body}: {error}"));
    assert_eq!(events.len(), 1);
    events.remove(0)
}

/// The faults of a body that must have some.
pub fn faults_of(body: &str) -> Vec<FieldError> {
    match json::parse(body.as_bytes(), "application/json") {
        Ok(_) => panic!("accepted: {body}"),
        Err(faults) => faults.into_vec(),
    }
}

/// What `check` makes of the event once it stands in the log.
pub fn recorded<T>(outgoing: &Outgoing, check: impl FnOnce(&Recorded<'_>) -> T) -> T {
    let schema = outgoing.schema.writer_schema(SchemaId::new(7)).unwrap();
    let headers = outgoing.envelope.headers();
    let pairs = headers.iter().map(|(name, value)| (&**name, Some(value.as_bytes())));
    check(&Recorded {
        topic: &TopicName::new("brainops.test").unwrap(),
        partition: Partition::new(0).unwrap(),
        offset: Offset::new(41).unwrap(),
        recorded_at: parse_timestamp("2026-01-31T08:30:00.000Z").unwrap(),
        envelope: EnvelopeView::from_headers(pairs).unwrap(),
        body: Body::Avro { schema: &schema, datum: &outgoing.datum },
    })
}
