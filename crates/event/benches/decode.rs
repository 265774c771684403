//! Measures decoding; filled below.
fn main() {}
