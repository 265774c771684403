//! Tasks for people and programs. Reads only.

use sqlx::{AssertSqlSafe, PgPool};

use crate::error::TaskError;
use crate::name::{Kind, TaskName};
use crate::row::{State, Task, task, with_columns};

/// Which tasks are meant.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this kind; none: of all.
    pub kind: Option<Kind>,
    /// In this state; none: open ones, unless `all` is asked for.
    pub state: Option<State>,
    /// In whatever state.
    pub all: bool,
    /// Only what comes after this one: the last one of the page before.
    pub after: Option<TaskName>,
    /// How many at most.
    pub limit: u32,
}

/// The tasks that are meant, in the order of their turns.
///
/// # Errors
/// The database does not answer.
pub async fn list(pool: &PgPool, filter: &Filter) -> Result<Vec<Task>, TaskError> {
    let state = if filter.all { Some("all") } else { filter.state.map(State::as_str) };
    let rows = sqlx::query(AssertSqlSafe(with_columns(include_str!("sql/list.sql"))))
        .bind(filter.kind.as_ref().map(Kind::as_str))
        .bind(state)
        .bind(filter.after.as_ref().map(|name| name.source.as_str()))
        .bind(filter.after.as_ref().map(|name| name.id.as_str()))
        .bind(i64::from(filter.limit))
        .fetch_all(pool)
        .await?;
    let tasks: Result<Vec<Option<Task>>, sqlx::Error> = rows.iter().map(task).collect();
    Ok(tasks?.into_iter().flatten().collect())
}

/// How many records of the topic `agent` cannot be read, so that nobody can say whether they are tasks: the rows of
/// `brainops.task_unreadable`, which name them.
///
/// # Errors
/// The database does not answer.
pub async fn unreadable(pool: &PgPool) -> Result<i64, TaskError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM brainops.task_unreadable").fetch_one(pool).await?)
}

/// The task of this name; none when there is none, or it was not followed yet.
///
/// # Errors
/// The database does not answer.
pub async fn find(pool: &PgPool, name: &TaskName) -> Result<Option<Task>, TaskError> {
    let sql = with_columns("SELECT {columns} FROM brainops.task AS task WHERE source = $1 AND id = $2");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(&name.source).bind(&name.id).fetch_optional(pool).await?;
    Ok(row.as_ref().map(task).transpose()?.flatten())
}
