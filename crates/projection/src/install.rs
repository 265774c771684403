//! Makes a read model's first generation with its views, once; later calls check that what is there fits.

use sqlx::migrate::MigrateError;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use thiserror::Error;

use crate::definition::{Difference, differences};
use crate::generation::{Generation, ModelName, ModelNameError};
use crate::lineage::{GenerationState, generations_of};
use crate::migrate::migrate;
use crate::model::ReadModel;
use crate::rows::Tables;
use crate::table::Table;
use crate::views::{OtherColumnType, ViewPastTheBase, Views, ViewsError, views_past_the_base};

/// The newest form of the runtime's own tables in a generation: raised with any change of `generation.sql`.
const LOCAL_VERSION: i32 = 2;

/// Why a read model cannot be installed. Only a `Database` error may pass by itself.
#[derive(Debug, Error)]
pub enum InstallError {
    /// The read model has a name that it cannot have.
    #[error("unusable name")]
    Name(#[from] ModelNameError),
    /// The platform tables cannot be made.
    #[error("cannot migrate the platform tables")]
    Migrate(#[from] MigrateError),
    /// The definitions and the tables differ.
    #[error("the tables of {read_model} are not what it defines: {}", list(differences))]
    Tables {
        /// The read model.
        read_model: ModelName,
        /// Everything that differs.
        differences: Vec<Difference>,
    },
    /// Derived views name tables that only the base views may name.
    #[error("the views of {read_model} read past its base views: {}", list_views(views))]
    Views {
        /// The read model.
        read_model: ModelName,
        /// All such views.
        views: Vec<ViewPastTheBase>,
    },
    /// A view would show a column of another type than it does.
    #[error("the views of {read_model} cannot be made")]
    ColumnType {
        /// The read model.
        read_model: ModelName,
        /// The column.
        source: OtherColumnType,
    },
    /// A statement failed.
    #[error("cannot {what} of {read_model}")]
    Database {
        /// The read model.
        read_model: ModelName,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn list_views(views: &[ViewPastTheBase]) -> String {
    views.iter().map(|view| format!("{} reads {}", view.view, view.source)).collect::<Vec<_>>().join("; ")
}

/// Migrates the platform tables, makes generation 1 of the read model with its views if there is none, and otherwise
/// checks that the served generation fits the program and brings the views up to date. A served generation of another
/// fold version is left as it is, for programs of that version; a rebuild makes one of this version. Can be called at
/// every start and by several processes at once.
///
/// # Errors
/// [`InstallError`]; then nothing was changed but for the platform tables.
pub async fn install<M: ReadModel>(pool: &PgPool, model: &M) -> Result<Generation, InstallError> {
    let read_model = ModelName::new(model.name())?;
    migrate(pool).await?;
    let in_database = |what| {
        let read_model = read_model.clone();
        move |source| InstallError::Database { read_model, what, source }
    };
    let mut transaction = pool.begin().await.map_err(in_database("begin the installation"))?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('brainops.install.' || $1, 0))";
    let locked = sqlx::query(lock).bind(read_model.as_str()).execute(&mut *transaction).await;
    locked.map_err(in_database("wait for another installation"))?;

    let offered = offered_version(model);
    let known = generations_of(&mut transaction, &read_model);
    let known = known.await.map_err(in_database("read the generations"))?;
    for one in known.iter().filter(|one| one.state != GenerationState::Dropped) {
        let done = bring_up_to_date(&mut transaction, &one.generation).await;
        done.map_err(in_database("bring the runtime's tables up to date"))?;
    }
    let serving = known.into_iter().find(|one| one.state == GenerationState::Serving);
    let tables = M::Tables::definitions();
    let generation = match serving.map(|one| one.generation) {
        Some(generation) if generation.fold_version != offered => {
            transaction.commit().await.map_err(in_database("commit the installation"))?;
            return Ok(generation);
        }
        Some(generation) => generation,
        None => {
            let generation = Generation::of_lineage(read_model.clone(), 1, offered);
            let made = create(&mut transaction, &generation, model, GenerationState::Serving).await;
            made.map_err(in_database("make the tables"))?;
            generation
        }
    };
    check_tables(&mut transaction, &generation, &tables).await?;
    match make_views(&mut transaction, &generation, model.views_sql()).await {
        Ok(()) => {}
        Err(ViewsError::Database(source)) => return Err(in_database("make the views")(source)),
        Err(ViewsError::Column(source)) => return Err(InstallError::ColumnType { read_model, source }),
    }
    check_views(&mut transaction, &generation, &tables).await?;
    transaction.commit().await.map_err(in_database("commit the installation"))?;
    Ok(generation)
}

/// Brings the runtime's own tables of an existing generation to their newest form. They are the platform's, so unlike
/// the read model's they are changed in place, in steps that suit instances of the version before.
async fn bring_up_to_date(connection: &mut PgConnection, generation: &Generation) -> Result<(), sqlx::Error> {
    let behind = "UPDATE brainops.generation SET local_version = $3 \
                   WHERE read_model = $1 AND generation = $2 AND local_version < $3";
    let behind = sqlx::query(behind).bind(generation.read_model.as_str()).bind(generation.number);
    if behind.bind(LOCAL_VERSION).execute(&mut *connection).await?.rows_affected() == 1 {
        let sql = generation.fill(include_str!("sql/generation.sql"));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    }
    Ok(())
}

/// The version of the fold of this program.
pub(crate) fn offered_version<M: ReadModel>(model: &M) -> i32 {
    i32::try_from(model.fold_version()).unwrap_or(i32::MAX)
}

/// Makes the schema and the empty tables of a generation, and says that it is there.
pub(crate) async fn create<M: ReadModel>(
    connection: &mut PgConnection,
    generation: &Generation,
    model: &M,
    state: GenerationState,
) -> Result<(), sqlx::Error> {
    let schemas = generation.fill(
        "CREATE SCHEMA {generation}; \
         COMMENT ON SCHEMA {generation} IS 'Tables of generation {number} of {schema}; read them through the views of {schema}.'; \
         CREATE SCHEMA IF NOT EXISTS {schema}; \
         COMMENT ON SCHEMA {schema} IS 'Views of the read model {schema}, for its readers.'",
    );
    let own = generation.fill(include_str!("sql/generation.sql"));
    for sql in [schemas, own, generation.fill(model.tables_sql())] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    let insert = "INSERT INTO brainops.generation (read_model, generation, fold_version, state, kind, derived_views, \
                                                   views_digest, local_version, ready_at, served_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, '', $7, CASE WHEN $4 = 'serving' THEN now() END, \
                          CASE WHEN $4 = 'serving' THEN now() END)";
    let insert = sqlx::query(insert).bind(generation.read_model.as_str()).bind(generation.number);
    let insert = insert.bind(generation.fold_version).bind(state.as_str()).bind(generation.kind.as_str());
    insert.bind(model.views_sql()).bind(LOCAL_VERSION).execute(connection).await?;
    Ok(())
}

/// Makes all views if the SQL that makes them is not what made them last; views in use are not locked for nothing.
async fn make_views(
    connection: &mut PgConnection,
    generation: &Generation,
    derived: &str,
) -> Result<(), ViewsError> {
    let views = Views::plan(connection, generation, None, derived).await?;
    let changed = "UPDATE brainops.generation \
                      SET derived_views = $4, views_digest = encode(sha256(convert_to($3, 'UTF8')), 'hex') \
                    WHERE read_model = $1 AND generation = $2 \
                      AND views_digest <> encode(sha256(convert_to($3, 'UTF8')), 'hex')";
    let changed = sqlx::query(changed)
        .bind(generation.read_model.as_str())
        .bind(generation.number)
        .bind(&views.text)
        .bind(derived);
    if changed.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(());
    }
    let base: String = views.base.values().map(String::as_str).collect();
    let sql = format!("{base}\n{}", generation.fill(derived));
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    Ok(views.finish(connection, generation).await?)
}

async fn check_tables(
    connection: &mut PgConnection,
    generation: &Generation,
    tables: &[&'static Table],
) -> Result<(), InstallError> {
    let read_model = generation.read_model.clone();
    match differences(connection, &generation.schema(), tables).await {
        Ok(differences) if differences.is_empty() => Ok(()),
        Ok(differences) => Err(InstallError::Tables { read_model, differences }),
        Err(source) => Err(InstallError::Database { read_model, what: "compare the tables", source }),
    }
}

async fn check_views(
    connection: &mut PgConnection,
    generation: &Generation,
    tables: &[&'static Table],
) -> Result<(), InstallError> {
    let read_model = generation.read_model.clone();
    let tables: Vec<String> = tables.iter().map(|table| table.name.to_owned()).collect();
    match views_past_the_base(connection, generation, &tables).await {
        Ok(views) if views.is_empty() => Ok(()),
        Ok(views) => Err(InstallError::Views { read_model, views }),
        Err(source) => Err(InstallError::Database { read_model, what: "compare the views", source }),
    }
}

/// Tables, views and columns of a read model, its generation and the platform that have no comment.
///
/// # Errors
/// When the database does not answer.
pub async fn undocumented(pool: &PgPool, generation: &Generation) -> Result<Vec<String>, sqlx::Error> {
    let schemas = vec!["brainops".to_owned(), generation.read_model.to_string(), generation.schema()];
    let rows = sqlx::query(include_str!("sql/undocumented.sql")).bind(schemas).fetch_all(pool).await?;
    rows.iter().map(|row| row.try_get("name")).collect()
}
