//! What a new agent is called.

use std::fmt;
use std::str::FromStr;

/// The longest name: longer ones make lines that the formatter breaks.
const MAX_BYTES: usize = 32;

/// The name of an agent that is to be made. Also the names that follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAgent(String);

/// A text that can be no agent's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "accepted are 2 to {MAX_BYTES} of a-z, 0-9 and dashes; a letter first, and no dash at the end or beside another"
)]
pub struct NameError;

impl NewAgent {
    /// The name, such as `low-stock`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of its crate, such as `agent-low-stock`.
    pub fn folder(&self) -> String {
        format!("agent-{}", self.0)
    }

    /// Its package, such as `brainops-agent-low-stock`.
    pub fn package(&self) -> String {
        format!("brainops-{}", self.folder())
    }

    /// The name of its crate in Rust, such as `brainops_agent_low_stock`.
    pub fn library(&self) -> String {
        self.package().replace('-', "_")
    }

    /// Its type, such as `LowStockAgent`.
    pub fn type_name(&self) -> String {
        let words = self.0.split('-').map(|word| {
            let (first, rest) = word.split_at(1); // names are ASCII, and words are not empty
            first.to_ascii_uppercase() + rest
        });
        words.chain(["Agent".to_owned()]).collect()
    }
}

impl FromStr for NewAgent {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (2..=MAX_BYTES).contains(&text.len())
            && text.bytes().all(fits)
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.split('-').all(|word| !word.is_empty());
        if is_name { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }
}

impl fmt::Display for NewAgent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_name() {
        let name: NewAgent = "low-stock-2x".parse().unwrap();
        assert_eq!(name.package(), "brainops-agent-low-stock-2x");
        assert_eq!(name.library(), "brainops_agent_low_stock_2x");
        assert_eq!(name.type_name(), "LowStock2xAgent");
    }

    #[test]
    fn what_can_be_no_name_is_refused() {
        let long = "a".repeat(33);
        for text in
            ["", "a", "Low", "low_stock", "2low", "-low", "low-", "low--stock", "löw", "../low", &long]
        {
            assert_eq!(text.parse::<NewAgent>(), Err(NameError), "{text}");
        }
        assert!("a".repeat(32).parse::<NewAgent>().is_ok());
    }
}
