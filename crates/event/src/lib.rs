//! The vocabulary: envelope, ids, positions, typed events, codecs and sealed values. No I/O.
