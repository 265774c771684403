//! Somebody who keeps appending: unique events, again after an unknown outcome, each acknowledgement noted.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::voice::{Voice, say};

/// How many events are said at once, straight to Kafka.
const AT_ONCE: u64 = 10;

/// How many are said at once through the outbox, which has a commit to share among them.
const AT_ONCE_THROUGH_OUTBOX: u64 = 30;

/// The pause after each time.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// The pause of somebody who gives the others time: each event is several for those who react and answer.
pub(crate) const LONG_PAUSE: Duration = Duration::from_millis(100);

/// How long what was said may go without an acknowledgement once the speaker is asked to end.
const LAST_LIMIT: Duration = Duration::from_secs(60);

/// How many subjects there are.
const SUBJECTS: u64 = 120;

/// A subject, as skewed as those of leads are.
pub(crate) fn subject(dice: &mut Dice) -> String {
    format!("metrics/lead-{}", dice.skewed(SUBJECTS))
}

/// A speaker at work.
#[derive(Debug)]
pub(crate) struct Speaker {
    stop: CancellationToken,
    life: JoinHandle<Result<(), String>>,
}

impl Speaker {
    pub(crate) fn start(voice: Voice, ledger: Ledger, dice: Dice, pause: Duration) -> Self {
        let stop = CancellationToken::new();
        let life = tokio::spawn(speak(voice, ledger, (dice, pause), stop.clone()));
        Self { stop, life }
    }

    /// Says no more, and waits until all that was said is acknowledged.
    pub(crate) async fn silence(self) -> Result<(), String> {
        self.stop.cancel();
        self.life.await.map_err(|error| error.to_string())?
    }
}

async fn speak(
    voice: Voice,
    ledger: Ledger,
    (mut dice, pause): (Dice, Duration),
    stop: CancellationToken,
) -> Result<(), String> {
    let mut waiting: Vec<(u64, String)> = Vec::new();
    let mut last: Option<(u64, String)> = None;
    let mut asked_to_stop_at = None;
    loop {
        if stop.is_cancelled() {
            let since = *asked_to_stop_at.get_or_insert_with(Instant::now);
            if waiting.is_empty() {
                return Ok(());
            }
            if since.elapsed() > LAST_LIMIT {
                return Err(format!("{} events are never acknowledged", waiting.len()));
            }
        } else if waiting.is_empty() {
            // Now and then somebody says again what was acknowledged long ago.
            waiting.extend(last.take_if(|_| dice.below(4) == 0));
            let is_direct = matches!(voice, Voice::Direct(_));
            for _ in 0..if is_direct { AT_ONCE } else { AT_ONCE_THROUGH_OUTBOX } {
                let subject = subject(&mut dice);
                waiting.push((ledger.say(&subject), subject));
            }
        }
        let before = waiting.clone();
        waiting = say(&voice, &ledger, waiting).await?;
        if waiting.is_empty() {
            last = before.into_iter().next_back();
        }
        tokio::time::sleep(pause).await;
    }
}
