//! How data of one writer's schema is read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

use super::upcaster::Upcaster;
use crate::resolution::{Resolution, TranscodeError, Unresolvable};
use crate::schema::WriterSchema;

/// Bytes of a writer cannot be made data of the reader's schema: the same bytes never can, by this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// The bytes do not fit.
    #[error("the data cannot be read")]
    Transcode(#[source] TranscodeError),
    /// An upcaster cannot take this data to the next version.
    #[error("the upcaster from version {version} refuses the data: {reason}")]
    Upcaster {
        /// The version that it begins with.
        version: u32,
        /// What it says.
        reason: String,
    },
    /// An upcaster panicked.
    #[error("the upcaster from version {version} panics")]
    Panic {
        /// The version that it begins with.
        version: u32,
    },
    /// What the upcasters made is not data of the reader's schema.
    #[error("what the upcasters make of the data is not of version {version}: {what} cannot be resolved")]
    Result {
        /// The version of the reader's schema.
        version: u32,
        /// Which part of it, as far as that is known without values.
        what: String,
    },
}

/// How data of one writer's schema is read: as it stands, or as data of the reader's schema.
#[derive(Debug)]
pub struct Reading {
    schema: Arc<WriterSchema>,
    how: How,
}

#[derive(Debug)]
enum How {
    AsWritten,
    Transcoded(Resolution),
    Upcast { writer: Arc<WriterSchema>, check: Resolution, chain: Vec<Upcaster> },
}

impl Reading {
    pub(super) fn as_written(schema: &Arc<WriterSchema>) -> Self {
        Self { schema: Arc::clone(schema), how: How::AsWritten }
    }

    pub(super) fn transcoded(schema: Arc<WriterSchema>, resolution: Resolution) -> Self {
        Self { schema, how: How::Transcoded(resolution) }
    }

    pub(super) fn upcast(
        writer: &Arc<WriterSchema>,
        schema: Arc<WriterSchema>,
        chain: Vec<Upcaster>,
    ) -> Result<Self, Unresolvable> {
        let check = Resolution::new(&writer.avro, &writer.avro)?;
        Ok(Self { schema, how: How::Upcast { writer: Arc::clone(writer), check, chain } })
    }

    /// The schema of what is read. Its id is the one that the writer's schema has at the registry, where the writer's
    /// own text can be looked up.
    #[must_use]
    pub fn schema(&self) -> &Arc<WriterSchema> {
        &self.schema
    }

    /// Whether the bytes stay as they are.
    #[must_use]
    pub fn keeps_bytes(&self) -> bool {
        matches!(self.how, How::AsWritten)
    }

    /// The data as [`Reading::schema`] has it; nothing when the bytes stay as they are.
    ///
    /// # Errors
    /// The bytes do not fit, or an upcaster refuses them.
    pub fn read(&self, datum: &[u8]) -> Result<Option<Vec<u8>>, ReadingError> {
        match &self.how {
            How::AsWritten => Ok(None),
            How::Transcoded(resolution) => {
                resolution.transcode(datum).map(Some).map_err(ReadingError::Transcode)
            }
            How::Upcast { writer, check, chain } => {
                // other decoders believe what a length says
                let datum = check.transcode(datum).map_err(ReadingError::Transcode)?;
                let mut value = self.tree(writer, &datum)?;
                for upcaster in chain {
                    value = apply(upcaster, value)?;
                }
                self.encode(value).map(Some)
            }
        }
    }

    fn tree(&self, writer: &WriterSchema, datum: &[u8]) -> Result<Value, ReadingError> {
        let reading = GenericDatumReader::builder(&writer.avro).build();
        let value = reading.and_then(|reading| reading.read_value(&mut &*datum));
        value.map_err(|_| self.misfit("the data of the writer"))
    }

    /// What the chain gave, as bytes of the reader's schema: what is missing is its default.
    fn encode(&self, value: Value) -> Result<Vec<u8>, ReadingError> {
        let value = value.resolve(&self.schema.avro).map_err(|_| self.misfit(self.schema.name.as_str()))?;
        let writing = GenericDatumWriter::builder(&self.schema.avro).build();
        let bytes = writing.and_then(|writing| writing.write_value_to_vec(value));
        bytes.map_err(|_| self.misfit(self.schema.name.as_str()))
    }

    /// Says nothing of the values, which the decoder's own errors do.
    fn misfit(&self, what: &str) -> ReadingError {
        ReadingError::Result { version: self.schema.version, what: what.to_owned() }
    }
}

/// A panic is the upcaster's fault and costs one record; what it was about to change is gone with it.
fn apply(upcaster: &Upcaster, value: Value) -> Result<Value, ReadingError> {
    let version = upcaster.version();
    match catch_unwind(AssertUnwindSafe(|| upcaster.apply(value))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(reason)) => Err(ReadingError::Upcaster { version, reason }),
        Err(_) => Err(ReadingError::Panic { version }),
    }
}
