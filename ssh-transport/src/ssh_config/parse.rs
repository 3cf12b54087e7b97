//! A file, and those that it includes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{ConfigError, ConfigProblem};
use super::line::{self, OpenQuote};
use super::section::Condition;
use super::setting::{BadSetting, Setting};
use super::tokens::{from_home, variables};
use crate::files::{self, Access, Place};

/// What a file says, in its order.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Set(Place, Setting),
    /// For whom the following are, up to the next one or the end of the file.
    Section(Condition),
    /// What an included file says. It counts only where the `Include` stands for this host.
    Include(Vec<Self>),
}

/// Reads a file and what it includes.
pub(super) struct Files<'a> {
    home: &'a Path,
    /// Where relative names of included files begin.
    directory: PathBuf,
    /// What others may be able to do with a file.
    access: Access,
    /// How many bytes may still be included.
    left: usize,
}

impl<'a> Files<'a> {
    /// Larger than any configuration that somebody wrote.
    const MAXIMUM_SIZE: usize = 1 << 20;
    /// What is included may be several of those: a file that includes itself twice is 65,536 files at the greatest depth.
    const MAXIMUM_TOTAL: usize = 4 * Self::MAXIMUM_SIZE;
    /// What a file counts at least.
    const FILE_COST: usize = 1 << 10;
    /// As deep as `ssh` follows.
    const MAXIMUM_DEPTH: usize = 16;

    pub(super) const fn new(home: &'a Path, directory: PathBuf, access: Access) -> Self {
        Self { home, directory, access, left: Self::MAXIMUM_TOTAL }
    }

    /// Reads a file; `None` when there is none.
    pub(super) fn read(mut self, path: &Path) -> Result<Option<Vec<Entry>>, ConfigError> {
        self.read_at(path, 0)
    }

    /// The same of a file that was read already.
    pub(super) fn parse(mut self, path: &Path, content: &[u8]) -> Result<Vec<Entry>, ConfigError> {
        self.parse_at(path, content, 0)
    }

    fn read_at(&mut self, path: &Path, depth: usize) -> Result<Option<Vec<Entry>>, ConfigError> {
        let content = files::read(path, Self::MAXIMUM_SIZE, self.access)?;
        content.map(|content| self.parse_at(path, &content, depth)).transpose()
    }

    fn parse_at(&mut self, path: &Path, content: &[u8], depth: usize) -> Result<Vec<Entry>, ConfigError> {
        self.left = self.left.saturating_sub(content.len().max(Self::FILE_COST));
        let file: Arc<Path> = path.into();
        let mut entries = Vec::new();
        let mut ignored: Vec<String> = Vec::new();
        for (number, line) in (1..).zip(content.split(|&byte| byte == b'\n')) {
            let place = Place::new(file.clone(), number);
            let wrong = |keyword: &str, problem| {
                Err(ConfigError::Line { place: place.clone(), keyword: keyword.to_owned(), problem })
            };
            let Ok(line) = str::from_utf8(line) else { return wrong("", ConfigProblem::NotText) };
            let Some((word, rest)) = line::keyword(line) else { continue };
            let keyword = word.to_ascii_lowercase();
            let arguments = match line::arguments(rest) {
                Ok(arguments) => arguments,
                // A command may have any quotes.
                Err(OpenQuote) if keyword == "proxycommand" => Vec::new(),
                Err(OpenQuote) => return wrong(word, ConfigProblem::OpenQuote),
            };
            match &*keyword {
                "host" => match Condition::host(&arguments) {
                    Some(condition) => entries.push(Entry::Section(condition)),
                    None => return wrong(word, ConfigProblem::Setting(BadSetting::Missing)),
                },
                "match" => match Condition::criteria(&arguments) {
                    Ok(condition) => entries.push(Entry::Section(condition)),
                    Err(bad) => return wrong(word, ConfigProblem::Match(bad)),
                },
                "include" if depth == Self::MAXIMUM_DEPTH => return wrong(word, ConfigProblem::TooDeep),
                "include" => {
                    for argument in &arguments {
                        match self.expand(argument) {
                            Ok(paths) => {
                                for path in paths {
                                    if self.left == 0 {
                                        return wrong(word, ConfigProblem::TooMuch);
                                    }
                                    entries.extend(self.read_at(&path, depth + 1)?.map(Entry::Include));
                                }
                            }
                            Err(what) => return wrong(word, ConfigProblem::Include(what)),
                        }
                    }
                }
                "ignoreunknown" => {
                    let lists = arguments.iter().flat_map(|list| list.split(','));
                    ignored.extend(lists.map(str::to_ascii_lowercase));
                }
                _ => match Setting::parse(&keyword, rest.trim_end(), &arguments) {
                    Ok(setting) => entries.push(Entry::Set(place, setting)),
                    Err(BadSetting::Keyword) if is_ignored(&ignored, &keyword) => {}
                    Err(bad) => return wrong(word, ConfigProblem::Setting(bad)),
                },
            }
        }
        Ok(entries)
    }

    /// The files that an argument of `Include` names, in order.
    fn expand(&self, argument: &str) -> Result<Vec<PathBuf>, String> {
        let argument = variables(argument).map_err(|_unset| format!("{argument:?} has a variable that is not set"))?;
        let pattern = self.directory.join(from_home(&argument, &self.home.to_string_lossy()));
        let paths = glob::glob(&pattern.to_string_lossy()).map_err(|error| format!("{argument:?}: {error}"))?;
        // A directory that cannot be searched has no files to include, for `ssh` too.
        Ok(paths.filter_map(Result::ok).collect())
    }
}

fn is_ignored(patterns: &[String], keyword: &str) -> bool {
    patterns.iter().any(|pattern| files::pattern::wildcard(pattern.as_bytes(), keyword.as_bytes()))
}
