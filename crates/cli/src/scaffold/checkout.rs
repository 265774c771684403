//! The checkout that gets a new agent, and the lines that register it there.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ScaffoldError;
use super::name::NewAgent;
use super::plan::{Edit, Plan};
use super::template::files_of;

/// The manifest of the workspace, and where it lists what its crates may use.
const WORKSPACE: (&str, &str) = ("Cargo.toml", "[workspace.dependencies]");
/// The manifest of this program, and where it lists what it uses.
const PROGRAM: (&str, &str) = ("crates/cli/Cargo.toml", "[dependencies]");
/// The list of agents, and the line that ends it.
const AGENTS: (&str, &str) = ("crates/cli/src/agents.rs", "    ])");

/// What the lines of our own crates begin with in manifests.
const OURS: &str = "brainops-";

/// A checkout of the workspace.
#[derive(Debug)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout that this folder belongs to.
    ///
    /// # Errors
    /// It belongs to none.
    pub fn around(folder: &Path) -> Result<Self, ScaffoldError> {
        let is_root = |folder: &&Path| folder.join(AGENTS.0).is_file() && folder.join(WORKSPACE.0).is_file();
        let root = folder.ancestors().find(is_root).map(Path::to_owned);
        root.map(|root| Self { root }).ok_or_else(|| ScaffoldError::NoCheckout { folder: folder.to_owned() })
    }

    /// Puts together what makes this agent; `known` are names of agents that there are already. Writes nothing.
    ///
    /// # Errors
    /// The name is taken, or a file has no place for the line that registers it.
    pub fn plan(&self, agent: &NewAgent, known: &[&str]) -> Result<Plan, ScaffoldError> {
        let taken = |by: String| Err(ScaffoldError::Taken { name: agent.to_string(), by });
        if known.contains(&agent.as_str()) {
            return taken("an agent is called so".to_owned());
        }
        let folder = self.root.join("crates").join(agent.folder());
        if folder.symlink_metadata().is_ok() {
            return taken(format!("there is {}", folder.display()));
        }
        let package = agent.package();
        let line = format!("{package} = {{ path = \"crates/{}\" }}", agent.folder());
        let used = format!("{package} = {{ workspace = true }}");
        let mut edits = Vec::new();
        for ((path, section), line) in [(WORKSPACE, line), (PROGRAM, used)] {
            edits.push(self.edit(path, format!("the section {section}"), |text| {
                with_dependency(text, section, &line)
            })?);
        }
        let (path, end) = AGENTS;
        let cast = format!("        Cast::of({}::{})?,", agent.library(), agent.type_name());
        let wanted = format!("one line {end:?} at the end of the list");
        edits.push(self.edit(path, wanted, |text| with_line_before(text, end, &cast))?);
        let files = files_of(agent);
        Ok(Plan { root: self.root.clone(), folder, files, edits })
    }

    fn edit(
        &self,
        path: &str,
        wanted: String,
        change: impl FnOnce(&str) -> Option<String>,
    ) -> Result<Edit, ScaffoldError> {
        let path = self.root.join(path);
        let before =
            fs::read_to_string(&path).map_err(|source| ScaffoldError::Read { path: path.clone(), source })?;
        match change(&before) {
            Some(after) => Ok(Edit { path, before, after }),
            None => Err(ScaffoldError::NoPlace { path, wanted }),
        }
    }
}

/// The text with a line more in a section, in its place among our own crates.
fn with_dependency(text: &str, section: &str, line: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let begin = lines.iter().position(|one| *one == section)? + 1;
    let rest = lines[begin..].iter().position(|one| one.starts_with('[')).map(|length| begin + length);
    let inside = begin..rest.unwrap_or(lines.len());
    let before = lines[inside].iter().rposition(|one| one.starts_with(OURS) && *one < line);
    lines.insert(before.map_or(begin, |place| begin + place + 1), line);
    Some(lines.join("\n") + "\n")
}

/// The text with a line more before the only line that is `end`.
fn with_line_before(text: &str, end: &str, line: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let place = lines.iter().position(|one| *one == end)?;
    if lines.iter().filter(|one| **one == end).count() > 1 {
        return None;
    }
    lines.insert(place, line);
    Some(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_put_in_its_place() {
        let text = "[package]\nname = \"x\"\n\n[dependencies]\nbrainops-a = 1\nbrainops-c = 1\nanyhow = 1\n\n[lints]\n";
        let place = |line: &str| {
            let put = with_dependency(text, "[dependencies]", line).unwrap();
            put.lines().position(|one| one == line).unwrap()
        };
        assert_eq!([place("brainops-0 = 1"), place("brainops-b = 1"), place("brainops-d = 1")], [4, 5, 6]);
        assert_eq!(with_dependency(text, "[workspace.dependencies]", "x"), None);
        assert_eq!(
            with_dependency("[dependencies]\n", "[dependencies]", "x = 1").unwrap(),
            "[dependencies]\nx = 1\n"
        );
    }

    #[test]
    fn a_list_gets_a_line_at_its_end_if_there_is_one_list() {
        assert_eq!(with_line_before("a[\n  1,\n]\n", "]", "  2,").unwrap(), "a[\n  1,\n  2,\n]\n");
        assert_eq!(with_line_before("a[\n]\nb[\n]\n", "]", "  2,"), None);
        assert_eq!(with_line_before("a\n", "]", "  2,"), None);
    }
}
