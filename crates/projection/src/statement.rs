//! The statements that load and write one table's rows, made from its definition.
//!
//! | what | how |
//! |---|---|
//! | load | one `SELECT` joined with the `UNNEST` of the wanted keys |
//! | upsert | one `INSERT ... SELECT FROM UNNEST ... ON CONFLICT DO UPDATE`, columns listed |
//! | append, many rows | one binary `COPY` |
//! | append, fewer | one `INSERT ... SELECT FROM UNNEST` |

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Postgres};

use crate::bind::ColumnArray;
use crate::table::{Column, ColumnType, Table, WriteMode};
use crate::value::element_oid;
use crate::writer::{ColumnValues, Values, WrittenRows};

/// What a binary COPY begins with: signature, flags, length of an extension.
const COPY_HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with: a row of -1 columns.
const COPY_TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Reads the rows that exist under the written keys.
pub(crate) async fn load(
    connection: &mut PgConnection,
    schema: &str,
    keys: WrittenRows,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let sql = load_sql(schema, keys.table);
    let (Values::Columns(columns), key) = (keys.values, keys.table.key()) else { return Ok(Vec::new()) };
    bind(sqlx::query(AssertSqlSafe(sql)), key, columns).fetch_all(connection).await
}

/// Writes the rows, in one statement; of an append-only table by COPY, if there are so many at least.
pub(crate) async fn write(
    connection: &mut PgConnection,
    schema: &str,
    rows: WrittenRows,
    copy_from_rows: usize,
) -> Result<u64, sqlx::Error> {
    let is_copied = rows.rows >= copy_from_rows || has_lists(rows.table);
    let rows = if is_copied { rows } else { rows.into_columns() };
    match rows.values {
        Values::Columns(columns) => {
            let sql = match rows.table.mode {
                WriteMode::Upsert => upsert_sql(schema, rows.table),
                WriteMode::Append => insert_sql(schema, rows.table),
            };
            let query = bind(sqlx::query(AssertSqlSafe(sql)), rows.table.columns, columns);
            Ok(query.execute(connection).await?.rows_affected())
        }
        Values::Tuples(tuples) => {
            let mut copy = connection.copy_in_raw(&copy_sql(schema, rows.table)).await?;
            let sent = async {
                copy.send(COPY_HEADER.as_slice()).await?;
                copy.send(tuples.as_slice()).await?;
                copy.send(COPY_TRAILER.as_slice()).await.map(|_| ())
            };
            match sent.await {
                Ok(()) => copy.finish().await,
                Err(error) => {
                    // The connection is broken, the transaction lost; the first error says why.
                    copy.abort("the rows could not be sent").await.ok();
                    Err(error)
                }
            }
        }
    }
}

/// Lists of texts have another form in arrays than in a COPY.
fn has_lists(table: &Table) -> bool {
    table.columns.iter().any(|column| column.kind == ColumnType::TextArray)
}

type Query<'q> = sqlx::query::Query<'q, Postgres, sqlx::postgres::PgArguments>;

fn bind<'q>(mut query: Query<'q>, columns: &[Column], values: Vec<ColumnValues>) -> Query<'q> {
    for (column, values) in columns.iter().zip(values) {
        query = query.bind(ColumnArray { kind: column.kind, values });
    }
    query
}

fn load_sql(schema: &str, table: &Table) -> String {
    let columns = list(table.columns, |column| format!("held.{}", column.name));
    let on = table.key().iter().map(|column| format!("held.{0} = asked.{0}", column.name));
    format!(
        "SELECT {columns} FROM {} JOIN {schema}.{} AS held ON {}",
        unnest(table.key(), "asked"),
        table.name,
        on.collect::<Vec<_>>().join(" AND "),
    )
}

fn insert_sql(schema: &str, table: &Table) -> String {
    let columns = list(table.columns, |column| column.name.to_owned());
    let selected = list(table.columns, |column| match column.kind {
        // Postgres has no arrays of arrays: lists travel as array literals.
        ColumnType::TextArray => format!("given.{}::text[]", column.name),
        _ => format!("given.{}", column.name),
    });
    let given = unnest(table.columns, "given");
    format!("INSERT INTO {schema}.{} ({columns}) SELECT {selected} FROM {given}", table.name)
}

fn upsert_sql(schema: &str, table: &Table) -> String {
    let rest = &table.columns[table.key().len()..];
    let action = if rest.is_empty() {
        "DO NOTHING".to_owned()
    } else {
        format!("DO UPDATE SET {}", list(rest, |column| format!("{0} = EXCLUDED.{0}", column.name)))
    };
    let key = list(table.key(), |column| column.name.to_owned());
    format!("{} ON CONFLICT ({key}) {action}", insert_sql(schema, table))
}

fn copy_sql(schema: &str, table: &Table) -> String {
    let columns = list(table.columns, |column| column.name.to_owned());
    format!("COPY {schema}.{} ({columns}) FROM STDIN (FORMAT binary)", table.name)
}

/// `UNNEST($1::text[], $2::bigint[]) AS given (name, size)`.
fn unnest(columns: &[Column], alias: &str) -> String {
    let parameters = columns.iter().enumerate().map(|(index, column)| {
        let element = if element_oid(column.kind) == element_oid(ColumnType::Text) {
            "text"
        } else {
            column.kind.sql()
        };
        format!("${}::{element}[]", index + 1)
    });
    let names = list(columns, |column| column.name.to_owned());
    format!("UNNEST({}) AS {alias} ({names})", parameters.collect::<Vec<_>>().join(", "))
}

fn list(columns: &[Column], text: impl Fn(&Column) -> String) -> String {
    columns.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::RowWriter;

    static LEAD: Table = Table {
        name: "lead",
        columns: &[
            Column::required("id", ColumnType::Text),
            Column::required("tags", ColumnType::TextArray),
            Column::optional("seen_at", ColumnType::Timestamptz),
        ],
        key_columns: 1,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    #[test]
    fn statements_list_their_columns() {
        assert_eq!(
            load_sql("leads_g1", &LEAD),
            "SELECT held.id, held.tags, held.seen_at FROM UNNEST($1::text[]) AS asked (id) \
             JOIN leads_g1.lead AS held ON held.id = asked.id"
        );
        assert_eq!(
            upsert_sql("leads_g1", &LEAD),
            "INSERT INTO leads_g1.lead (id, tags, seen_at) \
             SELECT given.id, given.tags::text[], given.seen_at \
             FROM UNNEST($1::text[], $2::text[], $3::timestamp with time zone[]) AS given (id, tags, seen_at) \
             ON CONFLICT (id) DO UPDATE SET tags = EXCLUDED.tags, seen_at = EXCLUDED.seen_at"
        );
        assert_eq!(
            copy_sql("leads_g1", &LEAD),
            "COPY leads_g1.lead (id, tags, seen_at) FROM STDIN (FORMAT binary)"
        );
    }

    #[test]
    fn a_copy_stream_becomes_the_columns_that_it_holds() {
        static SEEN: Table = Table {
            name: "seen",
            columns: &[Column::required("id", ColumnType::Text), Column::optional("size", ColumnType::Int8)],
            key_columns: 1,
            mode: WriteMode::Append,
            month_partitioned_by: None,
        };
        let write = |mut writer: RowWriter| {
            for (id, size) in [("a", Some(7_i64)), ("", None), ("long enough", Some(-1))] {
                writer
                    .write_row(|out| {
                        out.put(id).put(&size);
                    })
                    .unwrap();
            }
            writer.into_written()
        };
        let turned = write(RowWriter::for_copy(&SEEN)).into_columns();
        let direct = write(RowWriter::for_upsert(&SEEN));
        let (Values::Columns(turned), Values::Columns(direct)) = (turned.values, direct.values) else {
            panic!("both are columns");
        };
        assert_eq!(format!("{turned:?}"), format!("{direct:?}"));
    }

    #[test]
    fn the_copy_header_is_the_one_that_postgres_knows() {
        assert_eq!(COPY_HEADER.len(), 11 + 4 + 4);
    }
}
