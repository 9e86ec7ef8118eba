//! Times in whole hours or minutes, written as ISO 8601 durations: `PT24H`, `PT30M`.

/// Reads a time; none: it is not written so, is no time at all, or longer than `max` minutes.
pub(super) fn read(text: &str, max: u32) -> Option<u32> {
    let counted = |unit: char| {
        text.strip_prefix("PT")
            .and_then(|rest| rest.strip_suffix(unit))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u32>().ok())
    };
    counted('H')
        .and_then(|hours| hours.checked_mul(60))
        .or_else(|| counted('M'))
        .filter(|minutes| (1..=max).contains(minutes))
}

/// Writes a time as it is read.
pub(super) fn write(minutes: u32) -> String {
    if minutes.is_multiple_of(60) {
        format!("PT{}H", minutes / 60)
    } else {
        format!("PT{minutes}M")
    }
}
