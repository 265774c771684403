//! Names that stand in sources, subjects and ids: few characters, bounded, the same on every machine.

/// A short name keeps this many characters at most.
const CHARACTERS: usize = 64;

/// Lower-case letters, digits, `.`, `_` and `-`; everything else becomes `-`. `None` when nothing is left.
pub(crate) fn short_name(text: &str) -> Option<String> {
    let name: String = text
        .to_lowercase()
        .chars()
        .map(|character| match character {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => character,
            _ => '-',
        })
        .collect();
    let name = name.trim_matches(['-', '.']);
    let name: String = name.chars().take(CHARACTERS).collect();
    let name = name.trim_end_matches(['-', '.']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::short_name;

    #[test]
    fn keeps_what_is_harmless_and_nothing_else() {
        assert_eq!(short_name("My Shop_v1.2").as_deref(), Some("my-shop_v1.2"));
        assert_eq!(short_name("../etc/passwd").as_deref(), Some("etc-passwd"));
        assert_eq!(short_name("żółw"), Some("w".to_owned()));
        assert_eq!(short_name("..."), None);
        assert_eq!(short_name(""), None);
        assert_eq!(short_name(&"x".repeat(100)).map(|name| name.len()), Some(64));
    }
}
