//! A comparison, for people.

use brainops_projection::{
    Comparison, EventOfRow, ParkedOnOneSide, RowChange, RowDifference, TableComparison, TableDigest,
    WhichSide,
};

use crate::overview::{brief, count, table};

/// How much of a digest tells people that two are the same.
const DIGEST_LETTERS: usize = 16;

/// What was found: tables, what they lack, rows that differ, and what is parked on one side only.
pub fn text(compared: &Comparison) -> String {
    let verdict = if compared.is_equal() { "equal" } else { "different" };
    let (left, right) = (&compared.left, &compared.right);
    format!(
        "{} (fold version {}) and {} (fold version {}) are {verdict} at {}\n{}",
        left.schema,
        left.fold_version,
        right.schema,
        right.fold_version,
        brief(&compared.frontier),
        body(compared)
    )
}

/// The same without saying what was compared.
pub fn body(compared: &Comparison) -> String {
    let mut text = format!("{}\n", tables(compared));
    for table in &compared.tables {
        text.extend(definition(table));
        text.extend(table.rows.iter().map(|row| row_text(table, row)));
        let shown = u64::try_from(table.rows.len()).unwrap_or(u64::MAX);
        if table.differing_rows() > shown {
            let more = number(table.differing_rows() - shown);
            text.push_str(&format!("{}: {more} more rows differ\n", table.table));
        }
    }
    text.extend(compared.parked.iter().map(parked_text));
    text
}

fn tables(compared: &Comparison) -> String {
    let header =
        ["table", "rows left", "rows right", "added", "removed", "changed", "digest left", "digest right"];
    let mut table = table(&header, &[1, 2, 3, 4, 5]);
    for one in &compared.tables {
        let (left, right) = (&one.left, &one.right);
        table.add_row([
            one.table.clone(),
            number(left.rows),
            number(right.rows),
            number(one.added),
            number(one.removed),
            number(one.changed),
            begin(left),
            begin(right),
        ]);
    }
    let none = String::new;
    for one in &compared.only_left {
        table.add_row([
            one.table.clone(),
            number(one.rows),
            none(),
            none(),
            none(),
            none(),
            begin(one),
            none(),
        ]);
    }
    for one in &compared.only_right {
        table.add_row([
            one.table.clone(),
            none(),
            number(one.rows),
            none(),
            none(),
            none(),
            none(),
            begin(one),
        ]);
    }
    table.to_string()
}

fn begin(digest: &TableDigest) -> String {
    digest.sha256.chars().take(DIGEST_LETTERS).collect()
}

fn number(number: u64) -> String {
    count(i64::try_from(number).unwrap_or(i64::MAX))
}

/// In what the tables themselves differ.
fn definition(table: &TableComparison) -> Vec<String> {
    let name = &table.table;
    let mut lines = Vec::new();
    for (side, columns) in [("left", &table.columns_only_left), ("right", &table.columns_only_right)] {
        lines.extend(columns.iter().map(|column| format!("{name}.{column} is on the {side} only\n")));
    }
    for column in &table.columns_of_other_type {
        lines.push(format!("{name}.{} is {} and {}\n", column.column, column.left, column.right));
    }
    if let Some(key) = &table.other_key {
        lines.push(format!(
            "the key of {name} is ({}) and ({})\n",
            key.left.join(", "),
            key.right.join(", ")
        ));
    }
    for (column, rows) in &table.changed_columns {
        lines.push(format!("{name}.{column} differs in {} rows\n", number(*rows)));
    }
    lines
}

fn row_text(table: &TableComparison, row: &RowDifference) -> String {
    let key: Vec<&str> = row.key.iter().map(|part| part.value.as_str()).collect();
    let mut text = format!("{} ({}) {}\n", table.table, key.join(", "), row.kind.as_str());
    for column in &row.columns {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
        let values = match row.kind {
            RowChange::Removed => value(&column.left),
            RowChange::Added => value(&column.right),
            RowChange::Changed => format!("{} | {}", value(&column.left), value(&column.right)),
        };
        text.push_str(&format!("  {}: {values}\n", column.column));
    }
    for (side, event) in [("left", &row.left_event), ("right", &row.right_event)] {
        if let Some(EventOfRow { source, id, position }) = event {
            text.push_str(&format!("  {side}: last changed by {source} {id} at {position}\n"));
        }
    }
    text
}

fn parked_text(parked: &ParkedOnOneSide) -> String {
    let ParkedOnOneSide { side, topic, partition, subject, first_offset } = parked;
    let side = match side {
        WhichSide::Left => "left",
        WhichSide::Right => "right",
    };
    let what =
        subject.as_deref().map_or("a record alone".to_owned(), |subject| format!("{subject} from there on"));
    format!("parked on the {side} only: {topic}/{partition}@{first_offset}, {what}\n")
}
