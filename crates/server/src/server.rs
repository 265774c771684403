//! Opens the port and answers until it is told to stop.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, ServerConfig};
use crate::doors::{Doors, ServerParts};
use crate::metric_names;
use crate::routes::router;

/// The longest that requests in flight may take to end once the server was told to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// How often the figures that were observed are folded together, so that they take no more and more memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Why the doors could not be opened or kept open.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The configuration cannot be used.
    #[error("the doors cannot be opened as configured")]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}")]
    Bind {
        /// The address as configured.
        listen: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Listening failed later.
    #[error("stopped listening")]
    Serve(#[source] std::io::Error),
}

/// The doors, open but not yet answering.
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    doors: Arc<Doors>,
}

impl Server {
    /// Checks the configuration and opens the port.
    ///
    /// # Errors
    /// When the configuration is out of bounds, or the address is taken.
    pub async fn bind(config: ServerConfig, parts: ServerParts) -> Result<Self, ServerError> {
        config.validate()?;
        let listen = config.listen;
        let failed = |source| ServerError::Bind { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, local_addr, doors: Doors::new(config, parts) })
    }

    /// The address that is listened on, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers until `shutdown`, then lets requests in flight end for at most ten seconds.
    ///
    /// # Errors
    /// When listening fails for good.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServerError> {
        metric_names::describe();
        tracing::info!(address = %self.local_addr, "the doors are open");
        let metrics = self.doors.metrics.clone();
        let serve = axum::serve(self.listener, router(self.doors))
            .with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let drained = async {
            shutdown.cancelled().await;
            tokio::time::sleep(DRAIN_LIMIT).await;
        };
        let upkeep = async {
            let mut ticks = tokio::time::interval(UPKEEP_EVERY);
            loop {
                ticks.tick().await;
                metrics.run_upkeep();
            }
        };
        tokio::select! {
            served = serve => served.map_err(ServerError::Serve),
            () = drained => {
                tracing::warn!(limit_s = DRAIN_LIMIT.as_secs(), "requests still in flight were cut off");
                Ok(())
            }
            () = upkeep => Ok(()),
        }
    }
}
