//! From the answered assignment until the first event.
use std::time::Instant;

use brainops_event::Offset;
use brainops_log::Signal;

use crate::data::{Data, number};
use crate::figures::{Clock, spread};
use crate::ours;

const WINDOW: i64 = brainops_log::WINDOW_OFFSETS as i64;

pub async fn measure(data: &Data) {
    let back =
        |offsets: i64| move |end: Offset| Offset::new((end.get() - offsets).max(0)).expect("not negative");
    println!("start: milliseconds from the answered assignment until the first event");
    run(data, "empty windows", |_| Offset::ZERO).await;
    run(data, "full windows", back(5_000)).await;
    println!("  (full: 8 windows of up to {WINDOW} offsets, {} records in all)", data.events);
}

async fn run(data: &Data, name: &str, from: impl Fn(Offset) -> Offset) {
    let (mut waits, mut joins, mut cpus) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..number("BENCH_ROUNDS", 5) {
        let joining = Instant::now();
        let mut follower = ours::follower(data).await;
        let mut assigned = None;
        loop {
            match follower.next().await {
                Signal::Assigned(assignment) => {
                    joins.push(joining.elapsed().as_secs_f64() * 1e3);
                    assigned = Some(Clock::start());
                    ours::start(assignment, &from);
                }
                Signal::Batch(batch) => {
                    ours::sink(&batch);
                    break;
                }
                Signal::Failed(error) => panic!("{error}"),
                Signal::Idle(_) | Signal::Revoked(_) => {}
            }
        }
        let took = assigned.expect("assigned").stop();
        waits.push(took.wall.as_secs_f64() * 1e3);
        cpus.push(took.cpu * 1e3);
        follower.stop().await;
    }
    println!("  {name}: {}; CPU {}; joined after {}", spread(waits), spread(cpus), spread(joins));
}
