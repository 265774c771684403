//! `brainops init`

use anyhow::Context as _;
use brainops_event::Catalog;
use brainops_keys::FileKeyStore;
use brainops_log::{Cluster, Registry, ensure_topics};
use brainops_projection::migrate;
use clap::Args;
use serde::Serialize;

use super::schema;
use crate::appending::{Patience, with_outbox};
use crate::context::Context;
use crate::exit::Exit;
use crate::secrets::{MadeOrFound, StateFolder, ensure_secret};
use crate::{analyst, generations, read_models, schemas};

/// Makes everything that the other commands need: keys, tokens, topics, schemas, read models, the analysts' role.
///
/// Can be run again at any time, and is to be run after each new version of this program; what is there is left as it
/// is. A schema that changes is registered only when all that the log holds of it can still be read.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops init --config brainops.toml\n\nMakes the folder state.folder (mode 700) with keys/, api-token, \
                        github-webhook-secret, host-token\nand analyst-password (mode 600). Keep a copy of it: without the keys, what was sealed \
                        is gone."
)]
pub struct Arguments {}

/// A database that was made anew on an old log has all of it to read first, to know what was said.
const PATIENCE: Patience = Patience::of(3_600);

/// One thing that is needed.
#[derive(Debug, Serialize)]
struct Step {
    what: String,
    state: MadeOrFound,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    steps: Vec<Step>,
}

impl Report {
    fn add(&mut self, what: impl Into<String>, state: MadeOrFound) {
        self.steps.push(Step { what: what.into(), state });
    }
}

pub async fn run(context: &Context, Arguments {}: Arguments) -> anyhow::Result<Exit> {
    // Whatever is wrong with the configuration is told before anything is made.
    let (cluster, registry) = (context.cluster()?, context.registry()?);
    context.settings().outbox.check()?;
    let role = analyst::role_name(&context.settings().postgres.database)?;
    let pool = context.pool().await?;
    let mut report = Report::default();
    let password = make_state(&context.state(), &mut report)?;
    let catalog = Catalog::builtin();
    for topic in ensure_topics(&cluster, catalog).await? {
        let state = if topic.made { MadeOrFound::Made } else { MadeOrFound::Found };
        report.add(format!("topic {} with {} partitions", topic.topic, topic.partitions), state);
    }
    if !can_still_read(context, &cluster, &registry).await? {
        return Ok(Exit::Failed);
    }
    registry.register(catalog).await?;
    report.add(format!("{} schemas at the registry", catalog.entries().len()), MadeOrFound::Found);
    let versions = registry.versions(catalog).await?;
    migrate(&pool).await.context("the platform tables cannot be made")?;
    brainops_outbox::migrate(&pool).await.context("the tables of the outbox cannot be made")?;
    brainops_saga::migrate(&pool).await.context("the tables of sagas cannot be made")?;
    brainops_task::migrate(&pool).await.context("the tables of tasks cannot be made")?;
    brainops_tools::migrate(&pool).await.context("the tables of the gate cannot be made")?;
    let mut generations = Vec::new();
    for model in read_models::all() {
        generations.push(model.install(&pool).await.with_context(|| format!("read model {}", model.name()))?);
    }
    let role_state = analyst::ensure(&pool, &context.state(), &role, password).await?;
    let (told, schemas_told) = with_outbox(context, PATIENCE, async |outbox| {
        let told = schemas::tell(outbox, &versions).await?;
        Ok((generations::tell(outbox, &generations).await?, told))
    })
    .await?;
    let state = if schemas_told > 0 { MadeOrFound::Made } else { MadeOrFound::Found };
    let new = if schemas_told > 0 { schemas_told } else { versions.len() };
    report.add(format!("{new} schemas told to the log"), state);
    for (generation, state) in generations.iter().zip(told) {
        report.add(format!("read model {}, generation {}", generation.read_model, generation.number), state);
    }
    report.add(format!("role {role}"), role_state);
    context.output.answer(&report, |report| text(report, &context.state()))?;
    Ok(Exit::Done)
}

/// Before a schema changes, all that the log holds of it must be readable by the new one.
async fn can_still_read(context: &Context, cluster: &Cluster, registry: &Registry) -> anyhow::Result<bool> {
    let changed = schemas::changed(registry, Catalog::builtin()).await?;
    if changed.is_empty() {
        return Ok(true);
    }
    let checked = schema::check(cluster, registry, &schema::Scope::of(&changed)).await?;
    if checked.is_good() {
        return Ok(true);
    }
    context.output.answer(&checked, schema::table)?;
    context
        .output
        .talk("brainops: schemas that change are not registered, since the log holds what they cannot read");
    Ok(false)
}

/// Makes the folder and what is in it; says whether the analysts' password is new.
fn make_state(state: &StateFolder, report: &mut Report) -> anyhow::Result<MadeOrFound> {
    report.add(format!("state folder {}", state.path().display()), state.ensure()?);
    let had_keys = if state.keys().exists() { MadeOrFound::Found } else { MadeOrFound::Made };
    FileKeyStore::open(state.keys()).context("the key store cannot be made")?;
    report.add("key store", had_keys);
    for path in [state.api_token(), state.github_webhook_secret(), state.host_token()] {
        report.add(path.display().to_string(), ensure_secret(&path)?);
    }
    let password = ensure_secret(&state.analyst_password())?;
    report.add(state.analyst_password().display().to_string(), password);
    Ok(password)
}

fn text(report: &Report, state: &StateFolder) -> String {
    let made = |step: &&Step| step.state == MadeOrFound::Made;
    let mut text: String =
        report.steps.iter().filter(made).map(|step| format!("made   {}\n", step.what)).collect();
    let found = report.steps.iter().filter(|step| !made(step)).count();
    if found > 0 {
        text.push_str(&format!("found  {found} other things as they should be\n"));
    }
    text.push_str(&format!("state  {}\n", state.path().display()));
    text
}
