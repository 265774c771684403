//! A process that a fault test may kill: a projector, a relay or an appender, as its order says.

fn main() -> anyhow::Result<()> {
    brainops_trial::live()
}
