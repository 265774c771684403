//! The tools of this program, as this installation has them, and its policy.

use std::sync::Arc;

use anyhow::Context as _;
use brainops_tools::{
    ListFiles, Objects, Policy, ProcessRun, ReadFile, Roots, Sandbox, SearchFiles, Toolbox, ToolboxError,
    WriteFile,
};

use crate::context::Context;

/// The policy where none is named.
const BUILT_IN: &str = include_str!("../../../deploy/policy/policy.cedar");

/// All tools.
pub fn toolbox(context: &Context) -> anyhow::Result<Toolbox> {
    let tools = &context.settings().tools;
    let roots = Roots::open(&tools.roots).context("tools.roots")?;
    let run = ProcessRun::new(tools.roots.clone(), Sandbox::new(tools.sandbox.clone()));
    Ok(with(&roots, run)?)
}

fn with(roots: &Roots, run: ProcessRun) -> Result<Toolbox, ToolboxError> {
    let tools = Toolbox::default().with(ReadFile(roots.clone()))?.with(ListFiles(roots.clone()))?;
    tools.with(SearchFiles(roots.clone()))?.with(WriteFile(roots.clone()))?.with(run)
}

/// The text of the policy that is in force, and where it is from.
pub fn policy_text(context: &Context) -> anyhow::Result<(String, String)> {
    match &context.settings().tools.policy {
        None => Ok((BUILT_IN.to_owned(), "built in".to_owned())),
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("tools.policy: {name} cannot be read"))?;
            Ok((text, name))
        }
    }
}

/// The policy that is in force.
pub fn policy(context: &Context, tools: &Toolbox) -> anyhow::Result<Arc<Policy>> {
    let (text, from) = policy_text(context)?;
    Ok(Arc::new(Policy::read(&text, tools).with_context(|| format!("the policy {from}"))?))
}

/// Where large results go.
pub fn objects(context: &Context) -> anyhow::Result<Objects> {
    let settings = context.settings();
    let folder = settings.tools.objects.clone().unwrap_or_else(|| settings.state.folder.join("objects"));
    Objects::folder(&folder).context("tools.objects")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use brainops_tools::{Policy, ProcessRun, Roots, Sandbox, SandboxConfig};

    use super::{BUILT_IN, with};

    #[test]
    fn the_tools_have_names_and_the_policy_that_is_built_in_fits_them() {
        let run = ProcessRun::new(BTreeMap::new(), Sandbox::new(SandboxConfig::default()));
        let tools = with(&Roots::default(), run).unwrap();
        assert!(!Policy::read(BUILT_IN, &tools).unwrap().is_empty());
    }
}
