//! The tools that a program has.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;

use crate::spec::Spec;
use crate::tool::{AnyTool, BadArguments, Tool, erased};

/// Tools, each under its name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Toolbox {
    tools: Arc<BTreeMap<&'static str, Arc<dyn AnyTool>>>,
}

/// A tool cannot be put in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ToolboxError {
    /// Its name is none.
    #[error("the tool {name:?} has no name of the form family.verb, of a-z, 0-9 and underscores")]
    Name {
        /// The name.
        name: &'static str,
    },
    /// There is another one of its name.
    #[error("there are two tools {name}")]
    Twice {
        /// The name.
        name: &'static str,
    },
}

impl Toolbox {
    /// Puts one in.
    ///
    /// # Errors
    /// [`ToolboxError`].
    pub fn with<T: Tool>(self, tool: T) -> Result<Self, ToolboxError> {
        let tool = erased(tool);
        let name = tool.spec().name;
        if !tool.spec().is_named_well() {
            return Err(ToolboxError::Name { name });
        }
        let mut tools = Arc::unwrap_or_clone(self.tools);
        match tools.insert(name, tool) {
            Some(_) => Err(ToolboxError::Twice { name }),
            None => Ok(Self { tools: Arc::new(tools) }),
        }
    }

    /// What they say about themselves, by name.
    pub fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.tools.values().map(|tool| tool.spec())
    }

    /// What the one of this name says about itself.
    #[must_use]
    pub fn spec(&self, name: &str) -> Option<&Spec> {
        self.tools.get(name).map(|tool| tool.spec())
    }

    /// Whether the one of this name takes these arguments; none where there is no such tool.
    #[must_use]
    pub fn check(&self, name: &str, arguments: &Value) -> Option<Result<(), BadArguments>> {
        self.tools.get(name).map(|tool| tool.check(arguments))
    }

    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<dyn AnyTool>> {
        self.tools.get(name)
    }
}

impl std::fmt::Debug for Toolbox {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.tools.keys()).finish()
    }
}
