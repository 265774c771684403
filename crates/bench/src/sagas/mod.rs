//! Sagas of three steps, each answered by an event; the same on a peer; and many that wait.

mod agents;
mod crowd;
mod peer;
mod run;
mod stepper;
mod times;
mod words;
mod world;

pub(crate) use agents::{Agents, run as run_agents};
pub(crate) use crowd::{Waiting, run as run_waiting};
pub(crate) use peer::{PeerSagas, run as run_peer};
pub(crate) use run::{Sagas, run as run_sagas};
