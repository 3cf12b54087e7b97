//! Patterns of OpenSSH's files and certificates.

/// Whether `pattern`, in which `*` stands for any characters and `?` for any one, matches the whole `text`.
///
/// On a mismatch only the last `*` has to try again, so that no pattern takes longer than the product of the two lengths.
#[must_use]
pub fn wildcard(mut pattern: &[u8], mut text: &[u8]) -> bool {
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, text) {
            ([], []) => return true,
            ([b'*', rest @ ..], _) => {
                retry = Some((rest, text));
                pattern = rest;
                continue;
            }
            ([wanted, rest @ ..], [found, after @ ..]) if *wanted == b'?' || wanted == found => {
                (pattern, text) = (rest, after);
                continue;
            }
            _ => {}
        }
        let Some((after_star, [_, shorter @ ..])) = retry else {
            return false;
        };
        retry = Some((after_star, shorter));
        (pattern, text) = (after_star, shorter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "abc", true),
            ("?", "", false),
            ("?", "a", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("*.co.uk", "example.co.uk", true),
            ("*.co.uk", ".co.ukx", false),
            ("192.168.0.?", "192.168.0.7", true),
            ("192.168.0.?", "192.168.0.77", false),
            ("*a*b*", "xxbxxaxxb", true),
            ("*?a", "a", false),
        ] {
            assert_eq!(wildcard(pattern.as_bytes(), text.as_bytes()), expected, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_longer_than_others() {
        let pattern = "*a".repeat(1000) + "b";
        assert!(!wildcard(pattern.as_bytes(), "a".repeat(5000).as_bytes()));
    }
}
