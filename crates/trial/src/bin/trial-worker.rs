//! A process that a fault test may kill: a projector, a relay, an appender or an agent, as its order says.

fn main() -> anyhow::Result<()> {
    brainops_trial::live()
}
