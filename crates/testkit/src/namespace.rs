//! Topics and a database of a test's own, gone when the test is.

use std::time::Duration;

use brainops_event::{Catalog, TopicName};
use brainops_log::{Appender, Cluster, Registry, delete_topics, ensure_topics};
use brainops_projection::PostgresConfig;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgPool};
use tokio::sync::OnceCell;

use crate::stack::TestStack;

/// How many partitions its topics have.
const PARTITIONS: u16 = 4;

/// How long cleaning up may take.
const CLEAN_LIMIT: Duration = Duration::from_secs(90);

/// A namespace on the test stack: the topic prefix `brainops-<name>-<random>` and a database of the same name. Tests
/// with namespaces of their own do not see each other. End it with [`Namespace::close`]; one that is dropped instead
/// (a test that failed) cleans up as well as it can.
#[derive(Debug)]
pub struct Namespace {
    stack: TestStack,
    cluster: Cluster,
    registry: Registry,
    postgres: PostgresConfig,
    pool: PgPool,
    topics: Vec<TopicName>,
    open: bool,
}

impl Namespace {
    /// Makes all topics of the catalog with four partitions, registers all schemas, and makes an empty database.
    ///
    /// # Panics
    /// When there is no test stack, or it does not do what it should.
    pub async fn new(name: &str) -> Self {
        let mut stack = TestStack::from_env().unwrap_or_else(|error| panic!("{}", described(&error)));
        stack.log.partitions = PARTITIONS;
        let random = uuid::Uuid::now_v7().simple().to_string();
        let prefix = format!("brainops-{name}-{}", &random[20..]);
        let cluster = stack.cluster(&prefix).unwrap_or_else(|error| panic!("{}", described(&error)));
        let registry = stack.registry().unwrap_or_else(|error| panic!("{}", described(&error)));
        let postgres = PostgresConfig { database: prefix.clone(), ..stack.postgres.clone() };
        create_database(&stack, &prefix).await.unwrap_or_else(|error| panic!("{}", described(&error)));
        let pool = postgres.pool().await.unwrap_or_else(|error| panic!("{}", described(&error)));
        let topics =
            Catalog::builtin().topics().iter().map(|topic| cluster.topic(topic).expect("a topic name"));
        let topics = topics.collect();
        let namespace = Self { stack, cluster, registry, postgres, pool, topics, open: true };
        namespace.fill().await;
        namespace
    }

    async fn fill(&self) {
        let made = ensure_topics(&self.cluster, Catalog::builtin()).await;
        made.unwrap_or_else(|error| panic!("{}", described(&error)));
        // Schemas belong to the stack rather than to a namespace: once per process is enough.
        static REGISTERED: OnceCell<()> = OnceCell::const_new();
        let register = || self.registry.register(Catalog::builtin());
        let registered = REGISTERED.get_or_try_init(register).await;
        registered.unwrap_or_else(|error| panic!("{}", described(&error)));
    }

    /// The prefix of its topics, which is also the name of its database.
    pub fn prefix(&self) -> &str {
        &self.postgres.database
    }

    /// The cluster, with the namespace's prefix.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The registry; schemas are shared by all namespaces.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Connections to the namespace's database.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// How to reach the namespace's database.
    pub fn postgres(&self) -> &PostgresConfig {
        &self.postgres
    }

    /// The stack that it is on.
    pub fn stack(&self) -> &TestStack {
        &self.stack
    }

    /// One of its topics, by its name without prefix.
    ///
    /// # Panics
    /// When that is no topic name.
    pub fn topic(&self, name: &str) -> TopicName {
        self.cluster.topic(name).expect("a topic name")
    }

    /// Appends to its topics.
    ///
    /// # Panics
    /// When the client cannot be made.
    pub fn appender(&self) -> Appender {
        Appender::new(&self.cluster, &self.registry).unwrap_or_else(|error| panic!("{}", described(&error)))
    }

    /// Deletes topics and database.
    ///
    /// # Panics
    /// When something of it cannot be deleted.
    pub async fn close(mut self) {
        self.open = false;
        self.pool.close().await;
        let cleaned = clean(&self.stack, &self.cluster, &self.topics, &self.postgres.database).await;
        cleaned.unwrap_or_else(|error| panic!("a namespace cannot be cleaned up: {error}"));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let (stack, cluster, topics) =
            (self.stack.clone(), self.cluster.clone(), std::mem::take(&mut self.topics));
        let database = self.postgres.database.clone();
        // A thread and a runtime of its own: the test's runtime may be the one that is unwinding.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            runtime.block_on(clean(&stack, &cluster, &topics, &database))
        });
        let cleaned = cleaning.join().unwrap_or_else(|_| Err("its thread panicked".to_owned()));
        if let Err(error) = cleaned {
            eprintln!("namespace {} is left behind: {error}", self.postgres.database);
        }
    }
}

async fn clean(
    stack: &TestStack,
    cluster: &Cluster,
    topics: &[TopicName],
    database: &str,
) -> Result<(), String> {
    let cleaning = async {
        let deleted = delete_topics(cluster, topics).await.map_err(|error| described(&error));
        let dropped = drop_database(stack, database).await.map_err(|error| described(&error));
        deleted.and(dropped)
    };
    tokio::time::timeout(CLEAN_LIMIT, cleaning).await.unwrap_or_else(|_| Err("it takes too long".to_owned()))
}

async fn create_database(stack: &TestStack, name: &str) -> Result<(), sqlx::Error> {
    run(stack, format!("CREATE DATABASE \"{name}\"")).await
}

/// Ends who is still connected and drops the database. A worker that is just vacuuming it belongs to the superuser,
/// and then the force is refused; the plain statement, which asks such workers to leave, makes way for it.
async fn drop_database(stack: &TestStack, name: &str) -> Result<(), sqlx::Error> {
    let plain = format!("DROP DATABASE IF EXISTS \"{name}\"");
    let forced = format!("{plain} WITH (FORCE)");
    let first = run(stack, forced.clone()).await;
    if first.is_ok() || run(stack, plain).await.is_ok() {
        return Ok(());
    }
    run(stack, forced).await
}

async fn run(stack: &TestStack, statement: String) -> Result<(), sqlx::Error> {
    let options = stack.postgres.options().map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
    let mut connection = options.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}

/// An error with its causes.
fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
