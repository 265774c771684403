//! What a read model is: a name, its SQL, and a pure fold.

use brainops_event::Recorded;

use crate::error::FoldError;
use crate::rows::Tables;

/// A read model: events in, rows out.
///
/// `want` and `fold` are pure: no I/O, no clock, no random numbers, no database sequences. A row belongs to one
/// subject of one topic, and only that subject's events there may write it. Event types that the model does not know
/// are not its business: it answers `Ok(())`.
pub trait ReadModel: Send + Sync + 'static {
    /// The rows of one batch.
    type Tables: Tables;

    /// The name: also of the schema that analysts see. Lower-case letters, digits and `_`, at most 40 characters,
    /// a letter first.
    fn name(&self) -> &'static str;

    /// Raised with any change of tables or fold: rows of different versions never share a generation.
    fn fold_version(&self) -> u32;

    /// The topics that are folded, without the installation's prefix.
    fn topics(&self) -> &'static [&'static str];

    /// The SQL that makes the tables and their comments; `{generation}` stands for the schema.
    fn tables_sql(&self) -> &'static str;

    /// The SQL that makes the derived views and functions, which may name nothing but the views of their own schema;
    /// `{schema}` stands for it. Everything is `CREATE OR REPLACE`, for it is applied again when it changes.
    fn views_sql(&self) -> &'static str;

    /// Names the rows that folding this event will read, from the event alone. An event of which that cannot be told names none: the
    /// fold refuses it in its turn. All events of a batch are asked before the first is folded, so a refusal here would come before
    /// that of an earlier event of the same subject, and a batch would park more than its events one by one.
    ///
    /// # Errors
    /// The fold's own faults; or as `fold`, for what it refuses of every event alike, such as one without a subject.
    fn want(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError>;

    /// Folds one event into the rows.
    ///
    /// # Errors
    /// [`FoldError`] when the event cannot be folded. Its subject is then parked from it on; whatever this call had
    /// changed is thrown away. A panic counts as a refusal.
    fn fold(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError>;
}
