//! Reads what one schema wrote as data of another: Avro's schema resolution, from bytes to bytes.
//!
//! A [`Resolution`] is compiled once for a pair of schemas and then applied to any number of datums. It walks through
//! the writer's bytes once and writes the reader's as it goes; no tree is made. What it does is what the Avro
//! specification says:
//!
//! | in the writer's schema | in the reader's | |
//! |---|---|---|
//! | a field | one of that name, or with that name as an alias | is resolved |
//! | a field | none | is read, checked and dropped |
//! | no field | one with a default | is the default |
//! | int, long, float | wider | is widened |
//! | string, bytes | the other | is kept, when it is UTF-8 |
//! | a symbol | an enum without it | is the enum's default |
//! | a branch of a union | any schema | is resolved, when a value comes that took it |
//! | any schema | a union | is its first branch of the same type and name, else the first that it resolves to |
//! | a record, an enum or a fixed | one of another name | is refused, unless an alias of the reader says so |
//! | a logical type | any | is what it is made of |
//!
//! All that is wrong with a pair is found when it is compiled, but for what only some values have: a branch of the
//! writer's union, a symbol. All that is wrong with bytes is an error and never a panic, and it costs no more memory
//! than [`MAX_OUTPUT_BYTES`].

mod compile;
mod defaults;
mod shape;
mod walk;

use std::fmt;

use apache_avro::Schema;
use apache_avro::schema::ResolvedSchema;

use compile::Compiler;
use shape::Part;
use walk::Walk;

/// How deep values may lie in each other, in the bytes and in the schemas.
const MAX_DEPTH: usize = 128;
/// How many bytes a datum may become, in bytes: sixteen times what a record of the log may hold.
pub const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// A reader's schema cannot read what a writer's schema wrote, whatever the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unresolvable {
    /// Which field, and what is wrong with it.
    pub reason: String,
}

impl Unresolvable {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Bytes cannot be read as data of the reader's schema. Says nothing of the values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranscodeError {
    /// The bytes end within a value.
    #[error("the datum breaks off")]
    BreaksOff,
    /// Bytes follow the datum.
    #[error("{bytes} bytes follow the datum")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A number, a length or the index of a branch or symbol is not one that the writer's schema allows.
    #[error("{what} is {found}, accepted is {accepted}")]
    Number {
        /// What it stands for.
        what: &'static str,
        /// What was found.
        found: i64,
        /// What is accepted.
        accepted: String,
    },
    /// A number takes more bytes than its type has.
    #[error("a number takes more than 10 bytes")]
    LongNumber,
    /// Text is not UTF-8.
    #[error("text is not UTF-8")]
    NotText,
    /// Lists have more items than the datum has bytes.
    #[error("lists have more items than the datum has bytes, which are {bytes}")]
    Items {
        /// Length of the datum.
        bytes: usize,
    },
    /// Values lie too deep in each other.
    #[error("values lie more than {accepted} deep in each other")]
    Depth {
        /// How deep they may lie.
        accepted: usize,
    },
    /// With the reader's defaults, the datum becomes too long.
    #[error("the datum becomes longer than {accepted} bytes")]
    Output {
        /// How long it may become.
        accepted: usize,
    },
    /// The value took a branch or a symbol that the reader has nothing for.
    #[error("the reader's schema has no place for this value: {reason}")]
    Refused {
        /// Which one.
        reason: String,
    },
}

/// What to do with the bytes of one schema to have those of another.
pub struct Resolution {
    nodes: Vec<Node>,
    root: NodeId,
}

/// Place of a node in its plan.
type NodeId = usize;

/// What to do with one value.
#[derive(Debug)]
enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    /// Int or long, and float or double in its place.
    Widen {
        to: Wide,
        from: Whole,
    },
    FloatToDouble,
    Bytes,
    /// String or bytes, with text in them.
    Text,
    Fixed(usize),
    /// By the writer's index; an index of the reader, or the reason why there is none.
    Enum(Vec<Result<usize, String>>),
    Array(NodeId),
    Map(NodeId),
    /// By the writer's branch.
    Union(Vec<NodeId>),
    /// A branch of the reader's union.
    Branch(usize, NodeId),
    Record(Record),
    /// Nothing fits; only a value that comes here is wrong.
    Refuse(String),
    /// Being compiled: a record that holds itself.
    Pending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    Int,
    Long,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wide {
    Float,
    Double,
}

/// What to do with the fields of a record.
#[derive(Debug)]
struct Record {
    /// In the writer's order.
    steps: Vec<Step>,
    /// In the reader's order, when it is not that of the steps.
    pieces: Option<Vec<Piece>>,
}

#[derive(Debug)]
enum Step {
    /// A field that both have.
    Take(NodeId),
    /// A field that only the writer has.
    Drop(NodeId),
    /// A field that only the reader has.
    Put(Box<[u8]>),
}

#[derive(Debug)]
enum Piece {
    /// What the step of this number wrote.
    Taken(usize),
    Put(Box<[u8]>),
}

impl Resolution {
    /// Compiles what to do with the writer's bytes to have the reader's.
    ///
    /// # Errors
    /// The reader's schema cannot read what the writer's wrote; the error says which field, and why.
    pub fn new(writer: &Schema, reader: &Schema) -> Result<Self, Unresolvable> {
        let names =
            |schema| ResolvedSchema::new(schema).map_err(|error| Unresolvable::new(error.to_string()));
        let (writers, readers) = (names(writer)?, names(reader)?);
        let writer = Part { schema: writer, names: writers.get_names() };
        let reader = Part { schema: reader, names: readers.get_names() };
        let mut compiler = Compiler::default();
        let root = compiler.pair(writer, reader)?;
        Ok(Self { nodes: compiler.into_nodes(), root })
    }

    /// A datum of the writer's schema as a datum of the reader's.
    ///
    /// # Errors
    /// The bytes are no datum of the writer's schema, or have what the reader's schema has no place for.
    pub fn transcode(&self, datum: &[u8]) -> Result<Vec<u8>, TranscodeError> {
        Walk::new(&self.nodes, datum).run(self.root)
    }
}

impl fmt::Debug for Resolution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Resolution").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}
