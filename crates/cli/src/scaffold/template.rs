//! The agent that is copied: `crates/agent-sample`, which this workspace compiles and tests like every other.

use super::name::NewAgent;

/// Its files, by their paths within the crate.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../../../agent-sample/Cargo.toml")),
    ("src/lib.rs", include_str!("../../../agent-sample/src/lib.rs")),
    ("tests/recorded.rs", include_str!("../../../agent-sample/tests/recorded.rs")),
    ("tests/recorded.jsonl", include_str!("../../../agent-sample/tests/recorded.jsonl")),
];

/// The files of a new agent's crate.
pub fn files_of(agent: &NewAgent) -> Vec<(&'static str, String)> {
    let names = [
        ("brainops-agent-sample", agent.package()),
        ("brainops_agent_sample", agent.library()),
        ("SampleAgent", agent.type_name()),
        ("`sample`", format!("`{agent}`")),
        ("\"sample\"", format!("\"{agent}\"")),
    ];
    let renamed =
        |text: &str| names.iter().fold(text.to_owned(), |text, (sample, name)| text.replace(sample, name));
    FILES.iter().map(|(path, text)| (*path, renamed(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_the_sample() {
        for (path, text) in files_of(&"low-stock".parse().unwrap()) {
            assert!(!text.to_lowercase().contains("sample"), "{path}");
        }
    }

    #[test]
    fn the_sample_is_itself() {
        for ((path, text), (_, made)) in FILES.iter().zip(files_of(&"sample".parse().unwrap())) {
            assert_eq!(*text, made, "{path}");
        }
    }
}
