//! Goes along two ordered tables at once.

use std::cmp::Ordering;

use futures::Stream;

use super::error::CompareError;
use super::key::{KeyKind, KeyValue};
use super::pair::{Ordered, Pair};
use super::report::RowChange;
use super::tuples::{Tuple, TupleError, Tuples};

/// A row that differs, by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: RowChange,
    pub(super) key: Vec<KeyValue>,
    /// Which of the common columns differ.
    pub(super) columns: Vec<usize>,
}

/// What the rows of two tables have in common.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) added: u64,
    pub(super) removed: u64,
    pub(super) changed: u64,
    /// In how many rows each common column differs.
    pub(super) changed_columns: Vec<u64>,
    /// The first rows that differ.
    pub(super) found: Vec<Found>,
}

/// One of the two tables, with the row at which the reading stands.
pub(super) struct Cursor<'a, S> {
    schema: &'a str,
    table: &'a Ordered,
    tuples: Tuples<S>,
    row: Tuple,
    before: Tuple,
    /// Whether `row` holds one.
    has_row: bool,
}

impl<'a, S, B> Cursor<'a, S>
where
    S: Stream<Item = Result<B, sqlx::Error>> + Unpin,
    B: AsRef<[u8]>,
{
    pub(super) fn new(schema: &'a str, table: &'a Ordered, chunks: S) -> Self {
        let tuples = Tuples::new(chunks, table.layout.columns.len());
        Self { schema, table, tuples, row: Tuple::default(), before: Tuple::default(), has_row: false }
    }

    /// Goes to the next row. The order of the keys is checked, for everything else stands on it.
    pub(super) async fn step(&mut self) -> Result<(), CompareError> {
        std::mem::swap(&mut self.row, &mut self.before);
        let had_row = std::mem::take(&mut self.has_row);
        let (schema, table) = (self.schema.to_owned(), self.table.layout.name.clone());
        self.has_row = match self.tuples.next(&mut self.row).await {
            Ok(has_row) => has_row,
            Err(TupleError::NotACopy(reason)) => {
                return Err(CompareError::NotACopy { schema, table, reason });
            }
            Err(TupleError::Database(source)) => {
                return Err(CompareError::Database {
                    schema,
                    what: format!("read the rows of table {table}"),
                    source,
                });
            }
        };
        let key = &self.table.key;
        if had_row && self.has_row && order(key, &self.before, key, &self.row) != Ordering::Less {
            return Err(CompareError::OutOfOrder { schema, table, after: self.tuples.rows() - 1 });
        }
        Ok(())
    }

    /// Reads to the end and answers with the number of rows and their digest.
    pub(super) async fn finish(mut self) -> Result<(u64, String), CompareError> {
        loop {
            self.step().await?;
            if !self.has_row {
                return Ok((self.tuples.rows(), self.tuples.digest()));
            }
        }
    }

    fn key(&self) -> Vec<KeyValue> {
        let value = |(place, kind): &(usize, KeyKind)| KeyValue {
            kind: *kind,
            bytes: self.row.field(*place).unwrap_or_default().to_vec(),
        };
        self.table.key.iter().map(value).collect()
    }
}

/// The order of two rows by their keys.
fn order(
    left_key: &[(usize, KeyKind)],
    left: &Tuple,
    right_key: &[(usize, KeyKind)],
    right: &Tuple,
) -> Ordering {
    let mut compared = left_key.iter().zip(right_key).map(|((left_place, kind), (right_place, _))| {
        // A column of a primary key is never NULL.
        let (left, right) = (left.field(*left_place), right.field(*right_place));
        kind.compare(left.unwrap_or_default(), right.unwrap_or_default())
    });
    compared.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Goes along both to their ends; the first `limit` rows that differ are named.
pub(super) async fn merge<L, R, A, B>(
    pair: &Pair,
    left: &mut Cursor<'_, L>,
    right: &mut Cursor<'_, R>,
    limit: usize,
) -> Result<Merged, CompareError>
where
    L: Stream<Item = Result<A, sqlx::Error>> + Unpin,
    R: Stream<Item = Result<B, sqlx::Error>> + Unpin,
    A: AsRef<[u8]>,
    B: AsRef<[u8]>,
{
    let mut merged = Merged { changed_columns: vec![0; pair.common.len()], ..Merged::default() };
    tokio::try_join!(left.step(), right.step())?;
    loop {
        let order = match (left.has_row, right.has_row) {
            (false, false) => return Ok(merged),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) => order(&pair.left.key, &left.row, &pair.right.key, &right.row),
        };
        let has_room = merged.found.len() < limit;
        let found = match order {
            Ordering::Less => {
                merged.removed += 1;
                has_room.then(|| Found { kind: RowChange::Removed, key: left.key(), columns: Vec::new() })
            }
            Ordering::Greater => {
                merged.added += 1;
                has_room.then(|| Found { kind: RowChange::Added, key: right.key(), columns: Vec::new() })
            }
            Ordering::Equal => {
                let columns = differing(pair, &left.row, &right.row);
                merged.changed += u64::from(!columns.is_empty());
                for column in &columns {
                    merged.changed_columns[*column] += 1;
                }
                let differs = has_room && !columns.is_empty();
                differs.then(|| Found { kind: RowChange::Changed, key: left.key(), columns })
            }
        };
        merged.found.extend(found);
        match order {
            Ordering::Less => left.step().await?,
            Ordering::Greater => right.step().await?,
            Ordering::Equal => {
                tokio::try_join!(left.step(), right.step())?;
            }
        }
    }
}

/// Which of the common columns differ, byte for byte.
fn differing(pair: &Pair, left: &Tuple, right: &Tuple) -> Vec<usize> {
    let differs = |column: &usize| {
        let common = &pair.common[*column];
        left.field(common.left) != right.field(common.right)
    };
    (0..pair.common.len()).filter(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tuples::tests::copy;
    use super::*;
    use crate::generation::{Generation, ModelName};
    use crate::layout::{ColumnLayout, TableLayout};

    async fn read(names: &[&str]) -> Result<u64, CompareError> {
        let columns = vec![ColumnLayout { name: "name".to_owned(), type_name: "text".to_owned() }];
        let layout = TableLayout { name: "lead".to_owned(), columns, key: vec![0] };
        let generation = Generation::of_lineage(ModelName::new("leads").unwrap(), 1, 1);
        let table = Ordered::new(&generation, &layout)?;
        let rows: Vec<_> = names.iter().map(|name| vec![Some(name.as_bytes().to_vec())]).collect();
        let chunks = futures::stream::iter([Ok::<_, sqlx::Error>(copy(&rows))]);
        Ok(Cursor::new("leads_g1", &table, chunks).finish().await?.0)
    }

    #[tokio::test]
    async fn an_order_that_is_not_that_of_bytes_is_refused() {
        assert_eq!(read(&["B", "a", "z", "\u{e9}", "\u{e000}", "\u{1f600}"]).await.unwrap(), 6);
        for (names, before) in [(["a", "B"], 1), (["\u{e9}", "f"], 1), (["a", "a"], 1)] {
            let refused = read(&names).await.unwrap_err();
            assert!(
                matches!(refused, CompareError::OutOfOrder { after, .. } if after == before),
                "{refused}"
            );
        }
    }
}
