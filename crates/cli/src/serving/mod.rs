//! The roles of `brainops serve`: what each does until it is told to stop.

mod api;
mod ground;
mod moments;
mod probes;
mod projectors;
mod relay;
mod replay;
mod sagas;
mod sensors;
mod signals;
mod tasks;
mod tools;

use clap::ValueEnum;

pub use api::start_api;
pub use ground::Ground;
pub use projectors::start_projectors;
pub use relay::start_relay;
pub use replay::start_replay;
pub use sagas::start_sagas;
pub use sensors::start_sensors;
pub use signals::{Stop, listen_for_stop};
pub use tasks::start_tasks;
pub use tools::start_tools;

/// What a process of `brainops serve` does. Roles keep nothing of their own outside the log, Postgres and the state
/// folder, so each scales by starting more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// The doors: HTTP for events, webhooks and queries.
    Api,
    /// Folds the log into the read models.
    Projectors,
    /// Folds history that was asked for: rebuilds, and past moments.
    Replay,
    /// Lets agents react, and fires their timers.
    Sagas,
    /// Follows the work that agents ask for, so that workers can take it.
    Tasks,
    /// The gate: does what agents and people ask to have done in the world, where the policy permits it.
    Tools,
    /// Looks at deployed services, and tells the log what it sees.
    Sensors,
    /// Sends what the doors and imports have put into the outbox to the log.
    Relay,
}

impl Role {
    /// Its name, as given on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Role::Api => "api",
            Role::Projectors => "projectors",
            Role::Relay => "relay",
            Role::Replay => "replay",
            Role::Sagas => "sagas",
            Role::Sensors => "sensors",
            Role::Tasks => "tasks",
            Role::Tools => "tools",
        }
    }
}
