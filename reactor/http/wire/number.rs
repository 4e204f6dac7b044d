//! Numbers in header lines.

/// A number of decimal digits and nothing else: no sign, no space. One that is too large for 64 bits
/// is `u64::MAX`, which is above every limit.
///
/// ```
/// use reactor::http::wire::decimal;
///
/// assert_eq!(decimal(b"1024"), Some(1024));
/// assert_eq!(decimal(b"+1"), None);
/// assert_eq!(decimal(b"99999999999999999999"), Some(u64::MAX));
/// ```
#[must_use]
pub fn decimal(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let digit = u64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        Some(number.saturating_mul(10).saturating_add(digit))
    };
    let number = digits.iter().try_fold(0, add);
    number.filter(|_| !digits.is_empty())
}
