//! Ctrl-C while history is folded: what is done is kept, and gone on with the next time.

use tokio_util::sync::CancellationToken;

use crate::serving::listen_for_stop;

/// A token that is cancelled by SIGINT or SIGTERM; a second one ends the process at once.
pub fn until_interrupted() -> anyhow::Result<CancellationToken> {
    listen_for_stop()
}
