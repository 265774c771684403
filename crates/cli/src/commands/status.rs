//! `brainops status`

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::analyst;
use crate::context::Context;
use crate::exit::Exit;
use crate::overview::{Figures, Model, ModelState, all, dora_table, figures, funnel_table, models_table};
use crate::read_models::EVENTS;

/// How long an open door may take to let us in.
const DOOR_LIMIT: Duration = Duration::from_millis(500);

/// Shows how everything is: events, read models, the four DORA figures, the lead funnel, and where to ask further.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops status --json | jq '.read_models[].lag_seconds'\n\nExit code 3 when a read model has stopped. \
                        Works while `brainops serve` does not run,\nand says so."
)]
pub struct Arguments {}

#[derive(Debug, Serialize)]
struct Answer {
    /// Events in the index.
    events: i64,
    /// Whether each part of the service runs.
    service: Service,
    read_models: Vec<Model>,
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
    let read_models = all(&pool, &cluster).await?;
    let events = read_models.iter().find(|model| model.read_model == EVENTS).map_or(0, indexed);
    let answer = Answer {
        events,
        service: Service {
            api: is_open(context.settings().server.listen).await,
            projectors: read_models.iter().all(|model| model.state == ModelState::Running),
        },
        read_models,
        figures: figures(&pool).await?,
        addresses: addresses(context)?,
    };
    context.output.answer(&answer, text)?;
    Ok(Exit::of(&answer.read_models))
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
    let Answer { events, service, read_models, figures, addresses } = answer;
    let missing = match (service.api, service.projectors) {
        (true, true) => "",
        (false, false) => "`brainops serve` does not run: what follows is as it was left\n",
        (false, true) => "nobody listens at the doors: `brainops serve` with the role api does not run\n",
        (true, false) => {
            "not every read model is followed: `brainops serve` with the role projectors does not run or has stopped\n"
        }
    };
    format!(
        "events in the index: {events}\n{missing}\n{}\n{}\n\n{}\n\ndoors     {} (token in {})\nanalyst   {} (password in {})\nkafka     {}\nregistry  {}\n",
        models_table(read_models),
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
