//! Processes in a sandbox: bubblewrap with namespaces of its own, no network, one folder to write in, and limits.
//!
//! | what a process wants | what holds it |
//! |---|---|
//! | other files | a root of `/usr`, what the configuration adds, and `/work`; all but `/work` and `/tmp` is read-only |
//! | the network, other processes, the host's name | namespaces of its own, with nothing in them |
//! | to be somebody | no capabilities, no new privileges, and as root's child the user `sandbox.user` |
//! | to go on | a limit of time; the end of its first process ends all of them, and so does the end of the executor |
//! | all memory, all processes, all disk | limits of the kernel for each process and for the user's number of them |
//! | to talk without end | what is kept of its output is bounded, and beyond a larger bound it is ended |
//!
//! **Fails closed.** Where bubblewrap cannot be started, or the user cannot be changed, nothing is run.

mod job;
mod process_run;
mod tests_run;
mod work_tree;

pub use job::{Sandbox, SandboxConfig};
pub use process_run::ProcessRun;
pub use tests_run::TestsRun;
