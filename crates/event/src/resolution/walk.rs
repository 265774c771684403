//! Walks through a datum by a plan, and writes another as it goes.

use std::ops::Range;

use super::{MAX_DEPTH, MAX_OUTPUT_BYTES, Node, NodeId, Piece, Record, Step, TranscodeError, Whole, Wide};

/// How many bytes the longest number takes.
const LONGEST_NUMBER: usize = 10;

pub(super) struct Walk<'p, 'd> {
    nodes: &'p [Node],
    rest: &'d [u8],
    /// Length of the datum.
    length: usize,
    /// How many items lists may still have: an item takes a byte at least, so more are a lie.
    items: usize,
    depth: usize,
    out: Vec<u8>,
}

impl<'p, 'd> Walk<'p, 'd> {
    pub(super) fn new(nodes: &'p [Node], datum: &'d [u8]) -> Self {
        let out = Vec::with_capacity(datum.len());
        Self { nodes, rest: datum, length: datum.len(), items: datum.len(), depth: 0, out }
    }

    pub(super) fn run(mut self, root: NodeId) -> Result<Vec<u8>, TranscodeError> {
        self.value(root)?;
        match self.rest.len() {
            0 => Ok(self.out),
            bytes => Err(TranscodeError::Trailing { bytes }),
        }
    }

    fn value(&mut self, id: NodeId) -> Result<(), TranscodeError> {
        if self.depth == MAX_DEPTH {
            return Err(TranscodeError::Depth { accepted: MAX_DEPTH });
        }
        self.depth += 1;
        let done = match self.nodes.get(id) {
            Some(node) => self.node(node),
            None => Err(refused("the plan has no such part")),
        };
        self.depth -= 1;
        done
    }

    fn node(&mut self, node: &'p Node) -> Result<(), TranscodeError> {
        match node {
            Node::Null => Ok(()),
            Node::Boolean => self.boolean(),
            Node::Int => {
                let number = self.int()?;
                self.put_number(number)
            }
            Node::Long => {
                let number = self.number()?;
                self.put_number(number)
            }
            Node::Float => self.copy(4),
            Node::Double => self.copy(8),
            Node::Widen { to, from } => self.widen(*from, *to),
            Node::FloatToDouble => {
                let float = f32::from_le_bytes(self.array()?);
                self.put(&f64::from(float).to_le_bytes())
            }
            Node::Bytes => self.bytes().and_then(|bytes| self.put_bytes(bytes)),
            Node::Text => self.text().and_then(|text| self.put_bytes(text)),
            Node::Fixed(size) => self.copy(*size),
            Node::Enum(symbols) => self.symbol(symbols),
            Node::Array(item) => self.blocks(*item, false),
            Node::Map(value) => self.blocks(*value, true),
            Node::Union(branches) => {
                let index = self.index("the branch of a union", branches.len())?;
                self.value(branches[index])
            }
            Node::Branch(index, value) => {
                self.put_length(*index)?;
                self.value(*value)
            }
            Node::Record(record) => self.record(record),
            Node::Refuse(reason) => Err(refused(reason)),
            Node::Pending => Err(refused("the plan is not complete")),
        }
    }

    fn boolean(&mut self) -> Result<(), TranscodeError> {
        match self.take(1)? {
            byte @ ([0] | [1]) => self.put(byte),
            other => {
                let found = other.first().copied().map_or(0, i64::from);
                Err(TranscodeError::Number { what: "a boolean", found, accepted: "0 or 1".to_owned() })
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "what Avro says about long and float, too")]
    fn widen(&mut self, from: Whole, to: Wide) -> Result<(), TranscodeError> {
        let number = match from {
            Whole::Int => self.int()?,
            Whole::Long => self.number()?,
        };
        match to {
            Wide::Float => self.put(&(number as f32).to_le_bytes()),
            Wide::Double => self.put(&(number as f64).to_le_bytes()),
        }
    }

    fn symbol(&mut self, symbols: &[Result<usize, String>]) -> Result<(), TranscodeError> {
        let index = self.index("a symbol of an enum", symbols.len())?;
        match &symbols[index] {
            Ok(index) => self.put_length(*index),
            Err(reason) => Err(refused(reason)),
        }
    }

    /// Blocks of items until an empty one; a map's items have names before them. Each block keeps its count and loses
    /// the length in bytes that it may have.
    fn blocks(&mut self, item: NodeId, named: bool) -> Result<(), TranscodeError> {
        loop {
            let mut count = self.number()?;
            if count < 0 {
                self.number()?; // how long the block is, for who does not read it
                count = count.checked_neg().ok_or_else(|| length(count))?;
            }
            let items = usize::try_from(count).map_err(|_| length(count))?;
            let too_many = TranscodeError::Items { bytes: self.length };
            self.items = self.items.checked_sub(items).ok_or(too_many)?;
            self.put_number(count)?;
            if items == 0 {
                return Ok(());
            }
            for _ in 0..items {
                if named {
                    self.text().and_then(|name| self.put_bytes(name))?;
                }
                self.value(item)?;
            }
        }
    }

    fn record(&mut self, record: &'p Record) -> Result<(), TranscodeError> {
        let begin = self.out.len();
        let mut ranges = Vec::new();
        for step in &record.steps {
            let from = self.out.len();
            match step {
                Step::Take(node) => self.value(*node)?,
                Step::Put(default) => self.put(default)?,
                Step::Drop(node) => {
                    self.value(*node)?;
                    self.out.truncate(from);
                }
            }
            if record.pieces.is_some() {
                ranges.push(from..self.out.len());
            }
        }
        match &record.pieces {
            Some(pieces) => self.arrange(begin, pieces, &ranges),
            None => Ok(()),
        }
    }

    /// Puts what was written since `begin` into the reader's order.
    fn arrange(
        &mut self,
        begin: usize,
        pieces: &'p [Piece],
        ranges: &[Range<usize>],
    ) -> Result<(), TranscodeError> {
        let mut arranged = Vec::with_capacity(self.out.len() - begin);
        for piece in pieces {
            arranged.extend_from_slice(match piece {
                Piece::Taken(step) => &self.out[ranges[*step].clone()],
                Piece::Put(default) => default,
            });
        }
        self.out.truncate(begin);
        self.put(&arranged)
    }

    fn take(&mut self, bytes: usize) -> Result<&'d [u8], TranscodeError> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(TranscodeError::BreaksOff)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], TranscodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(TranscodeError::BreaksOff)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<i64, TranscodeError> {
        let mut folded: u64 = 0;
        for place in 0..LONGEST_NUMBER {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if place == LONGEST_NUMBER - 1 && bits > 1 {
                return Err(TranscodeError::LongNumber);
            }
            folded |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(unfold(folded));
            }
        }
        Err(TranscodeError::LongNumber)
    }

    fn int(&mut self) -> Result<i64, TranscodeError> {
        let found = self.number()?;
        match i32::try_from(found) {
            Ok(number) => Ok(number.into()),
            Err(_) => {
                let accepted = format!("{} to {}", i32::MIN, i32::MAX);
                Err(TranscodeError::Number { what: "an int", found, accepted })
            }
        }
    }

    fn index(&mut self, what: &'static str, count: usize) -> Result<usize, TranscodeError> {
        let found = self.number()?;
        let index = usize::try_from(found).ok().filter(|index| *index < count);
        let accepted = || format!("0 to {}", count.saturating_sub(1));
        index.ok_or_else(|| TranscodeError::Number { what, found, accepted: accepted() })
    }

    fn bytes(&mut self) -> Result<&'d [u8], TranscodeError> {
        let found = self.number()?;
        self.take(usize::try_from(found).map_err(|_| length(found))?)
    }

    fn text(&mut self) -> Result<&'d [u8], TranscodeError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| TranscodeError::NotText)?;
        Ok(bytes)
    }

    fn copy(&mut self, bytes: usize) -> Result<(), TranscodeError> {
        let taken = self.take(bytes)?;
        self.put(taken)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), TranscodeError> {
        if self.out.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(TranscodeError::Output { accepted: MAX_OUTPUT_BYTES });
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn put_number(&mut self, number: i64) -> Result<(), TranscodeError> {
        if self.out.len() + LONGEST_NUMBER > MAX_OUTPUT_BYTES {
            return Err(TranscodeError::Output { accepted: MAX_OUTPUT_BYTES });
        }
        encode_number(number, &mut self.out);
        Ok(())
    }

    fn put_length(&mut self, number: usize) -> Result<(), TranscodeError> {
        self.put_number(i64::try_from(number).unwrap_or(i64::MAX)) // no list is longer than the memory
    }

    fn put_bytes(&mut self, bytes: &[u8]) -> Result<(), TranscodeError> {
        self.put_length(bytes.len())?;
        self.put(bytes)
    }
}

fn unfold(folded: u64) -> i64 {
    ((folded >> 1) as i64) ^ -((folded & 1) as i64)
}

/// Appends a number as Avro writes it: small ones, whatever their sign, in few bytes.
pub(super) fn encode_number(number: i64, into: &mut Vec<u8>) {
    let mut folded = ((number << 1) ^ (number >> 63)) as u64;
    while folded > 0x7f {
        into.push((folded & 0x7f) as u8 | 0x80);
        folded >>= 7;
    }
    into.push(folded as u8);
}

fn length(found: i64) -> TranscodeError {
    TranscodeError::Number { what: "a length", found, accepted: "0 to the length of the datum".to_owned() }
}

fn refused(reason: &str) -> TranscodeError {
    TranscodeError::Refused { reason: reason.to_owned() }
}
