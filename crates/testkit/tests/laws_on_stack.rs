//! The same laws through Kafka and Postgres: live in any batches and by any number of instances, rebuilt in any pieces and
//! by any number of processes, as a past moment from the beginning and from an earlier one: one digest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

use std::sync::Arc;
use std::time::Duration;

use brainops_event::{Frontier, Offset, Outgoing};
use brainops_log::end_frontier;
use brainops_projection::{
    Clock, CompareLimits, Generation, MomentAt, MomentQuestion, MomentWanted, Pace, ReadModel, Request,
    RunOptions, Side, Workshop, begin_rebuild, digest, install, moment_state, offer_moment, resolve_moment,
    run, verify, wait_until, work_on_rebuild,
};
use brainops_projector_deployments::Deployments;
use brainops_projector_events::Events;
use brainops_projector_leads::Leads;
use brainops_testkit::{Namespace, histories, refold, stored_rows};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// How long anything may take here.
const LIMIT: Duration = Duration::from_secs(60);

/// What chance decides besides the history.
#[derive(Debug, Clone)]
struct Plan {
    batches: Vec<usize>,
    rebuilders: usize,
    pieces: (u64, i64, usize),
    /// How many hundredths of each partition the earlier moment has.
    earlier: i64,
}

/// A history and a plan; the seed is in every message, so that a case can be said again.
fn case(seed: u64, topics: &'static [&'static str]) -> (Vec<Outgoing>, Plan) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let history = histories(topics, 300..500).new_tree(&mut runner).unwrap().current();
    let plan = (
        proptest::collection::vec(1..120_usize, 1..4),
        1..4_usize,
        (200..20_000_u64, 5..200_i64, 1..80_usize),
        70..100_i64,
    );
    let (batches, rebuilders, pieces, earlier) = plan.new_tree(&mut runner).unwrap().current();
    (history, Plan { batches, rebuilders, pieces, earlier })
}

struct Scene<M> {
    namespace: Namespace,
    model: Arc<M>,
    folder: TempDir,
    plan: Plan,
    told: String,
}

impl<M: ReadModel + Default> Scene<M> {
    fn shop(&self, worker: &str) -> Workshop {
        let (mark_bytes, offsets_per_bucket, records_at_once) = self.plan.pieces;
        Workshop {
            pool: self.namespace.pool().clone(),
            log: self.namespace.cluster().read_only(),
            registry: self.namespace.registry().clone(),
            scratch: self.folder.path().to_owned(),
            worker: worker.to_owned(),
            at_once: 2,
            unknown_schema_patience: Duration::from_secs(1),
            pace: Pace {
                lease: Duration::from_secs(3),
                mark_bytes,
                offsets_per_bucket,
                records_at_once,
                in_memory_bytes: 0,
            },
        }
    }

    /// Follows the log with as many instances as there are lengths of batches, while it is written.
    async fn live(&self, history: Vec<Outgoing>) -> Frontier {
        let stop = CancellationToken::new();
        let lives: Vec<_> = (self.plan.batches.iter().enumerate())
            .map(|(number, max_records)| {
                let options = RunOptions {
                    max_records: *max_records,
                    catch_up: None,
                    writers: number % 2 + 1,
                    max_parked_per_minute: u32::MAX,
                    copy_from_rows: 1,
                    ..RunOptions::new(format!("live-{number}"))
                };
                let (pool, cluster) = (self.namespace.pool().clone(), self.namespace.cluster().clone());
                let registry = self.namespace.registry().clone();
                tokio::spawn(run(Arc::clone(&self.model), pool, cluster, registry, options, stop.clone()))
            })
            .collect();
        for part in history.chunks(97) {
            for appended in self.namespace.appender().append_all(part.to_vec()).await {
                appended.unwrap();
            }
        }
        let end = self.end().await;
        wait_until(self.namespace.pool(), self.model.name(), &end, LIMIT).await.expect(&self.told);
        stop.cancel();
        for life in lives {
            life.await.unwrap().unwrap();
        }
        end
    }

    async fn end(&self) -> Frontier {
        let topics =
            self.model.topics().iter().chain(&["projection"]).map(|topic| self.namespace.topic(topic));
        let topics: std::collections::BTreeSet<_> = topics.collect();
        end_frontier(self.namespace.cluster(), &topics.into_iter().collect::<Vec<_>>()).await.unwrap()
    }

    /// Works on a generation with as many processes as the plan says.
    async fn work(&self, generation: &Generation) {
        let working = (0..self.plan.rebuilders).map(|number| {
            let (model, shop) = (Arc::clone(&self.model), self.shop(&format!("rebuilder-{number}")));
            work_on_rebuild(model, shop, generation.clone(), CancellationToken::new())
        });
        for worked in futures::future::join_all(working).await {
            worked.expect(&self.told);
        }
    }

    async fn moment(&self, frontier: &Frontier) -> Generation {
        let question = MomentQuestion { at: MomentAt::Frontier(frontier.clone()), clock: Clock::Recorded };
        let shop = self.shop("historian");
        let resolved = resolve_moment(&*self.model, &shop, &question).await.unwrap();
        let wanted =
            MomentWanted { asked_by: "person-1", time_to_live: None, fresh: false, failed_stands: None };
        let offered = offer_moment(&*self.model, &shop, &resolved, wanted).await.unwrap();
        self.work(&offered.generation).await;
        let made = moment_state(self.namespace.pool(), &offered.generation).await.unwrap().unwrap();
        assert!(made.is_ready, "{}", self.told);
        made.generation
    }

    async fn digests(&self, generation: &Generation) -> Vec<(String, u64, String)> {
        let mut side = Side::open(self.namespace.pool(), generation).await.unwrap();
        let digests = digest(&mut side).await.unwrap();
        side.close().await.unwrap();
        digests.into_iter().map(|one| (one.table, one.rows, one.sha256)).collect()
    }
}

async fn laws_hold<M: ReadModel + Default>(seed: u64, topics: &'static [&'static str]) {
    let (history, plan) = case(seed, topics);
    let told = format!("seed {seed}, {plan:?}");
    let (namespace, folder) = (Namespace::new("laws").await, tempfile::tempdir().unwrap());
    let scene = Scene { namespace, model: Arc::new(M::default()), folder, plan, told };
    let told = &scene.told;
    let served = install(scene.namespace.pool(), &*scene.model).await.unwrap();
    let end = scene.live(history).await;

    let (cluster, registry) = (scene.namespace.cluster(), scene.namespace.registry());
    let expected = refold(&*scene.model, cluster, registry, &end).await.unwrap();
    let stored = stored_rows::<M>(scene.namespace.pool(), &served).await.unwrap();
    assert!(stored == expected, "{told}: what is served is not the fold of the log");
    let live = scene.digests(&served).await;
    assert!(live.iter().any(|(_, rows, _)| *rows > 0), "{told}: {live:?}");

    let next = begin_rebuild(&*scene.model, &scene.shop("stage"), Request::next(None)).await.unwrap();
    scene.work(&next).await;
    assert_eq!(scene.digests(&next).await, live, "{told}: rebuilt");
    let whole = scene.moment(&end).await;
    assert_eq!(scene.digests(&whole).await, live, "{told}: as of the end");
    let (shop, stop, limits) = (scene.shop("verifier"), CancellationToken::new(), CompareLimits::default());
    let verified = verify(Arc::clone(&scene.model), &shop, limits, &stop).await.unwrap();
    assert!(verified.is_proven(), "{told}: {verified:#?}");
    prefix_and_rest(&scene, &end, &live).await;
    scene.namespace.close().await;
}

/// An earlier moment, then the end begun with its rows.
async fn prefix_and_rest<M: ReadModel + Default>(
    scene: &Scene<M>,
    end: &Frontier,
    live: &[(String, u64, String)],
) {
    // The moment at the end is there already; without it, the next question begins with the earlier moment.
    let hidden = "UPDATE brainops.generation SET state = 'dropped' WHERE kind = 'moment'";
    sqlx::query(hidden).execute(scene.namespace.pool()).await.unwrap();
    let cut = |next: Offset| Offset::new(next.get() * scene.plan.earlier / 100).unwrap();
    let mut prefix: Frontier =
        end.iter().map(|(topic, partition, next)| (topic.clone(), partition, cut(next))).collect();
    for topic in end.topics() {
        prefix.set_topic_id(topic.clone(), end.topic_id(topic).unwrap().clone());
    }
    let earlier = scene.moment(&prefix).await;
    let expected =
        refold(&*scene.model, scene.namespace.cluster(), scene.namespace.registry(), &prefix).await;
    let stored = stored_rows::<M>(scene.namespace.pool(), &earlier).await.unwrap();
    assert!(stored == expected.unwrap(), "{}: the earlier moment", scene.told);
    let later = scene.moment(end).await;
    let base = "SELECT count(*) FROM brainops.rebuild WHERE base IS NOT NULL";
    let based: i64 = sqlx::query_scalar(base).fetch_one(scene.namespace.pool()).await.unwrap();
    assert_eq!(based, 1, "{}: it begins with the earlier moment", scene.told);
    assert_eq!(scene.digests(&later).await, live, "{}: a prefix, then the rest", scene.told);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_leads() {
    for seed in 1..=2 {
        laws_hold::<Leads>(seed, &["lead"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_deployments() {
    for seed in 11..=12 {
        laws_hold::<Deployments>(seed, &["git", "deployment"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_events() {
    laws_hold::<Events>(21, &["git", "deployment", "lead", "monitor"]).await;
}
