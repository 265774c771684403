//! A scenario: a fault with a name, and what happens.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use brainops_fault::Bug;

use crate::stage::Stage;

/// What happens in a scenario.
pub type Play = Arc<
    dyn for<'a> Fn(&'a mut Stage) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>
        + Send
        + Sync,
>;

/// A fault, and what happens.
#[derive(Clone)]
pub struct Scenario {
    pub(crate) row: u8,
    pub(crate) name: String,
    pub(crate) touches_the_stack: bool,
    pub(crate) on_small_disks: bool,
    pub(crate) bug: Option<Bug>,
    pub(crate) play: Play,
}

impl Scenario {
    /// A scenario of this row of the fault matrix, which leaves the stack alone: others may play beside it.
    pub fn new(
        row: u8,
        name: impl Into<String>,
        play: impl for<'a> Fn(&'a mut Stage) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            row,
            name: name.into(),
            touches_the_stack: false,
            on_small_disks: false,
            bug: None,
            play: Arc::new(play),
        }
    }

    /// It kills or stops parts of the stack: it plays alone.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { touches_the_stack: true, ..self }
    }

    /// It plays on a stack of its own, whose parts have small disks.
    #[must_use]
    pub fn on_small_disks(self) -> Self {
        Self { touches_the_stack: true, on_small_disks: true, ..self }
    }

    /// The same with a mistake planted in the workers: the checker must see it.
    #[must_use]
    pub fn with(&self, bug: Bug) -> Self {
        let name = format!("planted {}: {}", bug.name(), self.name);
        Self { name, bug: Some(bug), ..self.clone() }
    }

    /// Row and name.
    pub fn title(&self) -> String {
        format!("{} {}", self.row, self.name)
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Scenario")
            .field("title", &self.title())
            .field("bug", &self.bug)
            .finish_non_exhaustive()
    }
}
