//! A saga of three steps on Restate: a workflow, one for each key, that calls a service three times and ends. A call is a
//! durable message to another service, and its answer one to the workflow; that is nearest to a command and the event that
//! answers it.

use std::net::{Ipv4Addr, SocketAddr};

use restate_sdk::prelude::*;

/// How many steps a saga has.
const STEPS: u32 = 3;

struct World;

#[service]
impl World {
    #[handler]
    async fn step(&self, _ctx: Context<'_>, number: u32) -> Result<u32, TerminalError> {
        Ok(number)
    }
}

struct Saga;

#[workflow]
impl Saga {
    #[handler]
    async fn run(&self, ctx: WorkflowContext<'_>) -> Result<u32, HandlerError> {
        let mut done = 0;
        for number in 1..=STEPS {
            ctx.service_client::<WorldClient>().step(number).call().await?;
            done += 1;
        }
        Ok(done)
    }
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let port = port.ok_or("tell me my port")?;
    let endpoint = Endpoint::builder().bind(World).bind(Saga).build();
    HttpServer::new(endpoint).listen_and_serve(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
    Ok(())
}
