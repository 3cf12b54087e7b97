use std::time::SystemTime;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::files::LineProblem;

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS` in the time zone of the machine, with a Z behind it in UTC.
pub(super) fn parse(text: &str) -> Result<SystemTime, LineProblem> {
    let wrong = || LineProblem::ExpiryTime(text.to_owned());
    let (digits, zone) = match text.strip_suffix(['Z', 'z']) {
        Some(digits) => (digits, TimeZone::UTC),
        None => (text, TimeZone::system()),
    };
    parse_in(digits, zone).ok_or_else(wrong)
}

fn parse_in(digits: &str, zone: TimeZone) -> Option<SystemTime> {
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| if at < digits.len() { digits.get(at..at + 2)?.parse().ok() } else { Some(0) };
    let year = digits.get(..4)?.parse().ok()?;
    let time = DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?, 0).ok()?;
    // The library's own moments end a day before the year 9999 does, which stands for "never" in many files.
    let offset = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
    };
    let since_1970 = time.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let since_1970 = since_1970.checked_sub(SignedDuration::from_secs(offset.seconds().into()))?;
    // As for `sshd`, there was nothing before.
    SystemTime::UNIX_EPOCH.checked_add(since_1970.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn times_in_utc() {
        // What `date -u -d DATE +%s` says.
        for (text, seconds) in [
            ("19700101Z", 0),
            ("20000229Z", 951_782_400),
            ("20260101Z", 1_767_225_600),
            ("202601011230Z", 1_767_270_600),
            ("20260101123059z", 1_767_270_659),
            ("21000301Z", 4_107_542_400),
            ("99991231235959Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Ok(UNIX_EPOCH + Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "Z",
            "2026Z",
            "20261301Z",
            "20260001Z",
            "20260100Z",
            "20260132Z",
            "20260229Z",
            "21000229Z",
            "19691231Z",
            "00000101Z",
            "202601012400Z",
            "202601011260Z",
            "20260101123060Z",
            "2026010112Z",
            "2026-01-01Z",
            "+2260101Z",
            "20260101\u{e4}Z",
        ] {
            assert_eq!(parse(text), Err(LineProblem::ExpiryTime(text.into())));
        }
    }

    #[test]
    fn without_a_z_the_time_is_that_of_the_machine() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let two_hours = Duration::from_secs(2 * 3600);
        let utc = parse("202606010030Z").unwrap();
        assert_eq!(parse_in("202606010030", zone), Some(utc - two_hours));
        assert_eq!(parse("202606010030").ok(), parse_in("202606010030", TimeZone::system()));
    }
}
