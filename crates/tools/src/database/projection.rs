//! `projection.query`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::reader::{ROWS, Reader, RowsResult};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// A query that has a name: those in `projections/<read model>/queries/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedQuery {
    /// `<read model>.<query>`, such as `deployments.dora`.
    pub name: &'static str,
    /// Its text, with `$1` and so on for its parameters.
    pub sql: &'static str,
}

/// Asks a read model by the name of a query.
#[derive(Debug, Clone)]
pub struct QueryProjection {
    reader: Reader,
    queries: Arc<BTreeMap<&'static str, &'static str>>,
}

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectionArguments {
    /// The query, such as deployments.dora.
    query: String,
    /// Its parameters in their order, as text; null where one is left out. Default: all are left out.
    parameters: Option<Vec<Option<String>>>,
    /// How many rows, 1 to 10,000. Default: 200.
    limit: Option<u32>,
}

impl QueryProjection {
    /// With these queries.
    #[must_use]
    pub fn new(reader: Reader, queries: &[NamedQuery]) -> Self {
        let queries = queries.iter().map(|query| (query.name, query.sql)).collect();
        Self { reader, queries: Arc::new(queries) }
    }
}

#[async_trait]
impl Tool for QueryProjection {
    type Arguments = ProjectionArguments;
    type Result = RowsResult;

    const NAME: &'static str = "projection.query";
    const SUMMARY: &'static str =
        "Asks a read model by the name of one of its queries, with their parameters. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: ProjectionArguments, _: &Act) -> Result<RowsResult, ToolError> {
        let Some(sql) = self.queries.get(asked.query.as_str()) else {
            let known: Vec<&str> = self.queries.keys().copied().collect();
            return Err(ToolError::nothing_done("unknown_query")
                .with(format!("query: accepted are {}", known.join(", "))));
        };
        let sql = filled(sql, &asked.parameters.unwrap_or_default())?;
        self.reader.rows(&sql, asked.limit.unwrap_or(ROWS)).await
    }
}

/// Puts parameters into a query as literals: their types follow from where they stand, as those of `$1` would.
pub(super) fn filled(sql: &str, parameters: &[Option<String>]) -> Result<String, ToolError> {
    let highest = (1..=99).rev().find(|number| mentions(sql, *number)).unwrap_or(0);
    if parameters.len() > highest {
        let accepted = format!("parameters: the query has {highest}");
        return Err(ToolError::nothing_done("bad_parameters").with(accepted));
    }
    let mut filled = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(place) = rest.find('$') {
        let (before, after) = rest.split_at(place);
        filled.push_str(before);
        let digits = after[1..].bytes().take_while(u8::is_ascii_digit).count();
        match after[1..=digits].parse::<usize>() {
            Ok(number) => filled.push_str(&literal(parameters.get(number - 1).and_then(Option::as_deref))?),
            Err(_) => filled.push('$'),
        }
        rest = &after[1 + digits..];
    }
    filled.push_str(rest);
    Ok(filled)
}

fn mentions(sql: &str, number: usize) -> bool {
    let word = format!("${number}");
    sql.match_indices(&word).any(|(place, _)| {
        let next = sql.as_bytes().get(place + word.len());
        !next.is_some_and(u8::is_ascii_digit)
    })
}

/// A text as a literal of standard SQL, where nothing but a quotation mark has a meaning.
fn literal(value: Option<&str>) -> Result<String, ToolError> {
    match value {
        None => Ok("NULL".to_owned()),
        Some(text) if text.contains('\0') => {
            Err(ToolError::nothing_done("bad_parameters").with("parameters: accepted is text without NUL"))
        }
        Some(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(sql: &str, parameters: &[Option<&str>]) -> Result<String, &'static str> {
        let parameters: Vec<Option<String>> = parameters.iter().map(|one| one.map(str::to_owned)).collect();
        filled(sql, &parameters).map_err(|error| error.code)
    }

    #[test]
    fn parameters_are_put_in_as_literals_and_those_left_out_are_null() {
        let sql = "SELECT $1::text, $2::bigint, $11, '$x' WHERE $1 IS NULL";
        let expected = "SELECT 'it''s'::text, NULL::bigint, NULL, '$x' WHERE 'it''s' IS NULL";
        assert_eq!(fill(sql, &[Some("it's")]).as_deref(), Ok(expected));
        assert_eq!(fill("SELECT $1", &[Some("a"), Some("b")]), Err("bad_parameters"));
        assert_eq!(fill("SELECT $1", &[Some("a\0")]), Err("bad_parameters"));
        assert_eq!(fill("SELECT 1", &[]).as_deref(), Ok("SELECT 1"));
        assert_eq!(
            fill("SELECT $1", &[Some("\\'; DROP TABLE a; --")]).as_deref(),
            Ok("SELECT '\\''; DROP TABLE a; --'")
        );
    }
}
