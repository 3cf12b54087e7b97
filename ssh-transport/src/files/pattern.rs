pub(crate) use ssh_proto::pattern::wildcard;

/// A pattern list as `ssh_config(5)` describes it under PATTERNS: separated by commas, `*` and `?` are wildcards, `!`
/// negates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PatternList(Vec<Item<String>>);

/// One of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item<T> {
    pub(crate) sign: Sign,
    pub(crate) what: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plain,
    /// `!`
    Negated,
}

impl PatternList {
    /// Letters are compared in lower case, into which what is matched must have been brought.
    pub(crate) fn parse(list: &str) -> Self {
        Self(items(list).map(|item| item.map(str::to_ascii_lowercase)).collect())
    }

    /// Upper and lower case are different.
    pub(crate) fn parse_exact(list: &str) -> Self {
        Self(items(list).map(|item| item.map(str::to_owned)).collect())
    }

    /// The same, of patterns that stand alone.
    pub(crate) fn exactly<'a>(patterns: impl IntoIterator<Item = &'a String>) -> Self {
        Self(patterns.into_iter().map(|text| Item::parse(text).map(str::to_owned)).collect())
    }

    /// True when nothing in it is a wildcard or negated.
    pub(crate) fn is_literal(&self) -> bool {
        self.0.iter().all(|item| item.sign == Sign::Plain && !item.what.contains(['*', '?']))
    }

    /// Whether the list [admits] this text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        admits(&self.0, |pattern| wildcard(pattern.as_bytes(), text.as_bytes()))
    }
}

/// Whether one of the items matches, and no negated one does.
pub(crate) fn admits<T>(items: &[Item<T>], matches: impl Fn(&T) -> bool) -> bool {
    let matching = |sign| items.iter().any(|item| item.sign == sign && matches(&item.what));
    matching(Sign::Plain) && !matching(Sign::Negated)
}

/// The items of a list.
pub(crate) fn items(list: &str) -> impl Iterator<Item = Item<&str>> {
    list.split(',').map(Item::parse)
}

impl<'a> Item<&'a str> {
    fn parse(text: &'a str) -> Self {
        match text.strip_prefix('!') {
            Some(what) => Self { sign: Sign::Negated, what },
            None => Self { sign: Sign::Plain, what: text },
        }
    }
}

impl<T> Item<T> {
    pub(crate) fn map<U>(self, of: impl FnOnce(T) -> U) -> Item<U> {
        Item { sign: self.sign, what: of(self.what) }
    }
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
        assert!(!PatternList::parse_exact("HOST").matches("host"));
        assert!(PatternList::exactly(&["a,b".to_owned()]).matches("a,b"));
    }
}
