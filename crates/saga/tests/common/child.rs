//! A process of its own that runs the counting agent, to be killed.

use std::ops::{Deref, DerefMut};
use std::process::{Command, Stdio};

use brainops_fault::Bug;
use brainops_outbox::{Outbox, OutboxConfig};
use brainops_saga::{Cast, SagaOptions, Stage, fire_timers, run};
use brainops_testkit::{ChildProcess, ChildStage};
use tokio_util::sync::CancellationToken;

use super::scene::Scene;
use super::tally::Tally;

/// How many records a batch of the process has; few, so that there is much to be killed in the middle of.
const BATCH: &str = "SAGA_BATCH";

/// The life of that process; to be called by a test of the name `child`, which else does nothing.
pub async fn live() {
    let Some(ChildStage { stack, prefix, postgres, .. }) = ChildStage::of_this_process() else { return };
    let (cluster, registry) = (stack.cluster(&prefix).expect("a cluster"), stack.registry().expect("one"));
    let pool = postgres.pool().await.expect("a pool");
    let config = OutboxConfig { shards: 2, lease_ms: 1_500, ..OutboxConfig::default() };
    let outbox = Outbox::open(&pool, &cluster, &registry, config).await.expect("the outbox opens");
    let (firing, shutdown) =
        (fire_timers(pool.clone(), outbox.clone(), CancellationToken::new()), CancellationToken::new());
    let cast = Cast::of(Tally::default()).expect("an agent");
    let batch = std::env::var(BATCH).ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let options = SagaOptions { max_records: batch, ..SagaOptions::default() };
    let running = run(cast, Stage { pool, cluster, registry, outbox }, options, shutdown);
    let (ran, fired) = tokio::join!(running, firing);
    ran.expect("no fault");
    fired.expect("no fault");
}

/// Such a process; see [`ChildProcess`].
pub struct Process(ChildProcess);

impl Process {
    /// Starts one, with faults and a mistake as `BRAINOPS_FAULT` and `BRAINOPS_PLANTED` say.
    pub fn start(scene: &Scene, fault: Option<&str>, bug: Option<Bug>) -> Self {
        Self(ChildProcess::start(&scene.namespace, "run", fault, bug.map(Bug::name)))
    }

    /// Kills it and starts another in its place.
    pub fn restart(&mut self, scene: &Scene) {
        *self = Self::start(scene, None, None);
    }
}

impl Deref for Process {
    type Target = ChildProcess;

    fn deref(&self) -> &ChildProcess {
        &self.0
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut ChildProcess {
        &mut self.0
    }
}

/// Whether a test of this binary fails with a mistake planted.
pub fn turns_red(test: &str, bug: Bug) -> bool {
    let mut command = Command::new(std::env::current_exe().expect("a test binary"));
    command.args(["--exact", test]).env("BRAINOPS_PLANTED", bug.name());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    !command.status().expect("a process").success()
}
