//! Which sagas stand in the chain of causes of an event: the extension `causepath`.
//!
//! An agent's decision carries it on; whoever answers an event repeats it as it is, and need not understand it. It is for
//! cutting loops, not for explaining: `causationid` leads to every cause, this only to the last few sagas, in a bounded
//! space. What cannot be read counts as nothing: the chain begins anew.
//!
//! ```text
//! 7;3*orders/o-17;4*stock/s-2        seven reactions; the fourth of stock/s-2 was the last of them
//! ```
//!
//! The sagas come in the order of their last reactions, each once, with how many it has had. `%` and `;` in names are
//! written as `%25` and `%3B`.

use std::fmt;

use crate::view::EnvelopeView;

/// How many sagas are remembered at most; the one whose last reaction is longest ago goes first.
const MAX_SAGAS: usize = 8;
/// How long it may become as text, in bytes. One saga always fits.
const MAX_BYTES: usize = 2_048;

/// The sagas in the chain of causes of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CausePath {
    hops: u32,
    sagas: Vec<(String, u32)>,
}

impl CausePath {
    /// The name of the extension.
    pub const EXTENSION: &'static str = "causepath";

    /// That of an event; the beginning of one where there is none that can be read.
    #[must_use]
    pub fn of(envelope: &EnvelopeView<'_>) -> Self {
        let mut extensions = envelope.extensions();
        let text = extensions.find_map(|(name, text)| (name == Self::EXTENSION).then_some(text));
        text.and_then(Self::parse).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let mut parts = text.split(';');
        let hops = parts.next()?.parse().ok()?;
        let saga = |part: &str| {
            let (times, name) = part.split_once('*')?;
            let times = times.parse().ok().filter(|times| *times > 0)?;
            Some((unescaped(name)?, times))
        };
        let sagas: Vec<_> = parts.map(saga).collect::<Option<_>>()?;
        let known: u32 = sagas.iter().fold(0, |sum, (_, times)| sum.saturating_add(*times));
        (sagas.len() <= MAX_SAGAS && known <= hops).then_some(Self { hops, sagas })
    }

    /// That of what a saga (`agent/correlation`) decides about an event of this one.
    #[must_use]
    pub fn through(&self, saga: &str) -> Self {
        let mut sagas = self.sagas.clone();
        let times = self.times(saga).saturating_add(1);
        sagas.retain(|(known, _)| known != saga);
        sagas.push((saga.to_owned(), times));
        let mut path = Self { hops: self.hops.saturating_add(1), sagas };
        while path.sagas.len() > MAX_SAGAS || (path.sagas.len() > 1 && path.to_string().len() > MAX_BYTES) {
            path.sagas.remove(0);
        }
        path
    }

    /// How many reactions the chain has.
    #[must_use]
    pub const fn hops(&self) -> u32 {
        self.hops
    }

    /// How many of them this saga had, as far as they are remembered.
    #[must_use]
    pub fn times(&self, saga: &str) -> u32 {
        self.sagas.iter().find(|(known, _)| known == saga).map_or(0, |(_, times)| *times)
    }

    /// The sagas that have reacted since this one did, it first: those that wake each other, if it is to react again. All
    /// that are remembered, where it is not among them.
    #[must_use]
    pub fn cycle(&self, saga: &str) -> Vec<String> {
        let from = self.sagas.iter().position(|(known, _)| known == saga).unwrap_or(0);
        self.sagas[from..].iter().map(|(known, _)| known.clone()).collect()
    }
}

impl fmt::Display for CausePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.hops)?;
        for (saga, times) in &self.sagas {
            write!(out, ";{times}*{}", saga.replace('%', "%25").replace(';', "%3B"))?;
        }
        Ok(())
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut whole = pieces.next()?.to_owned();
    for piece in pieces {
        let rest = match piece.split_at_checked(2)? {
            ("25", rest) => format!("%{rest}"),
            ("3B", rest) => format!(";{rest}"),
            _ => return None,
        };
        whole.push_str(&rest);
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(sagas: &[&str]) -> CausePath {
        sagas.iter().fold(CausePath::default(), |path, saga| path.through(saga))
    }

    #[test]
    fn a_saga_that_comes_again_is_counted_and_comes_last() {
        let path = path(&["x/1", "a/1", "b/1", "c/1", "a/1", "b/1"]);
        assert_eq!(path.to_string(), "6;1*x/1;1*c/1;2*a/1;2*b/1");
        assert_eq!(path.through("c/1").cycle("a/1"), ["a/1", "b/1", "c/1"]);
        assert_eq!((path.times("a/1"), path.times("d/1"), path.hops()), (2, 0, 6));
        assert_eq!(path.cycle("d/1"), ["x/1", "c/1", "a/1", "b/1"], "all that are known");
    }

    #[test]
    fn any_name_comes_back_and_the_size_is_bounded() {
        let long = "%;*/".repeat(110);
        let names: Vec<String> = (0..20).map(|number| format!("a/{long}{number}")).collect();
        let mut path = CausePath::default();
        for name in &names {
            path = path.through(name);
            let text = path.to_string();
            assert!(text.len() <= MAX_BYTES, "{} bytes", text.len());
            assert_eq!(CausePath::parse(&text).as_ref(), Some(&path));
        }
        assert_eq!((path.hops(), path.times(&names[19]), path.times(&names[0])), (20, 1, 0));
    }

    #[test]
    fn what_nobody_of_us_wrote_is_nothing() {
        for text in ["", "x", "-1", "1;a", "1;0*a", "1;2*a", "1;1*a%41", "1;1*a%", "1;1*a;", "99999999999"] {
            assert_eq!(CausePath::parse(text), None, "{text}");
        }
        let crowd = format!("9{}", ";1*a".repeat(9));
        assert_eq!(CausePath::parse(&crowd), None);
    }
}
