//! A line of the shell: a command of its own, or Erlang.

use std::collections::BTreeMap;

use sshrpc::term::{Expression, SyntaxErrorKind, Term, parse_expression_with};

use super::super::failure::Failure;
use super::super::request::bad_syntax;

/// The variables that have values.
pub(super) type Bindings = BTreeMap<String, Term>;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    Nothing,
    /// About the shell, or about a module.
    Help(Option<String>),
    /// `b()`
    ShowBindings,
    /// `f()`, or `f(X)` for one of them.
    Forget(Option<String>),
    Quit,
    /// A call or a term, and the variable that is to have its value.
    Evaluate(Option<String>, Expression),
}

/// Reads a line; a dot may end it.
pub(super) fn parse(text: &str, bindings: &Bindings) -> Result<Line, Failure> {
    if let Some(command) = command(text) {
        return Ok(command);
    }
    let value = |name: &str| bindings.get(name).cloned();
    let (name, source) = match binding(text) {
        // Blanks keep the columns of what follows.
        Some((name, rest)) => {
            let blanks = " ".repeat(text.len() - rest.len());
            (Some(name).filter(|name| *name != "_"), format!("{blanks}{rest}"))
        }
        None => (None, text.to_owned()),
    };
    let (source, shift) = qualified(&source);
    let expression = parse_expression_with(&source, &value).map_err(|mut error| {
        if error.line == 1 {
            error.column = error.column.saturating_sub(shift).max(1);
        }
        bad_syntax("what was typed", text, &error)
    })?;
    Ok(Line::Evaluate(name.map(str::to_owned), expression))
}

/// Whether more must follow before this can be read. A dot or an empty line ends it in any case.
pub(super) fn is_incomplete(text: &str) -> bool {
    if text.trim_end().ends_with('.') || text.ends_with("\n\n") || command(text).is_some() {
        return false;
    }
    let rest = binding(text).map_or(text, |(_, rest)| rest);
    // What has no bracket is finished, or wrong.
    if !rest.contains(['(', '[', '{', '"', '\'', '<']) {
        return false;
    }
    let (source, _) = qualified(rest);
    // Whatever a variable stands for, it is a term.
    match parse_expression_with(&source, &|_name| Some(Term::NIL)) {
        Err(error) => matches!(error.kind, SyntaxErrorKind::UnexpectedEnd | SyntaxErrorKind::Unterminated),
        Ok(_) => false,
    }
}

fn command(text: &str) -> Option<Line> {
    let text = text.trim();
    let text = text.strip_suffix('.').unwrap_or(text).trim_end();
    let argument = |name: &str| {
        let inner = text.strip_prefix(name)?.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.trim())
    };
    match text {
        "" => return Some(Line::Nothing),
        "help" | "help()" | "h()" => return Some(Line::Help(None)),
        "exit" | "quit" | "q()" | "halt()" => return Some(Line::Quit),
        "b()" => return Some(Line::ShowBindings),
        "f()" => return Some(Line::Forget(None)),
        _ if text.starts_with('%') => return Some(Line::Nothing),
        _ => {}
    }
    if let Some(module) = text.strip_prefix("help ").map(str::trim).or_else(|| argument("help")) {
        return Some(Line::Help(Some(module.trim_matches('\'').to_owned())));
    }
    argument("f").filter(|name| is_variable(name)).map(|name| Line::Forget(Some(name.to_owned())))
}

/// `X = rest`
fn binding(text: &str) -> Option<(&str, &str)> {
    let start = text.trim_start();
    let end = start.find(|c: char| !continues(c)).unwrap_or(start.len());
    let (name, rest) = start.split_at(end);
    let rest = rest.trim_start().strip_prefix('=')?;
    (is_variable(name) && !rest.starts_with(['=', ':', '/', '<'])).then_some((name, rest))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_uppercase() || c == '_') && name.chars().all(continues) && name.len() <= 255
}

fn continues(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '@'
}

/// A function without a module is one of `erlang`, as in Erlang's own shell. How many columns that moved things.
fn qualified(text: &str) -> (String, u32) {
    const MODULE: &str = "erlang:";
    let start = text.trim_start();
    let end = start.find(|c: char| !continues(c)).unwrap_or(start.len());
    let (name, rest) = start.split_at(end);
    if name.starts_with(char::is_lowercase) && rest.trim_start().starts_with('(') {
        let blanks = text.len() - start.len();
        return (format!("{}{MODULE}{start}", " ".repeat(blanks)), MODULE.len() as u32);
    }
    (text.to_owned(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let bindings = Bindings::from([("X".to_owned(), Term::list([Term::from(1), Term::from(2)]))]);
        match parse(text, &bindings) {
            Ok(Line::Evaluate(name, Expression::Call(call))) => format!("{name:?} {call}"),
            Ok(Line::Evaluate(name, Expression::Term(term))) => format!("{name:?} {term}"),
            Ok(line) => format!("{line:?}"),
            Err(failure) => failure.message,
        }
    }

    #[test]
    fn lines_are_erlang_and_a_few_commands() {
        for (text, expected) in [
            ("lists:seq(1,2).", "None lists:seq(1,2)"),
            ("lists:seq(1,2)", "None lists:seq(1,2)"),
            ("Y = lists:sum(X).", "Some(\"Y\") lists:sum([1,2])"),
            ("Y_2=#{a => X}", "Some(\"Y_2\") #{a => [1,2]}"),
            ("_ = erlang:node()", "None erlang:node()"),
            (" length( X )", "None erlang:length([1,2])"),
            ("X.", "None [1,2]"),
            ("", "Nothing"),
            ("% nothing", "Nothing"),
            ("help.", "Help(None)"),
            ("help lists", "Help(Some(\"lists\"))"),
            ("help(lists).", "Help(Some(\"lists\"))"),
            ("f(X).", "Forget(Some(\"X\"))"),
            ("f().", "Forget(None)"),
            ("b().", "ShowBindings"),
            ("q().", "Quit"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let unbound = "syntax error in what was typed, line 1, column 16: Z is a variable, and has no value here; \
                       an atom would be 'Z'";
        assert_eq!(read("Y = lists:sum( Z )"), unbound);
        assert!(read("length( Z )").contains("line 1, column 9: Z is a variable"));
    }

    #[test]
    fn what_is_not_finished_goes_on() {
        for text in ["lists:seq(1,", "X = [a", "\"text", "{X, Y", "length("] {
            assert!(is_incomplete(text), "{text}");
        }
        for text in [
            "lists:seq(1,2)",
            "lists:seq(1,.",
            "lists:seq(1,\n\n",
            "X",
            "help",
            "",
            "f(X)",
            "1 + 2",
            "lists:seq",
            "X =",
        ] {
            assert!(!is_incomplete(text), "{text}");
        }
    }
}
