//! Personal text on its way in: sealed under its data subject, or sealed already.
//!
//! Encoding runs twice: once to find every fault and every data subject, then to seal. So no key is made for an
//! event that is refused, and the keys of a whole batch can be made at once.

use std::borrow::Cow;

use apache_avro::Schema;
use apache_avro::schema::ResolvedSchema;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::encode::Encoder;
use super::expected;
use super::field_error::{FieldError, FieldErrors, Refusal};
use super::path::Path;
use super::text::{Level, Members, level};
use crate::catalog::{Catalog, PiiField, SchemaEntry};
use crate::datum::encode_datum;
use crate::keystore::{KeyError, Sealer};
use crate::types::privacy::Sealed;

const SEALED_SCHEMA: &str = "brainops.privacy.Sealed";

/// The data of an event whose type has a schema of its own.
pub(crate) struct Typed<'a> {
    pub schema: &'static SchemaEntry,
    pub data: &'a RawValue,
    /// What the data is called where it came from: `data` or `payload`.
    pub root: &'static str,
    /// The event's subject.
    pub subject: &'a str,
}

/// What becomes of personal text.
enum Pass<'a> {
    /// Nothing is sealed, only noted whose it is.
    Look { data_subjects: Vec<String> },
    /// It is sealed, until that fails once.
    Seal { sealer: &'a dyn Sealer, failed: Option<KeyError> },
}

impl Typed<'_> {
    /// Finds every fault; without one, the data subjects whose keys will be needed.
    pub(crate) fn look(&self) -> Result<Vec<String>, FieldErrors> {
        let mut pass = Pass::Look { data_subjects: Vec::new() };
        self.run(&mut pass)?;
        match pass {
            Pass::Look { data_subjects } => Ok(data_subjects),
            Pass::Seal { .. } => Ok(Vec::new()),
        }
    }

    /// The datum, with everything personal sealed.
    pub(crate) fn seal(&self, sealer: &dyn Sealer) -> Result<Vec<u8>, Refusal> {
        let mut pass = Pass::Seal { sealer, failed: None };
        let datum = self.run(&mut pass)?;
        match pass {
            Pass::Seal { failed: Some(error), .. } => Err(error.into()),
            _ => Ok(datum),
        }
    }

    fn run(&self, pass: &mut Pass<'_>) -> Result<Vec<u8>, FieldErrors> {
        let path = Path::Root(self.root);
        let unusable =
            |found: &str| FieldError::new(self.root, "data of a type with a schema of its own", found);
        let Schema::Record(record) = &self.schema.avro else { return Err(unusable("another schema").into()) };
        let resolved = ResolvedSchema::new(&self.schema.avro).map_err(|_| unusable("a broken schema"))?;
        let value = level(self.data, &path)?;
        let Level::Object(members) = &value else {
            return Err(FieldError::new(self.root, "object", value.kind()).into());
        };
        let mut encoder = Encoder::new(resolved.get_names());
        let mut personal = Personal { event: self, members, pass };
        encoder.record(record, members, &path, &mut |encoder, field, schema, raw| {
            let pii = self.schema.pii.iter().find(|pii| pii.field == field);
            pii.is_some_and(|pii| personal.write(pii, encoder, schema, raw))
        });
        encoder.finish()
    }
}

/// Writes the fields of an event that hold personal text.
struct Personal<'a, 'p> {
    event: &'a Typed<'a>,
    members: &'a Members<'a>,
    pass: &'a mut Pass<'p>,
}

impl<'a> Personal<'a, '_> {
    /// Writes a field that is to be sealed, or is sealed; false when it says nothing.
    fn write<'s>(
        &mut self,
        pii: &PiiField,
        encoder: &mut Encoder<'s>,
        schema: &'s Schema,
        raw: &RawValue,
    ) -> bool {
        let root = Path::Root(self.event.root);
        let path = root.member(pii.field);
        let plain = match level(raw, &path) {
            Ok(Level::Text(plain)) => plain,
            Ok(Level::Null) | Err(_) => return false,
            Ok(other) => {
                match ready(&other) {
                    Some(sealed) => encoder.sealed(schema, &sealed, &path),
                    None => encoder.faults.push(FieldError::new(
                        path.to_string(),
                        expected::PERSONAL,
                        other.kind(),
                    )),
                }
                return true;
            }
        };
        let Some(data_subject) = self.data_subject(pii, encoder) else { return true };
        match self.pass {
            Pass::Look { data_subjects } => data_subjects.push(data_subject.into_owned()),
            Pass::Seal { failed: Some(_), .. } => {}
            Pass::Seal { sealer, failed } => match sealer.seal(&data_subject, pii.kind, &plain) {
                Ok(sealed) => encoder.sealed(schema, &sealed, &path),
                Err(error) => *failed = Some(error),
            },
        }
        true
    }

    /// Whose text it is. When the field that should say so does not, that is a fault.
    fn data_subject(&self, pii: &PiiField, encoder: &mut Encoder<'_>) -> Option<Cow<'a, str>> {
        let Some(field) = pii.subject_field else { return Some(Cow::Borrowed(self.event.subject)) };
        let root = Path::Root(self.event.root);
        let path = root.member(field);
        match level(self.members.get(field)?, &path) {
            Ok(Level::Text(text)) if !text.is_empty() => Some(text),
            Ok(Level::Text(_)) => {
                let accepted = "a non-empty string: whose text is sealed";
                encoder.faults.push(FieldError::new(path.to_string(), accepted, "an empty string"));
                None
            }
            _ => None, // the field's own encoding says so
        }
    }
}

/// A value that was sealed before it came, in one of its two forms.
pub(crate) fn ready(value: &Level<'_>) -> Option<Sealed> {
    let Level::Object(Members(members)) = value else { return None };
    if let [(name, token)] = members.as_slice() {
        return (name == "sealed")
            .then(|| text_of(token))
            .flatten()
            .and_then(|token| Sealed::from_token(&token).ok());
    }
    let names = ["key_id", "nonce", "ciphertext"];
    if members.len() != names.len() {
        return None;
    }
    let [key_id, nonce, ciphertext] = names.map(|name| {
        let found = members.iter().find(|(found, _)| found == name);
        found.and_then(|(_, value)| text_of(value))
    });
    let bytes = |text: String| STANDARD.decode(text).ok();
    Sealed::from_parts(&key_id?, bytes(nonce?)?, bytes(ciphertext?)?).ok()
}

fn text_of(raw: &RawValue) -> Option<String> {
    match level(raw, &Path::Root("")) {
        Ok(Level::Text(text)) => Some(text.into_owned()),
        _ => None,
    }
}

/// A sealed value in Avro.
pub(crate) fn datum(sealed: &Sealed) -> Option<Vec<u8>> {
    let schema = Catalog::builtin().by_name(SEALED_SCHEMA)?;
    encode_datum(&schema.fast, sealed).ok()
}
