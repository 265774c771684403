//! CloudEvents whose envelope and data stand together in a record's value, as JSON.
use brainops_event::json::{Refusal, parse};
use brainops_event::types::privacy::Sealed;
use brainops_event::{Catalog, EnvelopeView, KeyError, Outgoing, SchemaEntry, Sealer};

use crate::batch::PoisonError;

const MEDIA_TYPE: &str = "application/cloudevents+json";

/// An event that was read from JSON.
pub(crate) enum Structured {
    /// Its type has a schema of its own: the data, as if it had been written with it.
    Own { envelope: EnvelopeView<'static>, schema: &'static SchemaEntry, datum: Vec<u8> },
    /// Its type has none.
    Foreign { envelope: EnvelopeView<'static>, text: String },
}

/// Reads one event.
pub(crate) fn read(value: &[u8]) -> Result<Structured, PoisonError> {
    let refused = |reason: String| PoisonError::Structured { reason };
    let mut events = parse(value, MEDIA_TYPE).map_err(|faults| refused(faults.to_string()))?;
    let (Some(event), true) = (events.pop(), events.is_empty()) else {
        return Err(refused("a record holds one event".to_owned()));
    };
    if Catalog::builtin().schema_for(event.envelope().event_type()).is_none() {
        let text = event.text().to_owned();
        return Ok(Structured::Foreign { envelope: event.envelope().clone().into_view(), text });
    }
    match event.into_outgoing(&NoKeys) {
        Ok(Outgoing { envelope, schema, datum }) => {
            Ok(Structured::Own { envelope: envelope.into_view(), schema, datum })
        }
        Err(Refusal::Fields(faults)) => Err(refused(faults.to_string())),
        Err(Refusal::Keys(_)) => {
            Err(refused("personal text stands in it unsealed, accepted is a sealed token".to_owned()))
        }
    }
}

/// A reader seals nothing: what is personal had to be sealed before it was appended.
struct NoKeys;

impl Sealer for NoKeys {
    fn prepare(&self, _data_subjects: &[&str]) -> Result<(), KeyError> {
        Ok(())
    }

    fn seal(&self, _data_subject: &str, _kind: &str, _plain: &str) -> Result<Sealed, KeyError> {
        Err(KeyError::NoSubject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(company: &str) -> String {
        format!(
            r#"{{"specversion": "1.0", "id": "1", "source": "crm", "type": "lead.lost", "subject": "lead-1",
                "data": {company}}}"#
        )
    }

    #[test]
    fn a_type_without_a_schema_keeps_its_text() {
        let value = br#"{"specversion": "1.0", "id": "1", "source": "x", "type": "org.other", "subject": "s", "data": {"a": 1}}"#;
        let Ok(Structured::Foreign { envelope, text }) = read(value) else { panic!("a foreign event") };
        assert_eq!((envelope.id(), envelope.subject()), ("1", Some("s")));
        assert!(text.contains(r#""a": 1"#), "{text}");
    }

    #[test]
    fn data_that_does_not_fit_names_the_field() {
        let Err(PoisonError::Structured { reason }) = read(lead(r#"{"no_such": 1}"#).as_bytes()) else {
            panic!("poison")
        };
        assert!(reason.contains("no_such"), "{reason}");
    }

    #[test]
    fn what_is_no_event_is_poison() {
        for value in ["", "{", "[]", "{}", "null", "\"text\""] {
            assert!(matches!(read(value.as_bytes()), Err(PoisonError::Structured { .. })), "{value}");
        }
    }
}
