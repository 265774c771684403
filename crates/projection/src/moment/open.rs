//! Lets readers of a read model read a past moment of it the same way.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::generation::Generation;

/// Makes the derived views beside the tables of a past moment, and gives whoever may read the read model's views the
/// same right here.
pub(crate) async fn open_to_readers(
    connection: &mut PgConnection,
    generation: &Generation,
    derived: &str,
) -> Result<(), sqlx::Error> {
    let schema = generation.schema();
    let freshness =
        include_str!("../sql/freshness_view.sql").replace("{schema}.freshness", "{generation}.freshness");
    let views = in_schema(&generation.fill(derived), generation.read_model.as_str(), &schema);
    for sql in [generation.fill(&freshness), views] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    let grants = sqlx::query(include_str!("../sql/moment_grants.sql"))
        .bind(generation.read_model.as_str())
        .bind(&schema)
        .fetch_all(&mut *connection)
        .await?;
    for row in grants {
        let statement: String = row.try_get("statement")?; // quoted by Postgres itself
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// SQL about the views of a read model, as SQL about the same names in another schema. Views and queries name
/// everything with its schema, so it is enough to replace that: `leads.lead` and not `sales_leads.lead`.
#[must_use]
pub fn in_schema(sql: &str, read_model: &str, schema: &str) -> String {
    let name = format!("{read_model}.");
    let mut out = String::with_capacity(sql.len());
    let (mut rest, mut before) = (sql, ' ');
    while let Some(place) = rest.find(&name) {
        let (head, tail) = rest.split_at(place);
        before = head.chars().next_back().unwrap_or(before);
        out.push_str(head);
        let is_part_of_a_name = before.is_alphanumeric() || matches!(before, '_' | '.' | '"' | '$');
        if is_part_of_a_name {
            out.push_str(&name);
        } else {
            out.push_str(schema);
            out.push('.');
        }
        (rest, before) = (&tail[name.len()..], '.');
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_schema_of_the_read_model_is_another() {
        let sql = "CREATE OR REPLACE VIEW leads.stage AS SELECT l.id FROM leads.lead AS l JOIN sales_leads.lead AS s \
                   ON s.id = l.leads.x; leads.funnel";
        let expected = "CREATE OR REPLACE VIEW leads_asof_3.stage AS SELECT l.id FROM leads_asof_3.lead AS l JOIN \
                        sales_leads.lead AS s ON s.id = l.leads.x; leads_asof_3.funnel";
        assert_eq!(in_schema(sql, "leads", "leads_asof_3"), expected);
        assert_eq!(in_schema("leads.lead", "leads", "x"), "x.lead");
        assert_eq!(in_schema("no name", "leads", "x"), "no name");
    }
}
