//! Events per second and CPU per event, beside the bare loop; and how memory goes while much is read.
use crate::data::{Data, number};
use crate::figures::{spread, status_mib};
use crate::{bare, ours};

/// What the follower asks of its client, for the bare loop to have the same.
const SAME: &[(&str, &str)] =
    &[("queued.min.messages", "20000"), ("queued.max.messages.kbytes", "8192"), ("check.crcs", "true")];

pub async fn measure(data: &Data) {
    let rounds = number("BENCH_ROUNDS", 5);
    let events = data.events;
    println!("throughput: {events} records, {rounds} rounds");
    let (mut wall, mut cpu) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..rounds {
        let plain = tokio::task::block_in_place(|| bare::read(data, &[]));
        let same = tokio::task::block_in_place(|| bare::read(data, SAME));
        let ours = ours::read(data).await;
        for (name, took) in
            [("bare, defaults", plain), ("bare, same settings", same), ("follower", ours.took)]
        {
            let (rate, each) = (took.per_second(events), took.cpu_each(events));
            println!("  {round} {name:<20} {rate:>10.0} events/s  {each:.3} us CPU/event");
        }
        println!("  {round} {} batches, the largest of {} records", ours.batches, ours.largest);
        for (index, bare) in [plain, same].iter().enumerate() {
            wall[index].push(ours.took.per_second(events) / bare.per_second(events));
            cpu[index].push(bare.cpu / ours.took.cpu);
        }
    }
    for (index, name) in ["bare with defaults", "bare with our settings"].iter().enumerate() {
        println!("  follower / {name}: wall {}", spread(std::mem::take(&mut wall[index])));
        println!("  follower / {name}: CPU  {}", spread(std::mem::take(&mut cpu[index])));
    }
}

/// Reads everything several times through one process and looks at its memory.
pub async fn memory(data: &Data) {
    let rounds = 5_000_000u64.div_ceil(data.events);
    println!("memory: {} records", rounds * data.events);
    println!("  before: {:.1} MiB resident", status_mib("VmRSS"));
    for round in 0..rounds {
        ours::read(data).await;
        println!("  {round}: {:.1} MiB resident, peak {:.1}", status_mib("VmRSS"), status_mib("VmHWM"));
    }
}
