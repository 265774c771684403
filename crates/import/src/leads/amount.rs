//! Money as people write it, "1234.50", to minor units, exactly: digits are moved, nothing is rounded.

/// Currencies of ISO 4217 that have no minor unit; amounts in them take no decimals.
const WITHOUT_DECIMALS: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
const WITH_THREE: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
const WITH_FOUR: &[&str] = &["CLF", "UYW"];

/// How many decimals an amount in this currency has; the ISO 4217 currencies that are not listed have two.
pub(super) fn decimals(currency: &str) -> usize {
    match currency {
        _ if WITHOUT_DECIMALS.contains(&currency) => 0,
        _ if WITH_THREE.contains(&currency) => 3,
        _ if WITH_FOUR.contains(&currency) => 4,
        _ => 2,
    }
}

/// Whether the text has the form of an ISO 4217 code.
pub(super) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The amount in minor units; `None` when the text is no plain decimal number, has more decimals than the
/// currency, or is beyond 64 bits.
pub(super) fn minor_units(text: &str, currency: &str) -> Option<i64> {
    let places = decimals(currency);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let has_empty_part = whole.is_empty() || (text.contains('.') && fraction.is_empty());
    if has_empty_part || !is_digits(whole) || !is_digits(fraction) || fraction.len() > places {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::minor_units;

    #[test]
    fn moves_digits_and_never_rounds() {
        for (text, currency, expected) in [
            ("1234.50", "EUR", Some(123_450)),
            ("1234.5", "EUR", Some(123_450)),
            ("1234", "EUR", Some(123_400)),
            ("0.07", "USD", Some(7)),
            ("0.1", "USD", Some(10)),
            ("1000", "JPY", Some(1000)),
            ("1.250", "KWD", Some(1250)),
            ("92233720368547758.07", "EUR", Some(i64::MAX)),
            ("92233720368547758.08", "EUR", None),
            ("1000.5", "JPY", None),
            ("0.001", "EUR", None),
            ("1,000.00", "EUR", None),
            ("1e3", "EUR", None),
            ("-5", "EUR", None),
            ("+5", "EUR", None),
            (".5", "EUR", None),
            ("5.", "EUR", None),
            ("", "EUR", None),
            (" 5", "EUR", None),
        ] {
            assert_eq!(minor_units(text, currency), expected, "{text} {currency}");
        }
    }
}
