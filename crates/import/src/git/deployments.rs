//! Release tags told as deployments: each one that matches is a `deployment.succeeded` of one service.

use super::GitError;
use super::refs::Ref;

/// A service or environment name is this long at most, in characters.
const NAME_CHARACTERS: usize = 100;

/// Makes each release tag a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentsFromTags {
    /// Which tags are releases.
    pub pattern: TagPattern,
    /// The service that they deploy; `None` means the repository's short name.
    pub service: Option<String>,
    /// The environment that they are deployed to, such as `production`.
    pub environment: String,
}

impl DeploymentsFromTags {
    /// The service's name, given the repository's.
    pub(super) fn service_name<'a>(&'a self, repository: &'a str) -> &'a str {
        self.service.as_deref().unwrap_or(repository)
    }

    /// Refuses names that could not be told apart in a subject `<service>/<environment>`.
    pub(super) fn check(&self) -> Result<(), GitError> {
        if let Some(service) = &self.service {
            check_name("service", service)?;
        }
        check_name("environment", &self.environment)
    }

    /// The release tags in the order in which they were deployed.
    pub(super) fn releases<'a>(&self, tags: &'a [Ref]) -> Vec<&'a Ref> {
        let mut releases: Vec<&Ref> = tags.iter().filter(|tag| self.pattern.matches(&tag.name)).collect();
        releases.sort_by(|left, right| (left.at, &left.name).cmp(&(right.at, &right.name)));
        releases
    }
}

fn check_name(field: &'static str, value: &str) -> Result<(), GitError> {
    let refused = value.is_empty()
        || value.chars().count() > NAME_CHARACTERS
        || value
            .chars()
            .any(|character| character == '/' || character.is_control() || character.is_whitespace());
    if !refused {
        return Ok(());
    }
    let reason = format!("accepted are 1 to {NAME_CHARACTERS} characters without '/' and white space");
    Err(GitError::Name { field, value: value.to_owned(), reason })
}

/// A pattern over a whole tag name: `*` stands for any text, `?` for any one character, all else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPattern(Vec<char>);

impl TagPattern {
    /// Takes the pattern as given; every text is a pattern.
    pub fn new(pattern: &str) -> TagPattern {
        TagPattern(pattern.chars().collect())
    }

    /// The pattern that every tag matches.
    pub fn any() -> TagPattern {
        TagPattern::new("*")
    }

    /// Whether the whole name fits.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut in_pattern, mut in_name) = (0, 0);
        // Where the last star stood, and how much of the name it has swallowed so far.
        let mut star: Option<(usize, usize)> = None;
        while in_name < name.len() {
            match self.0.get(in_pattern) {
                Some('*') => {
                    star = Some((in_pattern, in_name));
                    in_pattern += 1;
                }
                Some(wanted) if *wanted == '?' || *wanted == name[in_name] => {
                    in_pattern += 1;
                    in_name += 1;
                }
                _ => {
                    let Some((at, swallowed)) = star else { return false };
                    star = Some((at, swallowed + 1));
                    (in_pattern, in_name) = (at + 1, swallowed + 1);
                }
            }
        }
        self.0[in_pattern..].iter().all(|rest| *rest == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "release/v1", true),
            ("v*", "v1.2", true),
            ("v*", "rev1", false),
            ("v?.?", "v1.2", true),
            ("v?.?", "v1.22", false),
            ("*-rc*", "v1-rc-rc2", true),
            ("*ab", "aab", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "abb", false),
            ("", "v1", false),
            ("v[1]", "v[1]", true),
        ] {
            assert_eq!(TagPattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_name_that_breaks_the_subject_is_refused() {
        let options = |service: &str| DeploymentsFromTags {
            pattern: TagPattern::any(),
            service: Some(service.to_owned()),
            environment: "production".to_owned(),
        };
        assert!(options("shop").check().is_ok());
        for bad in ["", "a/b", "a b", "a\n", &"x".repeat(101)] {
            let error = options(bad).check().unwrap_err().to_string();
            assert!(error.contains("service") && error.contains("accepted"), "{error}");
        }
    }
}
