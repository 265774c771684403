//! Between the log's events and the database's rows: what a fold will read is loaded, what it changed is written.

use brainops_event::Recorded;
use brainops_fault::point;
use sqlx::postgres::{PgConnection, PgRow};
use tokio_util::sync::CancellationToken;

use crate::apply::{Applier, Missing};
use crate::backoff::Backoff;
use crate::batch::{Unfolded, fold_all, want_all};
use crate::error::FoldError;
use crate::halt::Halt;
use crate::model::ReadModel;
use crate::rows::{AnyRows, Tables};
use crate::run_error::RunError;
use crate::statement;
use crate::writer::WrittenRows;

impl<M: ReadModel> Applier<M> {
    /// Loads what the fold will read, then folds.
    pub(crate) async fn fold(
        &self,
        connection: &mut PgConnection,
        events: &[&Recorded<'_>],
    ) -> Result<Result<M::Tables, Unfolded>, sqlx::Error> {
        let mut tables = match want_all(&*self.model, events) {
            Ok(tables) => tables,
            Err(unfolded) => return Ok(Err(unfolded)),
        };
        let wanted = match each_table(&mut tables, |rows| rows.write_wanted()) {
            Ok(wanted) => wanted,
            Err(error) => return Ok(Err(Unfolded::OwnFault { position: None, error })),
        };
        let schema = self.generation.schema();
        for (number, keys) in wanted.into_iter().enumerate() {
            let Some(keys) = keys else { continue };
            let found = statement::load(connection, &schema, keys).await?;
            accept(&mut tables, number, &found)?;
        }
        point("projection.rows_loaded");
        let folded = fold_all(&*self.model, events, tables);
        point("projection.folded");
        Ok(folded)
    }

    /// What is to be written of each table.
    pub(crate) fn written(&self, mut tables: M::Tables) -> Result<Vec<WrittenRows>, RunError> {
        let written = each_table(&mut tables, |rows| rows.write_changed());
        let written = written.map_err(|source| {
            let (read_model, position) = (self.generation.read_model.clone(), None);
            RunError::Model { read_model, position, source: Box::new(source) }
        })?;
        Ok(written.into_iter().flatten().collect())
    }

    /// Writes rows, one statement per table; answers how many of each.
    pub(crate) async fn write_rows(
        &self,
        connection: &mut PgConnection,
        written: Vec<WrittenRows>,
    ) -> Result<Vec<(&'static str, u64)>, sqlx::Error> {
        let schema = self.generation.schema();
        let mut rows = Vec::new();
        for table_rows in written {
            rows.push((table_rows.table.name, u64::try_from(table_rows.rows).unwrap_or(u64::MAX)));
            statement::write(connection, &schema, table_rows, self.copy_from_rows).await?;
            if rows.len() == 1 {
                point("projection.rows_half_written");
            }
        }
        Ok(rows)
    }

    pub(crate) fn missing_months(&self, written: &[WrittenRows]) -> Missing {
        let missing = written.iter().map(|rows| (rows.table, self.months.missing(rows.table, &rows.months)));
        missing.filter(|(_, months)| !months.is_empty()).collect()
    }

    /// Makes months, outside of any batch's transaction.
    pub(crate) async fn make_months(
        &mut self,
        missing: Missing,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        for (table, months) in missing {
            if let Err(error) = self.months.create(&self.pool, &self.generation, table, months).await {
                // The next attempt finds them missing again.
                self.pause_after(error, backoff, shutdown).await?;
            }
        }
        Ok(())
    }
}

pub(crate) fn each_table<T: Tables, R>(
    tables: &mut T,
    mut ask: impl FnMut(&mut dyn AnyRows) -> Result<R, FoldError>,
) -> Result<Vec<R>, FoldError> {
    let mut answers = Vec::new();
    tables.each(&mut |rows| answers.push(ask(rows)));
    answers.into_iter().collect()
}

/// Gives rows to the table of this number, in the order of `each`. Not to the one whose definition stands at the same
/// address: the compiler may keep a constant in as many places as it likes.
fn accept<T: Tables>(tables: &mut T, number: usize, found: &[PgRow]) -> Result<(), sqlx::Error> {
    let mut accepted = Ok(());
    nth_table(tables, number, &mut |rows| accepted = found.iter().try_for_each(|row| rows.accept(row)));
    accepted
}

fn nth_table<T: Tables>(tables: &mut T, number: usize, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
    let mut at = 0;
    tables.each(&mut |rows| {
        if at == number {
            visit(rows);
        }
        at += 1;
    });
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;
    use crate::row::Row;
    use crate::rows::Rows;
    use crate::table::Table;
    use crate::table::{Column, ColumnType, WriteMode};
    use crate::writer::RowWriter;

    #[derive(Debug, Clone, PartialEq)]
    struct Name(String);

    impl Row for Name {
        const TABLE: &'static Table = &Table {
            name: "name",
            columns: &[Column::required("name", ColumnType::Text)],
            key_columns: 1,
            mode: WriteMode::Upsert,
            month_partitioned_by: None,
        };

        type Key = String;

        fn key(&self) -> String {
            self.0.clone()
        }

        fn write_key(key: &String, out: &mut RowWriter) {
            out.put(key);
        }

        fn write(&self, out: &mut RowWriter) {
            out.put(&self.0);
        }

        fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
            Ok(Self(row.try_get("name")?))
        }
    }

    /// Two tables whose definitions are equal, at one address or not.
    #[derive(Default)]
    struct Twins {
        left: Rows<Name>,
        right: Rows<Name>,
    }

    impl Tables for Twins {
        fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
            visit(&mut self.left);
            visit(&mut self.right);
        }

        fn definitions() -> Vec<&'static Table> {
            vec![Name::TABLE, Name::TABLE]
        }
    }

    #[test]
    fn a_table_is_known_by_its_place_and_not_by_its_definition() {
        let mut twins = Twins::default();
        twins.right.want("any".to_owned()).unwrap();
        let mut wants = Vec::new();
        for number in 0..3 {
            nth_table(&mut twins, number, &mut |rows| wants.push((number, rows.wants())));
        }
        assert_eq!(wants, [(0, false), (1, true)]);
    }
}
