//! What is looked at, one file each.

mod backups;
mod clocks;
mod disk;
pub(super) mod kafka;
mod outbox;
mod parked;
mod permissions;
pub(super) mod postgres;
mod read_models;
pub(super) mod registry;
mod repeats;
mod sagas;
mod secrets;
mod tables;
mod topics;
mod transactions;

use brainops_log::Cluster;
use sqlx::PgPool;

use super::finding::{Finding, Findings};
use super::parts::{Parts, within_limit};

/// When a check cannot even say what is wrong.
const ADVICE: &str = "the error says which part did not answer; see the findings above";

/// Runs every check with the parts that answer. In the order in which they are shown.
pub(super) async fn all(parts: Parts<'_>) -> Vec<Finding> {
    let Parts { context, cluster, pool, mut findings } = parts;
    let (cluster, pool) = (cluster.as_ref(), pool.as_ref());
    let (on_kafka, on_postgres, (disk, secrets)) =
        tokio::join!(on_kafka(cluster), on_postgres(pool), async {
            tokio::join!(
                guard(disk::NAME, disk::check(context, pool)),
                guard(secrets::NAME, async { secrets::check(context) }),
            )
        },);
    findings.insert(0, Finding::ok("program", format!("brainops {}", env!("CARGO_PKG_VERSION"))));
    findings.extend([on_kafka, on_postgres, disk, secrets].into_iter().flatten());
    findings
}

async fn on_kafka(cluster: Option<&Cluster>) -> Vec<Finding> {
    let names = [topics::NAME, permissions::NAME];
    let Some(cluster) = cluster else { return unlooked(&names, kafka::NAME) };
    let (topics, permissions) = tokio::join!(
        guard(topics::NAME, topics::check(cluster)),
        guard(permissions::NAME, permissions::check(cluster)),
    );
    [topics, permissions].concat()
}

async fn on_postgres(pool: Option<&PgPool>) -> Vec<Finding> {
    let of_server = [tables::NAME, transactions::NAME, backups::NAME];
    let Some(pool) = pool else {
        return [unlooked(&of_server, postgres::NAME), unlooked(&OF_TABLES, postgres::NAME)].concat();
    };
    let (tables, transactions, backups) = tokio::join!(
        within_limit(tables::NAME, ADVICE, tables::check(pool)),
        guard(transactions::NAME, transactions::check(pool)),
        guard(backups::NAME, backups::check(pool)),
    );
    let (complete, tables) = tables.unwrap_or_else(|finding| (false, vec![finding]));
    let rest = if complete { on_tables(pool).await } else { unlooked(&OF_TABLES, tables::NAME) };
    [tables, transactions, backups, rest].concat()
}

/// What is looked at in tables that `init` makes.
const OF_TABLES: [&str; 6] =
    [read_models::NAME, outbox::NAME, parked::NAME, sagas::NAME, repeats::NAME, clocks::NAME];

async fn on_tables(pool: &PgPool) -> Vec<Finding> {
    let (read_models, outbox, parked, sagas, repeats, clocks) = tokio::join!(
        guard(read_models::NAME, read_models::check(pool)),
        guard(outbox::NAME, outbox::check(pool)),
        guard(parked::NAME, parked::check(pool)),
        guard(sagas::NAME, sagas::check(pool)),
        guard(repeats::NAME, repeats::check(pool)),
        guard(clocks::NAME, clocks::check(pool)),
    );
    [read_models, outbox, parked, sagas, repeats, clocks].concat()
}

async fn guard(name: &'static str, check: impl Future<Output = Findings>) -> Vec<Finding> {
    within_limit(name, ADVICE, check).await.unwrap_or_else(|finding| vec![finding])
}

/// Findings of the checks `names`, which need what the check `first` has found to be amiss.
fn unlooked(names: &[&'static str], first: &str) -> Vec<Finding> {
    let unlooked = |name: &&'static str| {
        let found = format!("not looked at: see {first}");
        Finding::unknown(name, found, format!("mend {first} first, then `brainops doctor` again"))
    };
    names.iter().map(unlooked).collect()
}
