//! `brainops status`

use std::net::SocketAddr;
use std::time::Duration;

use brainops_outbox::OutboxState;
use clap::Args;
use serde::Serialize;

use crate::analyst;
use crate::context::Context;
use crate::exit::Exit;
use crate::overview::{
    AgentState, Figures, Model, ModelState, agents, agents_table, all, dora_table, figures, funnel_table,
    models_table, outbox, outbox_lines,
};
use crate::read_models::EVENTS;

/// How long an open door may take to let us in.
const DOOR_LIMIT: Duration = Duration::from_millis(500);

/// Shows how everything is: events, read models, the four DORA figures, the lead funnel, and where to ask further.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops status --json | jq '.read_models[].lag_seconds'\n\nExit code 3 when a read model, or sending to \
                        a partition, has stopped. \
                        Works while `brainops serve` does not run,\nand says so."
)]
pub struct Arguments {}

#[derive(Debug, Serialize)]
struct Answer {
    /// Events in the index.
    events: i64,
    /// Whether each part of the service runs.
    service: Service,
    /// What waits for the log, and who sends it.
    outbox: OutboxState,
    read_models: Vec<Model>,
    agents: Vec<AgentState>,
    #[serde(flatten)]
    figures: Figures,
    addresses: Addresses,
}

#[derive(Debug, Serialize)]
struct Service {
    /// Whether somebody listens where the doors should be.
    api: bool,
    /// Whether every read model is followed.
    projectors: bool,
    /// Whether every part of the outbox has a relay that is ready.
    relay: bool,
}

/// Where to ask further. Secrets are named by their files.
#[derive(Debug, Serialize)]
struct Addresses {
    doors: String,
    api_token_file: String,
    analyst: String,
    analyst_password_file: String,
    kafka: String,
    registry: String,
}

pub async fn run(context: &Context, Arguments {}: Arguments) -> anyhow::Result<Exit> {
    let (pool, cluster) = (context.pool().await?, context.cluster()?);
    let (read_models, outbox) = (all(&pool, &cluster).await?, outbox(&pool).await?);
    let events = read_models.iter().find(|model| model.read_model == EVENTS).map_or(0, indexed);
    let answer = Answer {
        events,
        service: Service {
            api: is_open(context.settings().server.listen).await,
            projectors: read_models.iter().all(|model| model.state == ModelState::Running),
            relay: outbox.is_open(),
        },
        outbox,
        read_models,
        agents: agents(&pool, &cluster, crate::agents::configured(context.settings())?).await?,
        figures: figures(&pool).await?,
        addresses: addresses(context)?,
    };
    context.output.answer(&answer, text)?;
    let is_stopped = !answer.outbox.stopped.is_empty();
    Ok(if is_stopped { Exit::Stopped } else { Exit::of(&answer.read_models) })
}

/// The index has a second row for each event, for its identity.
fn indexed(model: &Model) -> i64 {
    model.tables.iter().find(|table| table.table == "event").map_or(0, |table| table.rows)
}

async fn is_open(listen: SocketAddr) -> bool {
    let connected = tokio::time::timeout(DOOR_LIMIT, tokio::net::TcpStream::connect(listen)).await;
    matches!(connected, Ok(Ok(_)))
}

fn addresses(context: &Context) -> anyhow::Result<Addresses> {
    let (settings, state) = (context.settings(), context.state());
    let postgres = &settings.postgres;
    let role = analyst::role_name(&postgres.database)?;
    Ok(Addresses {
        doors: format!("http://{}", settings.server.listen),
        api_token_file: state.api_token().display().to_string(),
        analyst: format!("postgres://{role}@{}:{}/{}", postgres.host, postgres.port, postgres.database),
        analyst_password_file: state.analyst_password().display().to_string(),
        kafka: settings.kafka.bootstrap_servers.clone(),
        registry: settings.registry.url.clone(),
    })
}

fn text(answer: &Answer) -> String {
    let Answer { events, service, outbox, read_models, agents, figures, addresses } = answer;
    let (missing, outbox) = (missing(service), outbox_lines(outbox));
    format!(
        "events in the index: {events}\n{outbox}{missing}\n{}\n{}\n{}\n\n{}\n\ndoors     {} (token in {})\nanalyst   {} (password in {})\nkafka     {}\nregistry  {}\n",
        models_table(read_models),
        agents_table(agents),
        dora_table(&figures.dora),
        funnel_table(&figures.funnel),
        addresses.doors,
        addresses.api_token_file,
        addresses.analyst,
        addresses.analyst_password_file,
        addresses.kafka,
        addresses.registry,
    )
}

/// Which parts of the service do not run, one line each.
fn missing(service: &Service) -> String {
    let Service { api, projectors, relay } = *service;
    if !api && !projectors && !relay {
        return "`brainops serve` does not run: what follows is as it was left\n".to_owned();
    }
    let lines = [
        (api, "nobody listens at the doors", "api"),
        (projectors, "not every read model is followed", "projectors"),
        (relay, "not everything that waits is sent", "relay"),
    ];
    let line = |(_, what, role): &(bool, &str, &str)| {
        format!("{what}: `brainops serve` with the role {role} does not run, or is not ready\n")
    };
    lines.iter().filter(|(runs, ..)| !runs).map(line).collect()
}
