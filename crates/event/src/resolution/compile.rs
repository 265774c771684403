//! Compiles a pair of schemas into a plan.

use std::collections::{BTreeSet, HashMap};

use apache_avro::schema::{EnumSchema, RecordField, RecordSchema, UnionSchema};

use super::defaults::encode_default;
use super::shape::{Part, Shape};
use super::{MAX_DEPTH, Node, NodeId, Piece, Record, Step, Unresolvable, Whole, Wide};

/// How many parts a plan may have; one of our schemas has about fifty.
const MAX_NODES: usize = 20_000;

/// Which record of the writer's schema, and which of the reader's, by where they are kept.
type PairKey = (usize, usize);

#[derive(Default)]
pub(super) struct Compiler {
    nodes: Vec<Node>,
    /// Records that were or are being compiled: a record may hold itself.
    records: HashMap<PairKey, NodeId>,
    depth: usize,
    /// Fields that lead to where the compiler is, for errors.
    path: Vec<String>,
}

impl Compiler {
    pub(super) fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }

    /// Compiles what the reader makes of a value of the writer.
    pub(super) fn pair<'s>(&mut self, writer: Part<'s>, reader: Part<'s>) -> Result<NodeId, Unresolvable> {
        if self.depth == MAX_DEPTH {
            return Err(self.flaw(&format!("it lies more than {MAX_DEPTH} deep")));
        }
        let fields = self.path.len();
        self.depth += 1;
        let compiled = self.shapes(writer, reader);
        self.depth -= 1;
        self.path.truncate(fields); // an error may be that of one branch of several
        compiled
    }

    fn shapes<'s>(&mut self, writer: Part<'s>, reader: Part<'s>) -> Result<NodeId, Unresolvable> {
        let (written, wanted) = (writer.shape()?, reader.shape()?);
        if let (Some(name), Some(_)) = (written.name(), wanted.name())
            && !wanted.is_called(name)
        {
            return Err(self.misfit(&written, &wanted));
        }
        let node = match (written, wanted) {
            (Shape::Union(union), _) => return self.writers_union(writer, union, reader),
            (_, Shape::Union(union)) => return self.readers_union(writer, written, reader, union),
            (Shape::Record(written), Shape::Record(wanted)) => {
                return self.records(writer, written, reader, wanted);
            }
            (Shape::Null, Shape::Null) => Node::Null,
            (Shape::Boolean, Shape::Boolean) => Node::Boolean,
            (Shape::Int, Shape::Int | Shape::Long) => Node::Int,
            (Shape::Long, Shape::Long) => Node::Long,
            (Shape::Int, Shape::Float) => Node::Widen { from: Whole::Int, to: Wide::Float },
            (Shape::Int, Shape::Double) => Node::Widen { from: Whole::Int, to: Wide::Double },
            (Shape::Long, Shape::Float) => Node::Widen { from: Whole::Long, to: Wide::Float },
            (Shape::Long, Shape::Double) => Node::Widen { from: Whole::Long, to: Wide::Double },
            (Shape::Float, Shape::Float) => Node::Float,
            (Shape::Float, Shape::Double) => Node::FloatToDouble,
            (Shape::Double, Shape::Double) => Node::Double,
            (Shape::Bytes, Shape::Bytes) => Node::Bytes,
            (Shape::String, Shape::String | Shape::Bytes) | (Shape::Bytes, Shape::String) => Node::Text,
            (Shape::Fixed(_, size), Shape::Fixed(_, wanted)) if size == wanted => Node::Fixed(size),
            (Shape::Enum(written), Shape::Enum(wanted)) => Node::Enum(symbols(written, wanted)),
            (Shape::Array(written), Shape::Array(wanted)) => {
                Node::Array(self.pair(writer.part(written), reader.part(wanted))?)
            }
            (Shape::Map(written), Shape::Map(wanted)) => {
                Node::Map(self.pair(writer.part(written), reader.part(wanted))?)
            }
            (written, wanted) => return Err(self.misfit(&written, &wanted)),
        };
        self.add(node)
    }

    /// Each branch by itself; that one fits nowhere is wrong only when a value takes it.
    fn writers_union<'s>(
        &mut self,
        writer: Part<'s>,
        union: &'s UnionSchema,
        reader: Part<'s>,
    ) -> Result<NodeId, Unresolvable> {
        let mut branches = Vec::with_capacity(union.variants().len());
        let mut first_flaw = None;
        let mut fits = false;
        for branch in union.variants() {
            let node = match self.pair(writer.part(branch), reader) {
                Ok(node) => {
                    fits = true;
                    node
                }
                Err(flaw) => {
                    let refused = self.add(Node::Refuse(flaw.reason.clone()))?;
                    first_flaw.get_or_insert(flaw);
                    refused
                }
            };
            branches.push(node);
        }
        match first_flaw {
            Some(flaw) if !fits => Err(flaw),
            _ => self.add(Node::Union(branches)),
        }
    }

    /// The first branch of the same type and name, else the first that the value resolves to.
    fn readers_union<'s>(
        &mut self,
        writer: Part<'s>,
        written: Shape<'s>,
        reader: Part<'s>,
        union: &'s UnionSchema,
    ) -> Result<NodeId, Unresolvable> {
        for only_same in [true, false] {
            for (index, branch) in union.variants().iter().enumerate() {
                let branch = reader.part(branch);
                if is_same(&written, &branch.shape()?) != only_same {
                    continue;
                }
                if let Ok(node) = self.pair(writer, branch) {
                    return self.add(Node::Branch(index, node));
                }
            }
        }
        Err(self.misfit(&written, &Shape::Union(union)))
    }

    fn records<'s>(
        &mut self,
        writer: Part<'s>,
        written: &'s RecordSchema,
        reader: Part<'s>,
        wanted: &'s RecordSchema,
    ) -> Result<NodeId, Unresolvable> {
        let key = (std::ptr::from_ref(written) as usize, std::ptr::from_ref(wanted) as usize);
        if let Some(known) = self.records.get(&key) {
            return match &self.nodes[*known] {
                Node::Refuse(reason) => Err(Unresolvable::new(reason.clone())),
                _ => Ok(*known),
            };
        }
        let place = self.add(Node::Pending)?;
        self.records.insert(key, place);
        match self.fields(writer, written, reader, wanted) {
            Ok(record) => {
                self.nodes[place] = Node::Record(record);
                Ok(place)
            }
            Err(flaw) => {
                self.nodes[place] = Node::Refuse(flaw.reason.clone());
                Err(flaw)
            }
        }
    }

    fn fields<'s>(
        &mut self,
        writer: Part<'s>,
        written: &'s RecordSchema,
        reader: Part<'s>,
        wanted: &'s RecordSchema,
    ) -> Result<Record, Unresolvable> {
        let sources = sources(written, wanted);
        let mut of_writer: Vec<Option<NodeId>> = vec![None; written.fields.len()];
        let mut of_reader = Vec::with_capacity(wanted.fields.len());
        for (field, source) in wanted.fields.iter().zip(sources) {
            self.path.push(field.name.clone());
            match source {
                Some(index) => {
                    let from = writer.part(&written.fields[index].schema);
                    of_writer[index] = Some(self.pair(from, reader.part(&field.schema))?);
                    of_reader.push(Source::Field(index));
                }
                None => of_reader.push(Source::Default(self.default_of(reader, field)?)),
            }
            self.path.pop();
        }
        let mut steps = Vec::with_capacity(written.fields.len());
        for (field, node) in written.fields.iter().zip(of_writer) {
            let schema = writer.part(&field.schema);
            steps.push(match node {
                Some(node) => Step::Take(node),
                None => Step::Drop(self.pair(schema, schema)?), // read as itself, then dropped
            });
        }
        Ok(arrange(steps, of_reader))
    }

    fn default_of(&self, reader: Part<'_>, field: &RecordField) -> Result<Box<[u8]>, Unresolvable> {
        let Some(default) = &field.default else {
            return Err(self.flaw("the writer has no such field, and the reader has no default for it"));
        };
        let encoded = encode_default(reader.part(&field.schema), default);
        encoded.map(Vec::into_boxed_slice).map_err(|flaw| self.flaw(&flaw.reason))
    }

    fn add(&mut self, node: Node) -> Result<NodeId, Unresolvable> {
        if self.nodes.len() == MAX_NODES {
            return Err(Unresolvable::new(format!("the schemas have more than {MAX_NODES} parts")));
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn misfit(&self, written: &Shape<'_>, wanted: &Shape<'_>) -> Unresolvable {
        self.flaw(&format!("the writer has {}, the reader has {}", written.title(), wanted.title()))
    }

    fn flaw(&self, what: &str) -> Unresolvable {
        match self.path.is_empty() {
            true => Unresolvable::new(what),
            false => Unresolvable::new(format!("field {}: {what}", self.path.join("."))),
        }
    }
}

/// Where a field of the reader comes from.
enum Source {
    Field(usize),
    Default(Box<[u8]>),
}

/// For each field of the reader, the field of the writer with its name, else with one of its aliases; no field of the
/// writer is read twice.
fn sources(written: &RecordSchema, wanted: &RecordSchema) -> Vec<Option<usize>> {
    let place = |name: &str| written.fields.iter().position(|field| field.name == name);
    let mut sources: Vec<Option<usize>> = wanted.fields.iter().map(|field| place(&field.name)).collect();
    let mut taken: BTreeSet<usize> = sources.iter().flatten().copied().collect();
    for (field, source) in wanted.fields.iter().zip(&mut sources) {
        if source.is_none() {
            let mut known = field.aliases.iter().filter_map(|alias| place(alias));
            *source = known.find(|index| taken.insert(*index));
        }
    }
    sources
}

/// Where the reader has what it takes in the writer's order, its defaults go between; else everything is put into
/// order at the end.
fn arrange(steps: Vec<Step>, of_reader: Vec<Source>) -> Record {
    let taken = of_reader.iter().filter_map(|source| match source {
        Source::Field(index) => Some(*index),
        Source::Default(_) => None,
    });
    if !taken.is_sorted() {
        let piece = |source| match source {
            Source::Field(index) => Piece::Taken(index),
            Source::Default(bytes) => Piece::Put(bytes),
        };
        return Record { steps, pieces: Some(of_reader.into_iter().map(piece).collect()) };
    }
    let mut ordered = Vec::with_capacity(steps.len() + of_reader.len());
    let mut steps = steps.into_iter();
    for source in of_reader {
        match source {
            Source::Default(bytes) => ordered.push(Step::Put(bytes)),
            Source::Field(_) => {
                for step in steps.by_ref() {
                    let is_taken = matches!(step, Step::Take(_));
                    ordered.push(step);
                    if is_taken {
                        break;
                    }
                }
            }
        }
    }
    ordered.extend(steps);
    Record { steps: ordered, pieces: None }
}

fn symbols(written: &EnumSchema, wanted: &EnumSchema) -> Vec<Result<usize, String>> {
    let place = |symbol: &str| wanted.symbols.iter().position(|known| known == symbol);
    let default = wanted.default.as_deref().and_then(place);
    let resolve = |symbol: &String| {
        let index = place(symbol).or(default);
        index.ok_or_else(|| format!("{} has no symbol {symbol} and no default", wanted.name.fullname(None)))
    };
    written.symbols.iter().map(resolve).collect()
}

/// Whether both are of one type, and of one full name where the type has names.
fn is_same(written: &Shape<'_>, wanted: &Shape<'_>) -> bool {
    match (written, wanted) {
        (Shape::Null, Shape::Null)
        | (Shape::Boolean, Shape::Boolean)
        | (Shape::Int, Shape::Int)
        | (Shape::Long, Shape::Long)
        | (Shape::Float, Shape::Float)
        | (Shape::Double, Shape::Double)
        | (Shape::Bytes, Shape::Bytes)
        | (Shape::String, Shape::String)
        | (Shape::Array(_), Shape::Array(_))
        | (Shape::Map(_), Shape::Map(_)) => true,
        (Shape::Fixed(..), Shape::Fixed(..))
        | (Shape::Enum(_), Shape::Enum(_))
        | (Shape::Record(_), Shape::Record(_)) => written.name() == wanted.name(),
        _ => false,
    }
}
