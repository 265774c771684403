//! Avro's binary form, written: numbers in zigzag, seven bits to a byte; lengths before what they measure.

pub(crate) fn write_long(out: &mut Vec<u8>, value: i64) {
    #[expect(clippy::cast_sign_loss, reason = "zigzag: the sign becomes the lowest bit")]
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// How many bytes, items or members follow, or which branch of a union.
pub(crate) fn write_count(out: &mut Vec<u8>, count: usize) {
    // nothing in memory has more than i64::MAX parts
    write_long(out, i64::try_from(count).unwrap_or(i64::MAX));
}

pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::write_long;

    #[test]
    fn longs_are_written_as_the_avro_specification_shows() {
        let cases: [(i64, &[u8]); 9] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (-2, &[3]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ];
        for (value, expected) in cases {
            let mut out = Vec::new();
            write_long(&mut out, value);
            assert_eq!(out, expected, "{value}");
        }
    }
}
