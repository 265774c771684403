//! `brainops-bench`: one measurement per call, in a process of its own, its figures as one line of JSON on stdout.
//!
//! `scripts/bench` calls it in interleaved rounds and writes `docs/bench.md`; by hand a call is good for a profile.
//! Every program under test and every loop that it is measured against is a process, so that its CPU and memory are
//! its own. Events come from a generator that can be asked for any event by its number ([`event`]): what a table must
//! hold in the end is known without the log.

mod appends;
mod bare;
mod calls;
mod compare;
mod consume;
mod door;
mod event;
mod history;
mod latency;
mod loops;
mod made_up;
mod markers;
mod meter;
mod model;
mod moment;
mod produce;
mod project;
mod raw;
mod rebuild;
mod reference;
mod replay;
mod row;
mod sagas;
mod said;
mod stand;
mod start;
mod swaps;
mod verify;
mod watch;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "brainops-bench", about = "One measurement per call; figures as JSON on stdout")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a topic and fill it.
    Produce(produce::Produce),
    /// Read a topic with a bare client, headers too.
    Consume(consume::Consume),
    /// Run a read model until it is told to stop (SIGTERM).
    Project(project::Project),
    /// Write rows with a plain loop.
    Reference(reference::Reference),
    /// Measure from an append to its row, at a steady rate.
    Latency(latency::Latency),
    /// Measure how many appends a way in takes.
    Appends(appends::Appends),
    /// Measure how soon the first event comes.
    Start(start::Start),
    /// Run a program that fills a table, and measure it from outside.
    Watch(watch::Watch),
    /// Rebuild a read model beside the generation that serves, by one process or by several.
    Rebuild(rebuild::Rebuild),
    /// Work on a rebuild that was begun: what `rebuild` starts.
    Work(rebuild::Work),
    /// Read a topic with a bare client, then COPY the final rows.
    Bare(bare::Bare),
    /// Hold the rows that serve against the log.
    Verify(verify::Verify),
    /// Make a past moment.
    Moment(moment::Moment),
    /// Swap views back and forth under readers.
    Swaps(swaps::Swaps),
    /// Append a made-up history of commits and deployments to an installation.
    History(history::History),
    /// Run an agent of three steps until it is told to stop (SIGTERM).
    Agents(sagas::Agents),
    /// Have sagas of three steps run, so many at a time.
    Sagas(sagas::Sagas),
    /// The same on the peer.
    PeerSagas(sagas::PeerSagas),
    /// Have many sagas wait, and timers come due among them.
    Waiting(sagas::Waiting),
    /// Have a tool called that does nothing, so many times at once.
    Calls(calls::Calls),
    /// Have a policy of a thousand rules decide.
    Decisions(calls::Decisions),
    /// Say what the projector may hold in memory by design.
    Bounds,
    /// Compare a table with what the events say, every column of every row.
    Compare(compare::Compare),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let log = tracing_subscriber::EnvFilter::try_from_default_env();
    let log = log.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(log).with_writer(std::io::stderr).init();
    match Arguments::parse().command {
        Command::Produce(asked) => produce::run(asked).await,
        Command::Consume(asked) => tokio::task::spawn_blocking(move || consume::run(&asked)).await?,
        Command::Project(asked) => project::run(asked).await,
        Command::Reference(asked) => reference::run(asked).await,
        Command::Latency(asked) => latency::run(asked).await,
        Command::Appends(asked) => appends::run(asked).await,
        Command::Start(asked) => start::run(asked).await,
        Command::Watch(asked) => watch::run(asked).await,
        Command::Rebuild(asked) => rebuild::run(asked).await,
        Command::Work(asked) => rebuild::work(asked).await,
        Command::Bare(asked) => bare::run(asked).await,
        Command::Verify(asked) => verify::run(asked).await,
        Command::Moment(asked) => moment::run(asked).await,
        Command::Swaps(asked) => swaps::run(asked).await,
        Command::History(asked) => history::run(asked).await,
        Command::Agents(asked) => sagas::run_agents(asked).await,
        Command::Sagas(asked) => sagas::run_sagas(asked).await,
        Command::PeerSagas(asked) => sagas::run_peer(asked).await,
        Command::Waiting(asked) => sagas::run_waiting(asked).await,
        Command::Calls(asked) => calls::run_calls(asked).await,
        Command::Decisions(asked) => calls::run_decisions(asked).await,
        Command::Bounds => stand::report(&project::bounds()),
        Command::Compare(asked) => compare::run(asked).await,
    }
}
