//! Whose checkpoints.

/// Where the checkpoints of one reader stand, and under which name Postgres shows the transactions that move them. All of
/// it is the program's own text, never a user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    name: String,
    table: String,
    owner: Option<(&'static str, String)>,
}

impl Keeper {
    /// A reader that has a table of its own.
    pub fn of_table(name: impl Into<String>, table: impl Into<String>) -> Self {
        Self { name: name.into(), table: table.into(), owner: None }
    }

    /// A reader whose rows in a table have this value in this column, the first of its key. The value is of a-z, 0-9,
    /// dashes and underscores.
    ///
    /// # Panics
    /// When the value is not.
    pub fn of_rows(
        name: impl Into<String>,
        table: impl Into<String>,
        column: &'static str,
        value: impl Into<String>,
    ) -> Self {
        let value = value.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        assert!(!value.is_empty() && value.bytes().all(fits), "the owner of checkpoints needs a plain name");
        Self { name: name.into(), table: table.into(), owner: Some((column, value)) }
    }

    /// The name under which Postgres shows the transactions that move its checkpoints. 63 bytes at most, so that
    /// Postgres keeps it whole.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fills in the table, and whose rows are meant.
    pub(crate) fn fill(&self, sql: &str) -> String {
        let (column, value, is_owned) = match &self.owner {
            None => (String::new(), String::new(), String::new()),
            Some((column, value)) => {
                (format!("{column}, "), format!("'{value}', "), format!("AND held.{column} = '{value}'"))
            }
        };
        sql.replace("{table}", &self.table)
            .replace("{owner_column}", &column)
            .replace("{owner_value}", &value)
            .replace("{is_owned}", &is_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_its_own_and_rows_of_its_own_are_meant_alike() {
        let sql = "INSERT INTO {table} ({owner_column}topic) SELECT {owner_value}$1 WHERE true {is_owned}";
        let own = Keeper::of_table("projection leads_g7", "leads_g7.checkpoint");
        let shared = Keeper::of_rows("saga follow-up", "brainops.saga_checkpoint", "agent", "follow-up");
        assert_eq!(own.fill(sql), "INSERT INTO leads_g7.checkpoint (topic) SELECT $1 WHERE true ");
        assert_eq!(
            shared.fill(sql),
            "INSERT INTO brainops.saga_checkpoint (agent, topic) SELECT 'follow-up', $1 WHERE true AND held.agent = 'follow-up'"
        );
    }
}
