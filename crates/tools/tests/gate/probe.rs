//! Tools whose acts can be counted: each leaves a line in a file that all processes of a test share.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use brainops_tools::{Act, Effect, Repeat, Secrets, Tool, ToolError, Toolbox};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// A secret that probes know, and where it may be shown.
pub const SECRET: &str = "s3cret-of-the-probe";
const PLACE: &str = "probe.example:443";

pub fn secrets() -> Secrets {
    Secrets::new([("probe".to_owned(), SECRET.to_owned(), vec![PLACE.to_owned()])]).unwrap()
}

/// What a probe is told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// What stands in its line.
    pub word: String,
    /// How large its answer is, in bytes.
    pub bytes: Option<u32>,
    /// How it ends: `fails`, `panics`, `tells` a secret, `complains` about it, or well.
    pub ends: Option<String>,
}

fn act(file: &Path, told: &Told, call: &Act) -> Result<Value, ToolError> {
    let mut lines = OpenOptions::new().append(true).create(true).open(file).unwrap();
    lines.write_all(format!("{}\n", told.word).as_bytes()).unwrap(); // one write, so that lines stay whole
    match told.ends.as_deref() {
        Some("tells") => {
            let secret = call.secret("probe", PLACE)?;
            Ok(json!({ "word": told.word, "told": [format!("it is {secret}!")], secret: 1 }))
        }
        Some("complains") => {
            let secret = call.secret("probe", PLACE)?;
            Err(ToolError::half_done("broken").with(format!("{secret} is refused")))
        }
        Some("fails") => Err(ToolError::half_done("broken").with("as it was told")),
        Some("panics") => panic!("as it was told"),
        _ => Ok(json!({ "word": told.word, "filling": "x".repeat(told.bytes.unwrap_or(0) as usize) })),
    }
}

macro_rules! probe {
    ($name:ident, $tool:literal, $effect:expr, $repeat:expr) => {
        pub struct $name(pub PathBuf);

        #[async_trait]
        impl Tool for $name {
            type Arguments = Told;
            type Result = Value;

            const NAME: &'static str = $tool;
            const SUMMARY: &'static str = "Leaves a line.";
            const EFFECT: Effect = $effect;
            const REPEAT: Repeat = $repeat;

            async fn act(&self, told: Told, call: &Act) -> Result<Value, ToolError> {
                act(&self.0, &told, call)
            }
        }
    };
}

probe!(Once, "probe.once", Effect::Writes, Repeat::Once);
probe!(Again, "probe.again", Effect::Writes, Repeat::Idempotent);
probe!(Grave, "probe.grave", Effect::Critical, Repeat::Once);

/// All of them, with their lines in this file.
pub fn toolbox(file: &Path) -> Toolbox {
    let file = || file.to_owned();
    let tools = Toolbox::default().with(Once(file())).unwrap();
    tools.with(Again(file())).unwrap().with(Grave(file())).unwrap()
}

/// The lines that acts have left.
pub fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}
