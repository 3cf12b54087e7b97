//! The line that is being typed: completion, hints from the history, and whether it is finished.

use std::borrow::Cow;
use std::sync::Arc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use sshrpc::term::Atom;

use super::super::output::{FAINT, STRONG, styled};
use super::catalogue::Catalogue;
use super::line::is_incomplete;

/// What the editor asks while somebody types.
pub(super) struct Typing {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) history: HistoryHinter,
    pub(super) colours: Colours,
}

/// Whether there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    Yes,
    No,
}

/// The commands of the shell itself, as they are typed.
const COMMANDS: [&str; 4] = ["b()", "f()", "help", "q()"];

impl Helper for Typing {}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..position).unwrap_or(line);
        Ok(complete(before, &self.catalogue))
    }
}

impl Hinter for Typing {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, context: &Context<'_>) -> Option<String> {
        if line.is_empty() { None } else { self.history.hint(line, position, context) }
    }
}

impl Highlighter for Typing {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        if self.colours == Colours::No { prompt.into() } else { styled(STRONG, prompt).into() }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colours == Colours::No { hint.into() } else { styled(FAINT, hint).into() }
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_incomplete(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

/// Where what is completed begins, and what it may be.
fn complete(before: &str, catalogue: &Catalogue) -> (usize, Vec<Pair>) {
    let word = |text: &str| text.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '@').map_or(0, |at| at + 1);
    // What stands before the word may end in the octets of a character that is longer than one.
    let start = (word(before)..=before.len()).find(|at| before.is_char_boundary(*at)).unwrap_or(before.len());
    let (front, begun) = before.split_at(start);
    if let Some(front) = front.strip_suffix(':') {
        let module = front.get(word(front)..).unwrap_or_default();
        let functions = catalogue.functions(module);
        let begun = functions.into_iter().filter(|(name, _)| name.starts_with(begun));
        let pair =
            |(name, arity): (String, u64)| Pair { display: format!("{name}/{arity}"), replacement: call(&name, arity) };
        return (start, begun.map(pair).collect());
    }
    if begun.starts_with(|c: char| c.is_uppercase() || c == '_') {
        return (start, pairs(catalogue.variables().into_iter().filter(|name| name.starts_with(begun))));
    }
    let commands = COMMANDS.into_iter().filter(|command| front.trim().is_empty() && command.starts_with(begun));
    let mut found = pairs(commands.filter(|_| !begun.is_empty()).map(str::to_owned));
    let modules = catalogue.modules().into_iter().filter(|name| name.starts_with(begun));
    found.extend(modules.map(|name| Pair { replacement: format!("{}:", quoted(&name)), display: name }));
    (start, found)
}

fn call(name: &str, arity: u64) -> String {
    let closed = if arity == 0 { ")" } else { "" };
    format!("{}({closed}", quoted(name))
}

/// As Erlang writes an atom.
fn quoted(name: &str) -> String {
    Atom::new(name).map(|atom| atom.to_string()).unwrap_or_default()
}

fn pairs(texts: impl Iterator<Item = String>) -> Vec<Pair> {
    texts.map(|text| Pair { display: text.clone(), replacement: text }).collect()
}
