//! Compares the rows of two generations that stand at one frontier, and digests them.
//!
//! Each side is one snapshot ([`Side`]) whose own checkpoints say up to where its rows are folded; sides of different
//! frontiers are refused, for then a difference would say nothing. Of each table, one stream per side comes in the
//! order of the primary key, and the two are merged here: memory holds a row or two of each, and the first rows that
//! differ, whatever the size of the tables. Tables, columns and keys are what the catalog says, so that any program can
//! compare generations of any version of a fold.
//!
//! Rows are compared byte for byte as Postgres sends them: `1.0` and `1.00` in a `jsonb` are two values.
//!
//! **The digest of a table** is SHA-256 over the answer to
//!
//! ```text
//! COPY (SELECT <all columns in their order> FROM <schema>.<table> ORDER BY <primary key>) TO STDOUT (FORMAT binary)
//! ```
//!
//! where text columns of the key are ordered by `COLLATE "C"` (their bytes in UTF-8). It covers the whole answer, header
//! and trailer included, so nobody needs this program to make it: with the statement that [`TableDigest`] names,
//!
//! ```text
//! psql -qAt -c "$statement" | sha256sum
//! ```
//!
//! says the same, from a database whose encoding is UTF8, within a transaction that sees the same frontier.

mod detail;
mod error;
mod key;
mod merge;
mod pair;
mod report;
mod side;
mod tuples;

use std::collections::{BTreeMap, BTreeSet};

use brainops_event::{Frontier, Offset};

use self::detail::row_difference;
use self::merge::{Cursor, merge};
use self::pair::{Ordered, Pair};
use crate::layout::TableLayout;

pub use self::error::{CompareError, FrontierDifference};
pub use self::report::{
    ColumnDifference, ColumnTypes, CompareLimits, ComparedGeneration, Comparison, EventOfRow, KeyPart,
    OtherKey, ParkedOnOneSide, RowChange, RowDifference, TableComparison, TableDigest, WhichSide,
};
pub use self::side::Side;
pub(crate) use self::side::frontier;

/// Compares two generations at one frontier.
///
/// # Errors
/// [`CompareError`] when the sides stand at different frontiers, a table cannot be ordered, or the database does not
/// answer.
pub async fn compare(
    left: &mut Side,
    right: &mut Side,
    limits: CompareLimits,
) -> Result<Comparison, CompareError> {
    let differences = frontier_differences(&left.frontier, &right.frontier);
    if !differences.is_empty() {
        let (left, right) = (left.schema.clone(), right.schema.clone());
        return Err(CompareError::Frontiers { left, right, differences });
    }
    compare_moments(left, right, limits).await
}

/// Compares two moments of a read model, whatever frontiers they stand at: what differs is what changed between them.
///
/// # Errors
/// As [`compare`], but for the frontiers.
pub async fn compare_moments(
    left: &mut Side,
    right: &mut Side,
    limits: CompareLimits,
) -> Result<Comparison, CompareError> {
    let (left_tables, right_tables) = (by_name(left), by_name(right));
    let mut tables = Vec::new();
    for (name, table) in &left_tables {
        if let Some(other) = right_tables.get(name) {
            let pair = Pair::new((&*left, table), (&*right, other))?;
            tables.push(compare_table(left, right, &pair, limits).await?);
        }
    }
    Ok(Comparison {
        only_left: digests_of(left, left_tables.values().filter(|one| !right_tables.contains_key(&one.name)))
            .await?,
        only_right: digests_of(
            right,
            right_tables.values().filter(|one| !left_tables.contains_key(&one.name)),
        )
        .await?,
        left: left.described(),
        right: right.described(),
        frontier: left.frontier.clone(),
        tables,
        parked: parked_on_one_side(left, right),
    })
}

/// The digests of all tables of a generation.
///
/// # Errors
/// [`CompareError`] when a table cannot be ordered, or the database does not answer.
pub async fn digest(side: &mut Side) -> Result<Vec<TableDigest>, CompareError> {
    let tables = side.tables.clone();
    digests_of(side, tables.iter()).await
}

/// In what two frontiers differ. A partition that one does not know counts as not begun.
pub(crate) fn frontier_differences(left: &Frontier, right: &Frontier) -> Vec<FrontierDifference> {
    let mut differences = Vec::new();
    let topics: BTreeSet<_> = left.topics().chain(right.topics()).collect();
    for topic in topics {
        if let (Some(left), Some(right)) = (left.topic_id(topic), right.topic_id(topic))
            && left != right
        {
            let (topic, left, right) = (topic.clone(), left.clone(), right.clone());
            differences.push(FrontierDifference::Topic { topic, left, right });
        }
    }
    let places: BTreeSet<_> =
        left.iter().chain(right.iter()).map(|(topic, place, _)| (topic, place)).collect();
    for (topic, partition) in places {
        let next = |frontier: &Frontier| frontier.get(topic, partition).unwrap_or(Offset::ZERO);
        let (left, right) = (next(left), next(right));
        if left != right {
            differences.push(FrontierDifference::Offset { topic: topic.clone(), partition, left, right });
        }
    }
    differences
}

fn by_name(side: &Side) -> BTreeMap<String, TableLayout> {
    side.tables.iter().map(|table| (table.name.clone(), table.clone())).collect()
}

async fn digests_of(
    side: &mut Side,
    tables: impl Iterator<Item = &TableLayout>,
) -> Result<Vec<TableDigest>, CompareError> {
    let mut digests = Vec::new();
    for layout in tables {
        let table = Ordered::new(&side.generation, layout)?;
        digests.push(digest_of(side, &table).await?);
    }
    Ok(digests)
}

async fn digest_of(side: &mut Side, table: &Ordered) -> Result<TableDigest, CompareError> {
    let failed = side.failed(format!("copy the table {}", table.layout.name));
    let stream = side.connection.copy_out_raw(&table.statement).await.map_err(failed)?;
    let (rows, sha256) = Cursor::new(&side.schema, table, stream).finish().await?;
    Ok(table_digest(table, rows, sha256))
}

fn table_digest(table: &Ordered, rows: u64, sha256: String) -> TableDigest {
    TableDigest { table: table.layout.name.clone(), rows, sha256, statement: table.statement.clone() }
}

async fn compare_table(
    left: &mut Side,
    right: &mut Side,
    pair: &Pair,
    limits: CompareLimits,
) -> Result<TableComparison, CompareError> {
    let mut compared = TableComparison {
        table: pair.left.layout.name.clone(),
        left: table_digest(&pair.left, 0, String::new()),
        right: table_digest(&pair.right, 0, String::new()),
        added: 0,
        removed: 0,
        changed: 0,
        changed_columns: BTreeMap::new(),
        columns_only_left: pair.only_left.clone(),
        columns_only_right: pair.only_right.clone(),
        columns_of_other_type: pair.other_type.clone(),
        other_key: pair.other_key.clone(),
        rows: Vec::new(),
    };
    if pair.other_key.is_some() {
        compared.left = digest_of(left, &pair.left).await?;
        compared.right = digest_of(right, &pair.right).await?;
        return Ok(compared);
    }
    let found = merge_table(left, right, pair, limits, &mut compared).await?;
    for one in found {
        compared.rows.push(row_difference(pair, left, right, one).await?);
    }
    Ok(compared)
}

/// Fills in what the two streams say, and answers with the rows to be looked at more closely.
async fn merge_table(
    left: &mut Side,
    right: &mut Side,
    pair: &Pair,
    limits: CompareLimits,
    compared: &mut TableComparison,
) -> Result<Vec<merge::Found>, CompareError> {
    let failed = left.failed(format!("copy the table {}", pair.left.layout.name));
    let left_rows = left.connection.copy_out_raw(&pair.left.statement).await.map_err(failed)?;
    let failed = right.failed(format!("copy the table {}", pair.right.layout.name));
    let right_rows = right.connection.copy_out_raw(&pair.right.statement).await.map_err(failed)?;
    let mut left_rows = Cursor::new(&left.schema, &pair.left, left_rows);
    let mut right_rows = Cursor::new(&right.schema, &pair.right, right_rows);
    let merged = merge(pair, &mut left_rows, &mut right_rows, limits.rows).await?;
    let (rows, sha256) = left_rows.finish().await?;
    compared.left = table_digest(&pair.left, rows, sha256);
    let (rows, sha256) = right_rows.finish().await?;
    compared.right = table_digest(&pair.right, rows, sha256);
    (compared.added, compared.removed, compared.changed) = (merged.added, merged.removed, merged.changed);
    let columns = pair.common.iter().zip(merged.changed_columns).filter(|(_, changed)| *changed > 0);
    compared.changed_columns = columns.map(|(common, changed)| (common.name.clone(), changed)).collect();
    Ok(merged.found)
}

fn parked_on_one_side(left: &Side, right: &Side) -> Vec<ParkedOnOneSide> {
    let only = |side, one: &Side, other: &Side| -> Vec<ParkedOnOneSide> {
        let parked = one.parked.difference(&other.parked).cloned();
        parked
            .map(|(topic, partition, subject, first_offset)| ParkedOnOneSide {
                side,
                topic,
                partition,
                subject,
                first_offset,
            })
            .collect()
    };
    let mut parked = only(WhichSide::Left, left, right);
    parked.extend(only(WhichSide::Right, right, left));
    parked.sort_by(|one, other| {
        (&one.topic, one.partition, one.first_offset, one.side).cmp(&(
            &other.topic,
            other.partition,
            other.first_offset,
            other.side,
        ))
    });
    parked
}
