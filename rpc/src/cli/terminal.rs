//! Who sits at the terminal: asked what a server wants to know, told what it says.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ssh_transport::client::{Answers, Asked, AskedBy, Asking, Echo, Prompter, Questions, Told};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// The terminal, if there is one and it may be used.
#[derive(Debug)]
pub(crate) struct Terminal {
    ask: Ask,
    thinking: Mutex<Thinking>,
}

/// Whether anybody is asked for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Whoever sits at the terminal, if there is one.
    Somebody,
    /// `--batch`, or `BatchMode` in the configuration.
    Nobody,
}

/// How long somebody thought about an answer.
#[derive(Debug, Default)]
struct Thinking {
    before: Duration,
    since: Option<Instant>,
}

impl Terminal {
    pub(crate) fn new(ask: Ask) -> Self {
        let ask = if std::io::stdin().is_terminal() { ask } else { Ask::Nobody };
        Self { ask, thinking: Mutex::default() }
    }

    /// How long answers took so far: nobody types against the clock of a call.
    pub(crate) fn time_spent(&self) -> Duration {
        let thinking = self.thinking.lock().unwrap_or_else(PoisonError::into_inner);
        thinking.before + thinking.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn begin(&self) {
        self.thinking.lock().unwrap_or_else(PoisonError::into_inner).since = Some(Instant::now());
    }

    fn end(&self) {
        let mut thinking = self.thinking.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = thinking.since.take().map(|since| since.elapsed());
        thinking.before += spent.unwrap_or_default();
    }
}

impl Prompter for Terminal {
    fn ask<'a>(&'a self, asked: Asked<'a>) -> Asking<'a> {
        Box::pin(async move {
            if self.ask == Ask::Nobody {
                return None;
            }
            let (questions, origin) = (asked.questions.clone(), origin(&asked));
            self.begin();
            // A thread reads: once it has begun, nothing but an answer ends it, so that the terminal is left as it was.
            let answers = tokio::task::spawn_blocking(move || read(&questions, &origin)).await;
            self.end();
            answers.ok().flatten()
        })
    }

    fn tell(&self, told: Told<'_>) {
        let text = match told {
            Told::Banner(text) => text.trim_end().to_owned(),
            Told::Instruction(questions) => words(questions),
            Told::TrivialLogin => "warning: the server let us in without asking for anything; what asks for a secret \
                                   from now on may be the server itself"
                .to_owned(),
            _ => return,
        };
        if !text.is_empty() {
            eprintln!("{text}");
        }
    }
}

/// What stands before each question: a server cannot pass for somebody else.
fn origin(asked: &Asked<'_>) -> String {
    let printable = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let (user, host) = (printable(asked.user), printable(asked.host));
    match asked.by {
        AskedBy::Client => format!("{user}@{host}: "),
        _ => format!("({user}@{host} asks) "),
    }
}

/// The title and the instruction, as far as there are any.
fn words(questions: &Questions) -> String {
    let parts = [questions.name.trim(), questions.instruction.trim_end()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn read(questions: &Questions, origin: &str) -> Answers {
    let words = words(questions);
    if !words.is_empty() {
        eprintln!("{words}");
    }
    let answer = |question: &ssh_transport::client::Question| {
        let prompt = format!("{origin}{}", question.text.replace(['\n', '\t'], " "));
        match question.echo {
            Echo::Hidden => rpassword::prompt_password(prompt).ok().map(|answer| answer.into_bytes().into()),
            Echo::Shown => read_line(&prompt),
        }
    };
    questions.questions.iter().map(answer).collect()
}

/// A line without its end; nothing at the end of input.
fn read_line(prompt: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{prompt}").ok()?;
    stderr.flush().ok()?;
    let mut line = Zeroizing::new(String::new());
    let length = std::io::stdin().read_line(&mut line).ok()?;
    (length > 0).then(|| line.trim_end_matches(['\r', '\n']).as_bytes().to_vec().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_has_its_title_first() {
        assert_eq!(words(&Questions::new().name("Token").instruction("Press it.\n")), "Token\nPress it.");
        assert_eq!(words(&Questions::new().hidden("Code: ")), "");
    }
}
