//! Tables and values with their places. A table knows which keys were asked for, so that what is left over is an error that
//! can name them.

use core::fmt::Display;
use core::ops::Range;
use core::str::FromStr;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Place;
use super::{ConfigError, Problem};

/// A file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    fn error(self, at: usize, problem: Problem) -> ConfigError {
        ConfigError { path: self.path.to_owned(), place: Some(Place::of(self.text, at)), problem: Box::new(problem) }
    }
}

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Table<'a> {
    source: Source<'a>,
    /// As people write it: `[serve]`, `[[rule]]`.
    name: String,
    at: usize,
    entries: DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The whole file.
    pub(super) fn parse(source: Source<'a>) -> Result<Self, ConfigError> {
        let parsed = DeTable::parse(source.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            source.error(at, Problem::Syntax(error.message().to_owned()))
        })?;
        Ok(Self { source, name: String::new(), at: 0, entries: parsed.into_inner(), known: Vec::new() })
    }

    /// The line at which it begins, from 1.
    pub(super) fn line(&self) -> usize {
        Place::of(self.source.text, self.at).line
    }

    /// The value of a key.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.known.push(key);
        let (_, value) = self.entries.remove_entry(key)?;
        let (source, table) = (self.source, self.name.clone());
        Some(Entry { source, table, key: key.into(), at: value.span(), value: value.into_inner() })
    }

    /// All values that nobody asked for yet, in their order: of a table whose keys are names that people choose.
    pub(super) fn rest(&mut self) -> Vec<(String, Entry<'a>)> {
        let mut entries: Vec<_> = core::mem::take(&mut self.entries).into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (Spanned<Cow<'a, str>>, Spanned<DeValue<'a>>)| {
            let (source, table, key) = (self.source, self.name.clone(), key.into_inner().into_owned());
            let at = value.span();
            (key.clone(), Entry { source, table, key: key.into(), at, value: value.into_inner() })
        };
        entries.into_iter().map(entry).collect()
    }

    /// The value of a key that must be there.
    pub(super) fn need(&mut self, key: &'static str, wanted: &'static str) -> Result<Entry<'a>, ConfigError> {
        self.take(key).ok_or_else(|| self.missing(key, wanted))
    }

    /// The table of this name in this one.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Self>, ConfigError> {
        self.take(key).map(|entry| entry.table(format!("[{key}]"))).transpose()
    }

    /// The tables of this name in this one: `[[name]]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Self>, ConfigError> {
        let Some(entry) = self.take(key) else { return Ok(Vec::new()) };
        let DeValue::Array(_) = entry.value else {
            return Err(entry.wrong(format!("this is a list: it begins with [[{key}]]")));
        };
        entry.elements().into_iter().map(|entry| entry.table(format!("[[{key}]]"))).collect()
    }

    pub(super) fn missing(&self, key: &'static str, wanted: &'static str) -> ConfigError {
        self.source.error(self.at, Problem::Missing { table: self.name.clone(), key, wanted })
    }

    pub(super) fn conflict(&self, why: &'static str) -> ConfigError {
        self.source.error(self.at, Problem::Conflict { table: self.name.clone(), why })
    }

    /// That was all that there is.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        self.left_over()
    }

    /// Whether there is a key that nobody asked for.
    pub(super) fn left_over(&self) -> Result<(), ConfigError> {
        let first = self.entries.iter().map(|(key, _)| key).min_by_key(|key| key.span().start);
        let Some(unknown) = first else { return Ok(()) };
        let key = unknown.get_ref().to_string();
        let distance = |known: &&&str| strsim::damerau_levenshtein(known, &key);
        let nearest = self.known.iter().min_by_key(distance).filter(|known| distance(known) <= 2);
        let meant = nearest.map(|known| (*known).to_owned());
        let problem = Problem::Unknown { table: self.name.clone(), key: key.clone(), meant, known: self.known.clone() };
        Err(self.source.error(unknown.span().start, problem))
    }
}

/// A value, and where it stands.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    source: Source<'a>,
    table: String,
    key: Cow<'static, str>,
    at: Range<usize>,
    value: DeValue<'a>,
}

impl<'a> Entry<'a> {
    pub(super) fn text(&self) -> Result<&str, ConfigError> {
        self.value.as_str().ok_or_else(|| self.wrong("a text in quotes belongs there"))
    }

    /// A path, which begins where the file is when it is relative.
    pub(super) fn path(&self) -> Result<PathBuf, ConfigError> {
        let folder = self.source.path.parent().unwrap_or_else(|| Path::new(""));
        Ok(folder.join(self.text()?))
    }

    /// A text that is read further.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self) -> Result<T, ConfigError> {
        self.text()?.parse().map_err(|error| self.wrong(error))
    }

    /// One of some words.
    pub(super) fn one_of(&self, words: &[&'static str]) -> Result<&'static str, ConfigError> {
        let text = self.text()?;
        let found = words.iter().find(|word| **word == text);
        found.copied().ok_or_else(|| self.wrong(format!("there are {}", words.join(", "))))
    }

    pub(super) fn is_true(&self) -> Result<bool, ConfigError> {
        self.value.as_bool().ok_or_else(|| self.wrong("true or false belongs there"))
    }

    /// A whole number, from 1.
    pub(super) fn count(&self) -> Result<usize, ConfigError> {
        let number = self.value.as_integer();
        let number = number.and_then(|number| usize::from_str_radix(number.as_str(), number.radix()).ok());
        number.filter(|number| *number > 0).ok_or_else(|| self.wrong("a whole number from 1 on belongs there"))
    }

    /// A value, or a list of such.
    pub(super) fn list<T>(self, read: impl Fn(&Self) -> Result<T, ConfigError>) -> Result<Vec<T>, ConfigError> {
        let list =
            if matches!(self.value, DeValue::Array(_)) { self.elements() } else { return Ok(vec![read(&self)?]) };
        list.iter().map(read).collect()
    }

    /// The same, and not empty: a list of nobody is more likely a mistake than a wish.
    pub(super) fn some<T>(self, read: impl Fn(&Self) -> Result<T, ConfigError>) -> Result<Vec<T>, ConfigError> {
        if self.value.as_array().is_some_and(|list| list.is_empty()) {
            return Err(self.wrong("at least one belongs there"));
        }
        self.list(read)
    }

    pub(super) fn wrong(&self, wanted: impl Display) -> ConfigError {
        let found = self.source.text.get(self.at.clone()).unwrap_or_default();
        let found = found.lines().next().unwrap_or_default().to_owned();
        let (table, key) = (self.table.clone(), self.key.clone().into_owned());
        self.source.error(self.at.start, Problem::Value { table, key, found, wanted: wanted.to_string() })
    }

    fn elements(self) -> Vec<Self> {
        let Self { source, table, key, value, .. } = self;
        let DeValue::Array(list) = value else { return Vec::new() };
        let entry = |value: Spanned<DeValue<'a>>| {
            let (at, table, key) = (value.span(), table.clone(), key.clone());
            Self { source, table, key, at, value: value.into_inner() }
        };
        list.into_iter().map(entry).collect()
    }

    pub(super) const fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    pub(super) fn table(self, name: String) -> Result<Table<'a>, ConfigError> {
        match self.value {
            DeValue::Table(entries) => {
                Ok(Table { source: self.source, name, at: self.at.start, entries, known: Vec::new() })
            }
            _ => Err(self.wrong(format!("this is a table: it begins with {name}"))),
        }
    }
}
