//! Reads the rows that differ once more, as text for people.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::error::CompareError;
use super::key::KeyValue;
use super::merge::Found;
use super::pair::{Ordered, Pair};
use super::report::{ColumnDifference, EventOfRow, KeyPart, RowChange, RowDifference};
use super::side::Side;
use crate::layout::quoted;
use crate::row::Changed;

/// How many letters of a value are shown.
const VALUE_LIMIT: usize = 1_000;

/// One row as text: the value of each column, in order.
struct Shown {
    values: Vec<Option<String>>,
}

/// What is to be known of a row that differs; it is read in the same snapshots.
pub(super) async fn row_difference(
    pair: &Pair,
    left: &mut Side,
    right: &mut Side,
    found: Found,
) -> Result<RowDifference, CompareError> {
    let Found { kind, key, columns } = found;
    let shown_left = match kind {
        RowChange::Added => None,
        RowChange::Removed | RowChange::Changed => Some(show(left, &pair.left, &key).await?),
    };
    let shown_right = match kind {
        RowChange::Removed => None,
        RowChange::Added | RowChange::Changed => Some(show(right, &pair.right, &key).await?),
    };
    let columns = if kind == RowChange::Changed { columns } else { (0..pair.common.len()).collect() };
    let columns = columns.into_iter().map(|column| {
        let common = &pair.common[column];
        ColumnDifference {
            column: common.name.clone(),
            left: value(shown_left.as_ref(), common.left),
            right: value(shown_right.as_ref(), common.right),
        }
    });
    let (table, shown) = match (&shown_left, &shown_right) {
        (Some(shown), _) => (&pair.left, Some(shown)),
        (None, shown) => (&pair.right, shown.as_ref()),
    };
    let key_part = |place: &usize| KeyPart {
        column: table.layout.columns[*place].name.clone(),
        value: value(shown, *place).unwrap_or_default(),
    };
    Ok(RowDifference {
        key: table.layout.key.iter().map(key_part).collect(),
        kind,
        columns: columns.collect(),
        left_event: shown_left.as_ref().and_then(|shown| event(&pair.left, shown)),
        right_event: shown_right.as_ref().and_then(|shown| event(&pair.right, shown)),
    })
}

async fn show(side: &mut Side, table: &Ordered, key: &[KeyValue]) -> Result<Shown, CompareError> {
    let columns: Vec<String> =
        table.layout.columns.iter().map(|column| format!("{}::text", quoted(&column.name))).collect();
    let is_key = |(number, place): (usize, &usize)| {
        format!("{} = ${}", quoted(&table.layout.columns[*place].name), number + 1)
    };
    let key_is: Vec<String> = table.layout.key.iter().enumerate().map(is_key).collect();
    let sql = format!("SELECT {} FROM {} WHERE {}", columns.join(", "), table.source, key_is.join(" AND "));
    let query = key.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, value| query.bind(value.clone()));
    let failed = side.failed(format!("read a row of table {}", table.layout.name));
    let shown = async {
        let row = query.persistent(false).fetch_one(&mut side.connection).await?;
        (0..columns.len()).map(|column| text(&row, column)).collect::<Result<Vec<_>, sqlx::Error>>()
    };
    shown.await.map(|values| Shown { values }).map_err(failed)
}

fn text(row: &PgRow, column: usize) -> Result<Option<String>, sqlx::Error> {
    let text: Option<String> = row.try_get(column)?;
    Ok(text.map(|text| match text.char_indices().nth(VALUE_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }))
}

fn value(shown: Option<&Shown>, place: usize) -> Option<String> {
    shown?.values.get(place)?.clone()
}

/// The event that the row names, if it has the columns for it.
fn event(table: &Ordered, shown: &Shown) -> Option<EventOfRow> {
    let named = |column: &str| value(Some(shown), table.layout.place(column)?);
    Some(EventOfRow {
        source: named(Changed::SOURCE.name)?,
        id: named(Changed::ID.name)?,
        position: named(Changed::POSITION.name)?,
    })
}
