//! What this program makes of data that was written long ago, or by a program of another version.
//!
//! Every reader goes through [`Readers`]: live folding, rebuilding, looking again at what was parked. So all of them see
//! the same data for the same record, and a fold needs to know one schema of each event type only.

mod reading;
mod upcaster;

use std::sync::{Arc, LazyLock};

use crate::catalog::{Catalog, SchemaEntry};
use crate::ids::EventType;
use crate::resolution::{Resolution, Unresolvable};
use crate::schema::{WriterSchema, is_same_schema};

/// Data as a tree, which upcasters take and give.
pub use apache_avro::types::Value as AvroValue;
pub use reading::{Reading, ReadingError};
pub use upcaster::{Upcaster, UpcasterError, Upcasters, builtin_upcasters};

/// The schemas that data is read as, and the upcasters that bring older versions there.
#[derive(Debug)]
pub struct Readers {
    catalog: &'static Catalog,
    upcasters: Upcasters,
}

impl Readers {
    /// Checks the upcasters against the catalog.
    ///
    /// # Errors
    /// An event type is not in the catalog, a version has two upcasters, or none and needs one.
    pub fn new(
        catalog: &'static Catalog,
        upcasters: impl IntoIterator<Item = Upcaster>,
    ) -> Result<Self, UpcasterError> {
        Ok(Self { catalog, upcasters: Upcasters::new(catalog, upcasters)? })
    }

    /// The schemas and upcasters that were compiled in.
    #[must_use]
    pub fn builtin() -> &'static Arc<Self> {
        static BUILTIN: LazyLock<Arc<Readers>> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "our own upcasters; a test checks them")]
            let readers =
                Readers::new(Catalog::builtin(), builtin_upcasters()).expect("upcasters fit the catalog");
            Arc::new(readers)
        });
        &BUILTIN
    }

    /// The schemas that data is read as.
    #[must_use]
    pub fn catalog(&self) -> &'static Catalog {
        self.catalog
    }

    /// How to read data of an event type that a writer's schema wrote. To be asked once for a pair, and kept.
    ///
    /// # Errors
    /// The catalog's schema of this type cannot read what the writer's wrote.
    pub fn reading(&self, event_type: &str, writer: &Arc<WriterSchema>) -> Result<Reading, Unresolvable> {
        let parsed = EventType::new(event_type).ok();
        let entry = parsed.and_then(|event_type| {
            Some((self.catalog.schema_for(&event_type)?, self.catalog.pattern_for(&event_type)?))
        });
        match entry {
            Some((entry, pattern)) => self.reading_as(entry, pattern, writer),
            None => Ok(Reading::as_written(writer)),
        }
    }

    fn reading_as(
        &self,
        entry: &'static SchemaEntry,
        pattern: &str,
        writer: &Arc<WriterSchema>,
    ) -> Result<Reading, Unresolvable> {
        if is_same_schema(&writer.text, entry.text) {
            return Ok(Reading::as_written(writer));
        }
        if writer.version > entry.version {
            return Err(Unresolvable {
                reason: format!(
                    "it is version {} of {}, the newest that is known here is {}",
                    writer.version, entry.name, entry.version
                ),
            });
        }
        let schema = entry.writer_schema(writer.id);
        let schema = Arc::new(schema.map_err(|error| Unresolvable { reason: error.to_string() })?);
        if writer.version < entry.version {
            let chain = self.upcasters.chain(pattern, writer.version, entry.version)?;
            return Reading::upcast(writer, schema, chain);
        }
        if writer.avro.canonical_form() == entry.avro.canonical_form() {
            return Ok(Reading::as_written(&schema)); // the same bytes mean the same
        }
        let resolution = Resolution::new(&writer.avro, &entry.avro)?;
        Ok(Reading::transcoded(schema, resolution))
    }
}
