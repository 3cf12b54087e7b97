/// A pattern list as `ssh_config(5)` describes it under PATTERNS: separated by commas, `*` and `?` are wildcards, `!`
/// negates. Letters are compared in lower case, into which what is matched must have been brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PatternList(Vec<Item>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    negated: bool,
    pattern: String,
}

impl PatternList {
    pub(crate) fn parse(list: &str) -> Self {
        Self(items(list).map(|(negated, text)| Item { negated, pattern: text.to_ascii_lowercase() }).collect())
    }

    /// True when nothing in it is a wildcard or negated.
    pub(crate) fn is_literal(&self) -> bool {
        self.0.iter().all(|item| !item.negated && !item.pattern.contains(['*', '?']))
    }

    /// True when one of the patterns matches, and no negated one does.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let matching = |negated| {
            self.0.iter().any(|item| item.negated == negated && wildcard(item.pattern.as_bytes(), text.as_bytes()))
        };
        matching(false) && !matching(true)
    }
}

/// The items of a pattern list, and whether they are negated.
pub(crate) fn items(list: &str) -> impl Iterator<Item = (bool, &str)> {
    list.split(',').map(|item| match item.strip_prefix('!') {
        Some(negated) => (true, negated),
        None => (false, item),
    })
}

/// Whether `pattern` matches the whole `text`. On a mismatch only the last `*` has to try again, so that no pattern takes
/// longer than the product of the two lengths.
pub(crate) fn wildcard(mut pattern: &[u8], mut text: &[u8]) -> bool {
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

    #[test]
    fn a_negated_match_never_gives_a_positive_result() {
        let dialup = PatternList::parse("!*.dialup.example.com,*.example.com");
        assert!(dialup.matches("a.example.com"));
        assert!(!dialup.matches("a.dialup.example.com"));
        assert!(!PatternList::parse("!host1,!host2").matches("host3"));
        assert!(PatternList::parse("!host1,!host2,*").matches("host3"));
        assert!(PatternList::parse("HOST").matches("host"));
        assert!(!PatternList::parse("a,,b").matches("c"));
    }
}
