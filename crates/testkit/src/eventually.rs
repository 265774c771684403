//! Waiting on a condition, with a limit. Tests do not sleep.

use std::future::Future;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

/// How often the condition is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The condition did not become true in time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not true within {} s", limit.as_secs_f64())]
pub struct TimedOut {
    /// The limit.
    pub limit: Duration,
}

/// Waits until the condition is true.
///
/// # Errors
/// [`TimedOut`] when it is not within the limit; it is looked at at least once.
pub async fn eventually<C, F>(limit: Duration, mut condition: C) -> Result<(), TimedOut>
where
    C: FnMut() -> F,
    F: Future<Output = bool>,
{
    let deadline = Instant::now() + limit;
    loop {
        if condition().await {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(TimedOut { limit });
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_looked_at_until_it_is_true_or_the_limit_passes() {
        let mut looks = 0;
        let counted = eventually(Duration::from_secs(5), || {
            looks += 1;
            let enough = looks > 2;
            async move { enough }
        });
        assert_eq!(counted.await, Ok(()));
        let limit = Duration::from_millis(30);
        assert_eq!(eventually(limit, || async { false }).await, Err(TimedOut { limit }));
    }
}
