//! `sshrpc call --stream-in --stream-out`: what a function reads and writes besides its arguments and its value.

use std::io::{self, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use sshrpc::client::{StreamCall, StreamInput, StreamOutput};
use sshrpc::term::Term;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::config::shown;
use super::explain::Attempt;
use super::failure::Failure;
use super::output::Output;

/// Where the streams of a call come from and go to.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Ends {
    /// Give the function this file as its input stream; - is standard input
    #[arg(long = "stream-in", value_name = "FILE", conflicts_with_all = ["hosts", "at_once", "cast"])]
    input: Option<PathBuf>,

    /// Write the function's output stream to this file; - is standard output, and the value goes to standard error
    #[arg(long = "stream-out", value_name = "FILE", conflicts_with_all = ["hosts", "at_once", "cast"])]
    output: Option<PathBuf>,
}

impl Ends {
    /// The option that was given, where one was.
    pub(crate) fn option(&self) -> Option<&'static str> {
        let input = self.input.as_ref().map(|_| "--stream-in");
        input.or_else(|| self.output.as_ref().map(|_| "--stream-out"))
    }

    pub(crate) fn use_stdin(&self) -> bool {
        self.input.as_deref().is_some_and(is_dash)
    }

    pub(crate) fn use_stdout(&self) -> bool {
        self.output.as_deref().is_some_and(is_dash)
    }

    /// What the input is read from. It is there before anybody is called.
    pub(crate) async fn source(&self) -> Result<Source, Failure> {
        match self.input.as_deref() {
            None => Ok(Source { name: String::new(), octets: Box::new(tokio::io::empty()), length: None }),
            Some(path) if is_dash(path) => {
                Ok(Source { name: "standard input".to_owned(), octets: Box::new(tokio::io::stdin()), length: None })
            }
            Some(path) => {
                let name = shown(path);
                let cannot = |error: io::Error| Failure::local(format!("cannot read {name}: {error}"));
                let file = File::open(path).await.map_err(cannot)?;
                let kind = file.metadata().await.map_err(cannot)?;
                if kind.is_dir() {
                    return Err(cannot(ErrorKind::IsADirectory.into()));
                }
                let length = kind.is_file().then_some(kind.len());
                Ok(Source { name, octets: Box::new(file), length })
            }
        }
    }

    /// Moves the streams of a call, until its answer is there. No value is that nobody reads standard output any more.
    pub(crate) async fn run(
        &self,
        source: Source,
        call: StreamCall,
        attempt: &Attempt,
        output: Output,
    ) -> Result<Option<Term>, Failure> {
        let StreamCall { input, output: produced, answer, .. } = call;
        let progress = Progress::new(&source, output);
        let mut sink = Sink::new(self.output.as_deref());
        let end = async {
            match take(produced, &mut sink, &progress).await? {
                Taken::All => answer.await.map(Some).map_err(|error| attempt.call_failed(&error)),
                Taken::NobodyReads => Ok(None),
            }
        };
        // A function may have ended without reading all of its input: nobody waits for the rest.
        let ended = tokio::select! {
            biased;
            ended = end => ended,
            Err(failure) = give(source, input, &progress) => Err(failure),
        };
        progress.end();
        ended.map_err(|failure| match sink.file() {
            Some(path) => failure.hint(format!("{} has the beginning of the output, and not all of it", shown(path))),
            None => failure,
        })
    }
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Where an input comes from.
pub(crate) struct Source {
    name: String,
    octets: Box<dyn AsyncRead + Unpin>,
    /// In octets, where that is known before.
    length: Option<u64>,
}

/// Octets that are moved at once.
const PIECE: usize = 64 << 10;

/// Sends an input to its end. A function that wants no more is no failure; its answer says how it ended.
async fn give(mut source: Source, mut input: StreamInput, progress: &Progress) -> Result<(), Failure> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = source.octets.read(&mut piece).await;
        let read = read.map_err(|error| Failure::local(format!("cannot read {}: {error}", source.name)))?;
        let Some(octets) = piece.get(..read).filter(|octets| !octets.is_empty()) else { break };
        if input.write_all(octets).await.is_err() {
            return Ok(());
        }
        progress.sent(read);
    }
    // As above.
    let _ = input.shutdown().await;
    Ok(())
}

/// How the output ended, as far as it is known before the answer.
enum Taken {
    All,
    NobodyReads,
}

/// Writes an output to where it goes.
async fn take(mut produced: StreamOutput, sink: &mut Sink<'_>, progress: &Progress) -> Result<Taken, Failure> {
    let mut piece = vec![0; PIECE];
    loop {
        let octets = match produced.read(&mut piece).await {
            Ok(0) => break,
            Ok(read) => piece.get(..read).unwrap_or_default(),
            // The answer says why.
            Err(_) => return Ok(Taken::All),
        };
        progress.received(octets.len());
        match sink.write(octets).await {
            Err(Unwritten::NobodyReads) => return Ok(Taken::NobodyReads),
            Err(Unwritten::Failed(failure)) => return Err(failure),
            Ok(()) => {}
        }
    }
    match sink.end().await {
        Err(Unwritten::NobodyReads) => Ok(Taken::NobodyReads),
        Err(Unwritten::Failed(failure)) => Err(failure),
        Ok(()) => Ok(Taken::All),
    }
}

/// Where an output goes. A file is made when its first octet or its end comes, so that a call that is refused leaves alone what
/// was there.
struct Sink<'a> {
    path: Option<&'a Path>,
    open: Option<Box<dyn AsyncWrite + Unpin>>,
}

enum Unwritten {
    /// A pipe whose reader has enough.
    NobodyReads,
    Failed(Failure),
}

impl<'a> Sink<'a> {
    fn new(path: Option<&'a Path>) -> Self {
        Self { path, open: None }
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Unwritten> {
        let Some(path) = self.path else {
            let failure = Failure::usage("the function writes a stream, and nobody takes it");
            return Err(Unwritten::Failed(failure.hint("`--stream-out FILE` does, `--stream-out -` shows it")));
        };
        let written = self.opened(path).await?.write_all(octets).await;
        written.map_err(|error| unwritten(path, &error))
    }

    async fn end(&mut self) -> Result<(), Unwritten> {
        let Some(path) = self.path else { return Ok(()) };
        let flushed = self.opened(path).await?.flush().await;
        flushed.map_err(|error| unwritten(path, &error))
    }

    /// The file that has what was written.
    fn file(&self) -> Option<&Path> {
        self.path.filter(|path| self.open.is_some() && !is_dash(path))
    }

    async fn opened(&mut self, path: &Path) -> Result<&mut Box<dyn AsyncWrite + Unpin>, Unwritten> {
        let open: Box<dyn AsyncWrite + Unpin> = match self.open.take() {
            Some(open) => open,
            None if is_dash(path) => Box::new(tokio::io::stdout()),
            None => Box::new(File::create(path).await.map_err(|error| unwritten(path, &error))?),
        };
        Ok(self.open.insert(open))
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Unwritten {
    if is_dash(path) && error.kind() == ErrorKind::BrokenPipe {
        return Unwritten::NobodyReads;
    }
    let name = if is_dash(path) { "standard output".to_owned() } else { shown(path) };
    Unwritten::Failed(Failure::local(format!("cannot write {name}: {error}")))
}

/// How far it is, for people who watch.
struct Progress {
    bar: ProgressBar,
    sent: std::cell::Cell<u64>,
    received: std::cell::Cell<u64>,
}

impl Progress {
    fn new(source: &Source, output: Output) -> Self {
        let bar = if output == Output::Json || !io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let (bar, template) = match source.length {
                Some(length) => (ProgressBar::new(length), "{bar:24} {wide_msg} {bytes_per_sec}"),
                None => (ProgressBar::new_spinner(), "{spinner} {wide_msg}"),
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        };
        Self { bar, sent: 0.into(), received: 0.into() }
    }

    fn sent(&self, octets: usize) {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        self.sent.set(self.sent.get().saturating_add(octets));
        self.bar.inc(octets);
        self.show();
    }

    fn received(&self, octets: usize) {
        self.received.set(self.received.get().saturating_add(u64::try_from(octets).unwrap_or(u64::MAX)));
        self.show();
    }

    fn show(&self) {
        if !self.bar.is_hidden() {
            let octets = |count: &std::cell::Cell<u64>| indicatif::HumanBytes(count.get());
            self.bar.set_message(format!("{} sent, {} received", octets(&self.sent), octets(&self.received)));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
