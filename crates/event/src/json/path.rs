//! Where in an event a value stands. Built on the way down, written out only when there is a fault to tell of.

use std::fmt;

use super::field_error::shown;

#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    Root(&'static str),
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl Path<'_> {
    pub(crate) fn member<'p>(&'p self, name: &'p str) -> Path<'p> {
        Path::Member(self, name)
    }

    pub(crate) fn item(&self, place: usize) -> Path<'_> {
        Path::Item(self, place)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => formatter.write_str(name),
            Self::Member(parent, name) => write!(formatter, "{parent}.{}", shown(name)),
            Self::Item(parent, place) => write!(formatter, "{parent}[{place}]"),
        }
    }
}
