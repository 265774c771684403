//! `brainops policy check`

use std::path::PathBuf;

use anyhow::Context as _;
use brainops_tools::Policy;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::tooling;

/// Says whether a policy fits the tools of this installation: each name, each argument, each comparison.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops policy check\n  brainops policy check new-policy.cedar\n\nExit code 3 when it does not fit."
)]
pub struct Arguments {
    /// The policy; that in force when it is left out.
    file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Checked {
    from: String,
    fits: bool,
    policies: usize,
    digest: Option<String>,
    flaw: Option<String>,
}

pub fn run(context: &Context, Arguments { file }: &Arguments) -> anyhow::Result<Exit> {
    let (text, from) = read(context, file.as_ref())?;
    let checked = match Policy::read(&text, &tooling::toolbox(context)?) {
        Ok(policy) => Checked {
            from,
            fits: true,
            policies: policy.len(),
            digest: Some(policy.digest().to_owned()),
            flaw: None,
        },
        Err(error) => Checked { from, fits: false, policies: 0, digest: None, flaw: Some(error.to_string()) },
    };
    context.output.answer(&checked, |checked| match &checked.flaw {
        None => format!(
            "{} fits: {} policies\ndigest {}\n",
            checked.from,
            checked.policies,
            checked.digest.as_deref().unwrap_or_default()
        ),
        Some(flaw) => format!("{} does not fit\n{flaw}\n", checked.from),
    })?;
    Ok(if checked.fits { Exit::Done } else { Exit::Differs })
}

/// The text of a file, or of the policy in force.
pub fn read(context: &Context, file: Option<&PathBuf>) -> anyhow::Result<(String, String)> {
    let Some(path) = file else { return tooling::policy_text(context) };
    let name = path.display().to_string();
    Ok((std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?, name))
}
