//! Calls, terms and names as people type them.

use std::io::Read;

use sshrpc::call::Call;
use sshrpc::term::{Atom, SyntaxError, Term, parse_call, parse_term};

use super::config::quoted;
use super::failure::Failure;

/// `MODULE FUNCTION ARGS`, of which ARGS may be standard input, or a whole call in the place of the module.
pub(crate) fn call(host: &str, module: &str, function: Option<&str>, args: &str) -> Result<Call, Failure> {
    let Some(function) = function else {
        return parse_call(module).map_err(|error| no_call(host, module, &error));
    };
    let text = text(args, "ARGS")?;
    let args = parse_term(&text).map_err(|error| bad_syntax("ARGS", &text, &error))?;
    let Some(args) = args.as_list() else {
        return Err(Failure::usage("ARGS is no list").term(&args).hint(format!(
            "it is the list of the arguments: {} passes this as the only one",
            quoted(&Term::list([args]).to_string())
        )));
    };
    Ok(Call::new(atom(module)?, atom(function)?, args.cloned().collect()))
}

/// A term, or standard input.
pub(crate) fn term(what: &str, text_or_dash: &str) -> Result<Term, Failure> {
    let text = text(text_or_dash, what)?;
    parse_term(&text).map_err(|error| bad_syntax(what, &text, &error))
}

/// The text itself; `-` is standard input.
fn text(text: &str, what: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut input = String::new();
    let read = std::io::stdin().read_to_string(&mut input);
    read.map_err(|error| Failure::local(format!("cannot read {what} from standard input: {error}")))?;
    Ok(input)
}

fn no_call(host: &str, module: &str, error: &SyntaxError) -> Failure {
    if parse_term(module).is_ok_and(|term| term.as_atom().is_some()) {
        return Failure::usage("the FUNCTION is missing")
            .hint(format!("sshrpc call {host} {} FUNCTION '[ARG, ...]'", quoted(module)));
    }
    bad_syntax("the call", module, error)
}

/// A name as it is typed; in Erlang's quotes, if somebody got them through the shell.
pub(crate) fn atom(name: &str) -> Result<Atom, Failure> {
    if name.starts_with('\'')
        && let Ok(Term::Atom(atom)) = parse_term(name)
    {
        return Ok(atom);
    }
    Atom::new(name).map_err(|_too_long| Failure::usage(format!("{name:?} is too long for an atom (255 characters)")))
}

/// A syntax error with the line that has it, and a mark below the place.
pub(crate) fn bad_syntax(what: &str, text: &str, error: &SyntaxError) -> Failure {
    let SyntaxError { line, column, message, .. } = error;
    let failure = Failure::usage(format!("syntax error in {what}, line {line}, column {column}: {message}"));
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    let Some(text) = text.lines().nth(index(*line)) else { return failure };
    // A window around the place, where the line is long.
    let start = index(*column).saturating_sub(WINDOW / 2);
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let excerpt: String = text.chars().skip(start).take(WINDOW).map(printable).collect();
    failure.detail(format!("| {excerpt}")).detail(format!("| {}^", " ".repeat(index(*column) - start)))
}

const WINDOW: usize = 72;
