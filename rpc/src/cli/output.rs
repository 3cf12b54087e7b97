//! What goes to standard output and standard error, and in which form.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::exit::Exit;
use super::failure::{Failure, Told};

/// Headings and commands to type.
pub(crate) const STRONG: Style = Style::new().bold();
/// What is less important.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What went well, and what is to be looked at.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What needs attention.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The form in which people or programs want their output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Text,
    Json,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Prints one of the two.
    pub(crate) fn print(self, text: impl FnOnce() -> String, json: impl FnOnce() -> Value) -> Result<(), Failure> {
        match self {
            Self::Text => Self::write(&text()),
            Self::Json => Self::write(&json().to_string()),
        }
    }

    /// Whether somebody watches what is drawn meanwhile.
    pub(crate) fn is_watched(self) -> bool {
        self == Self::Text && io::stderr().is_terminal()
    }

    /// Tells people what happens meanwhile.
    pub(crate) fn say(self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Text => Self::write(text),
            Self::Json => Ok(()),
        }
    }

    fn write(line: &str) -> Result<(), Failure> {
        let mut stdout = anstream::stdout().lock();
        match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
            // Whoever read it has read enough: `sshrpc demo | head`.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|error| Failure::local(format!("cannot write the output: {error}"))),
        }
    }

    /// Reports a failure, and says how to end.
    pub(crate) fn fail(self, failure: &Failure) -> Exit {
        if failure.told == Told::Already {
            return failure.exit;
        }
        // Nothing can be done about an error stream that is gone.
        let _ = match self {
            Self::Text => report("", failure),
            Self::Json => writeln!(io::stdout(), "{}", as_json(failure)),
        };
        failure.exit
    }

    /// Reports one failure of several: with a label before its words, or as a member of its object.
    pub(crate) fn fail_one(self, label: &str, member: Option<(&str, Value)>, failure: &Failure) {
        // As above.
        let _ = match self {
            Self::Text => report(label, failure),
            Self::Json => {
                let object = match member {
                    Some((name, value)) => with(name, value, as_json(failure)),
                    None => as_json(failure),
                };
                writeln!(io::stdout(), "{object}")
            }
        };
    }
}

/// An object with one member more.
pub(crate) fn with(name: &str, value: Value, mut object: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    object
}

/// A failure, as `--json` has it.
pub(crate) fn as_json(failure: &Failure) -> Value {
    json!({ "error": {
        "code": failure.exit as u8,
        "kind": failure.exit.name(),
        "message": failure.message,
        "term": failure.term,
        "hints": failure.hints,
    }})
}

fn report(label: &str, failure: &Failure) -> io::Result<()> {
    let mut stderr = anstream::stderr().lock();
    writeln!(stderr, "{ERROR}error:{ERROR:#} {label}{}", failure.message)?;
    for line in &failure.details {
        writeln!(stderr, "  {line}")?;
    }
    for hint in &failure.hints {
        for (number, line) in hint.lines().enumerate() {
            let label = if number == 0 { format!("{HINT}hint:{HINT:#}") } else { "     ".to_owned() };
            writeln!(stderr, " {label} {line}")?;
        }
    }
    Ok(())
}
