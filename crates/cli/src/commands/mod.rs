//! The tree of commands is the tree of these files: arguments, then one function.

mod agent;
mod config;
mod doctor;
mod events;
mod explain;
mod host;
mod import;
mod init;
mod parked;
mod policy;
mod projection;
mod saga;
mod schema;
mod seal;
mod serve;
mod status;
mod stop_agents;
mod task;
mod tool;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::context::{Context, SchemaSource};
use crate::exit::Exit;
use crate::logging;
use crate::output::Output;
use crate::settings;

/// Everything that happens to a company's software and business is one event in a log; this command puts events
/// in, follows them, and shows what they add up to.
#[derive(Debug, Parser)]
#[command(
    name = "brainops",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Examples:\n  brainops init\n  brainops serve\n  brainops import git . \
                  --deployments-from tags\n  brainops status\n\nExit codes: 0 done, 1 failed, 2 arguments refused, 3 something has \
                  stopped, 4 unknown."
)]
pub struct Arguments {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "BRAINOPS_CONFIG",
        help = "The configuration file (TOML); variables BRAINOPS_<SECTION>__<KEY> go over it"
    )]
    config: Option<PathBuf>,

    /// Where schemas are asked for: the registry, or the log, which knows them all after `brainops init`.
    #[arg(long, global = true, value_enum, value_name = "WHERE", default_value = "service")]
    registry: SchemaSource,

    /// Answer in JSON, one value a line.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    word: Word,
}

/// The first word.
#[derive(Debug, Subcommand)]
enum Word {
    #[command(flatten)]
    OfInstallation(Command),
    #[command(subcommand)]
    Agent(agent::Command),
}

/// What needs to know of an installation.

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Arguments),
    Serve(serve::Arguments),
    Host(host::Arguments),
    Status(status::Arguments),
    Doctor(doctor::Arguments),
    #[command(subcommand)]
    Events(events::Command),
    Explain(explain::Arguments),
    #[command(subcommand)]
    Import(import::Command),
    Seal(seal::Arguments),
    #[command(subcommand)]
    Projection(projection::Command),
    #[command(subcommand)]
    Parked(parked::Command),
    #[command(subcommand)]
    Saga(saga::Command),
    #[command(subcommand)]
    Task(task::Command),
    #[command(subcommand)]
    Tool(tool::Command),
    #[command(subcommand)]
    Policy(policy::Command),
    StopAgents(stop_agents::StopArguments),
    StartAgents(stop_agents::StartArguments),
    #[command(subcommand)]
    Schema(schema::Command),
    #[command(subcommand)]
    Config(config::Command),
}

/// Runs the command that was asked for.
pub fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { config, registry, json, word } = arguments;
    let command = match word {
        Word::OfInstallation(command) => command,
        Word::Agent(command) => return agent::run(Output::new(json), &command),
    };
    let chatty = matches!(command, Command::Serve(_) | Command::Host(_));
    logging::start(if chatty { "info" } else { "error" })?;
    // The HTTP client and the TLS of Postgres share one library and one provider of ciphers, named once.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a provider of ciphers was installed before");
    }
    let loaded = settings::load(config.as_deref(), std::env::vars_os())?;
    let context = Context { schemas: registry, loaded, output: Output::new(json) };
    let runtime = tokio::runtime::Runtime::new().context("no threads can be started")?;
    let result = runtime.block_on(dispatch(&context, command));
    // What still blocks a thread (a read of standard input, a slow disk) must not keep the command from ending.
    runtime.shutdown_background();
    result
}

async fn dispatch(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Init(arguments) => init::run(context, arguments).await,
        Command::Serve(arguments) => serve::run(context, arguments).await,
        Command::Host(arguments) => host::run(context, arguments).await,
        Command::Status(arguments) => status::run(context, arguments).await,
        Command::Doctor(arguments) => doctor::run(context, arguments).await,
        Command::Events(command) => events::run(context, command).await,
        Command::Explain(arguments) => explain::run(context, &arguments).await,
        Command::Import(command) => import::run(context, command).await,
        Command::Seal(arguments) => seal::run(context, &arguments),
        Command::Projection(command) => projection::run(context, command).await,
        Command::Parked(command) => parked::run(context, command).await,
        Command::Saga(command) => saga::run(context, command).await,
        Command::Task(command) => task::run(context, command).await,
        Command::Tool(command) => tool::run(context, command).await,
        Command::Policy(command) => policy::run(context, command).await,
        Command::StopAgents(arguments) => stop_agents::stop(context, &arguments).await,
        Command::StartAgents(arguments) => stop_agents::start(context, &arguments).await,
        Command::Schema(command) => schema::run(context, command).await,
        Command::Config(command) => config::run(context, command),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_tree_of_commands_is_well_formed() {
        Arguments::command().debug_assert();
    }

    /// Walks the tree: help without an example is half a help.
    #[test]
    fn every_command_has_help_with_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let about = command.get_about().is_some();
            let example = command.get_after_help().is_some_and(|help| help.to_string().contains("Example"));
            assert!(about && (example || command.has_subcommands()), "{path} lacks help or an example");
            for child in command.get_subcommands() {
                check(child, &format!("{path} {}", child.get_name()));
            }
        }
        check(&Arguments::command(), "brainops");
    }
}
