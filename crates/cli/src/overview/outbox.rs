//! How the way in is: what waits for the log, who sends it, and where nothing is sent any more.

use std::collections::BTreeMap;

use anyhow::Context as _;
use brainops_outbox::{OutboxState, ShardState, state};
use sqlx::PgPool;

use super::units::{duration, things};

/// Reads it.
pub async fn outbox(pool: &PgPool) -> anyhow::Result<OutboxState> {
    state(pool)
        .await
        .context("the outbox cannot be read; `brainops init`, run after each new version, makes its tables")
}

/// For people: a line, and one more for shards without a relay and for each partition that stands.
pub fn outbox_lines(outbox: &OutboxState) -> String {
    let mut text = match (outbox.pending_rows, outbox.oldest_pending_seconds) {
        (0, _) => "outbox: nothing waits for the log\n".to_owned(),
        (rows, oldest) => {
            let oldest = oldest.map(|age| format!(", the oldest for {}", duration(age))).unwrap_or_default();
            format!("outbox: {} for the log{oldest}\n", waiting(rows))
        }
    };
    let mut without: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for shard in &outbox.shards {
        if let Some(why) = without_relay(shard) {
            without.entry(why).or_default().push(shard.shard.to_string());
        }
    }
    text.extend(without.iter().map(|(why, shards)| format!("outbox, shard {}: {why}\n", shards.join(", "))));
    for stopped in &outbox.stopped {
        text.push_str(&format!(
            "nothing is sent to {}/{}: {}\n",
            stopped.topic, stopped.partition, stopped.reason
        ));
    }
    text
}

fn waiting(rows: u64) -> String {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    if rows == 1 { "1 event waits".to_owned() } else { format!("{} wait", things(rows, "event")) }
}

/// Why nothing of a shard is sent now.
fn without_relay(shard: &ShardState) -> Option<String> {
    let ShardState { holder, lease_seconds_left, open, .. } = shard;
    let why = match holder {
        _ if *open => return None,
        Some(holder) if *lease_seconds_left > 0.0 => {
            format!("its relay, {holder}, still reads the end of the log")
        }
        Some(holder) => format!("no relay; the last was {holder}"),
        None => "no relay yet".to_owned(),
    };
    Some(why)
}

#[cfg(test)]
mod tests {
    use brainops_event::Timestamp;
    use brainops_outbox::StoppedPartition;

    use super::*;

    fn shard(open: bool, lease_seconds_left: f64) -> ShardState {
        ShardState { shard: 2, holder: Some("host:7".to_owned()), epoch: 3, lease_seconds_left, open }
    }

    fn with(shards: Vec<ShardState>, pending_rows: u64) -> OutboxState {
        OutboxState {
            shards,
            pending_rows,
            pending_bytes: 10,
            oldest_pending_seconds: (pending_rows > 0).then_some(90.0),
            stopped: Vec::new(),
        }
    }

    #[test]
    fn what_is_as_it_should_be_takes_one_line() {
        assert_eq!(outbox_lines(&with(vec![shard(true, 4.0)], 0)), "outbox: nothing waits for the log\n");
    }

    #[test]
    fn what_waits_and_why_is_said() {
        let text = outbox_lines(&with(vec![shard(false, -4.0), shard(false, -1.0)], 1));
        assert!(text.contains("1 event waits for the log, the oldest for"), "{text}");
        assert!(text.contains("shard 2, 2: no relay; the last was host:7"), "{text}");
        assert!(outbox_lines(&with(vec![shard(false, 4.0)], 2)).contains("still reads"));
        let stopped = StoppedPartition {
            topic: "brainops.lead".to_owned(),
            partition: 3,
            reason: "the topic was made again".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        };
        let text = outbox_lines(&OutboxState { stopped: vec![stopped], ..with(Vec::new(), 0) });
        assert!(text.contains("nothing is sent to brainops.lead/3: the topic was made again"), "{text}");
    }
}
