pub(crate) use ssh_proto::pattern::wildcard;

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

#[cfg(test)]
mod tests {
    use super::*;

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
