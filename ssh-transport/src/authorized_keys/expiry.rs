use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::files::LineProblem;

/// `YYYYMMDDZ`, `YYYYMMDDHHMMZ` or `YYYYMMDDHHMMSSZ`.
///
/// Without the Z it would be in the time zone of the machine, which nobody sees in the file, and which the standard
/// library does not know.
pub(super) fn parse(text: &str) -> Result<SystemTime, LineProblem> {
    let wrong = || LineProblem::ExpiryTime(text.to_owned());
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    if digits.len() == text.len() {
        return Err(LineProblem::LocalTime(text.to_owned()));
    }
    let field = |start: usize, length| digits.get(start..start + length).and_then(|field| field.parse::<u64>().ok());
    let time = |start| if start < digits.len() { field(start, 2) } else { Some(0) };
    let [Some(year), Some(month), Some(day)] = [field(0, 4), field(4, 2), field(6, 2)] else {
        return Err(wrong());
    };
    let [Some(hour @ ..=23), Some(minute @ ..=59), Some(second @ ..=59)] = [time(8), time(10), time(12)] else {
        return Err(wrong());
    };
    let days = days(year, month, day).ok_or_else(wrong)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or_else(wrong)
}

/// From the first of January 1970 to this day of the Gregorian calendar, if there is one.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap_years = |until: u64| until / 4 - until / 100 + until / 400;
    let is_leap = leap_years(year) > leap_years(year.checked_sub(1)?);
    let lengths = [31, 28 + u64::from(is_leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = usize::try_from(month.checked_sub(1)?).ok()?;
    let (before, rest) = lengths.split_at_checked(month)?;
    if day == 0 || day > *rest.first()? {
        return None;
    }
    let years = year.checked_sub(1970)? * 365 + leap_years(year - 1) - leap_years(1969);
    Some(years + before.iter().sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
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
        assert_eq!(parse("20260101"), Err(LineProblem::LocalTime("20260101".into())));
    }
}
