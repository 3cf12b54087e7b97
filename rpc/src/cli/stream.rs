//! `sshrpc call --stream-in --stream-out`: what a function reads and writes besides its arguments and its value.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use sshrpc::client::{Error, StreamCall, StreamInput, StreamOutput};
use sshrpc::term::Term;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Stdout};

use super::call::as_json;
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

    /// Refuses what would have to be in one place with something else: arguments from standard input, or JSON.
    pub(crate) fn check(&self, arguments_from_stdin: bool, output: Output) -> Result<(), Failure> {
        if arguments_from_stdin && self.input.as_deref().is_some_and(is_dash) {
            return Err(Failure::usage("standard input cannot be both the arguments and the stream"));
        }
        if self.use_stdout() && output == Output::Json {
            return Err(Failure::usage("standard output cannot have both the stream and `--json`")
                .hint("`--stream-out FILE` keeps them apart"));
        }
        Ok(())
    }

    /// Prints the value, where the stream is not.
    pub(crate) fn print(&self, value: &Term, output: Output) -> Result<(), Failure> {
        if self.use_stdout() {
            // Nothing can be done about an error stream that is gone.
            let _ = writeln!(anstream::stderr().lock(), "{value}");
            return Ok(());
        }
        output.print(|| value.to_string(), || as_json(value))
    }

    fn use_stdout(&self) -> bool {
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

    /// Begins a call and moves its streams, until its answer is there, or it is too late. No value is that nobody reads
    /// standard output any more.
    pub(crate) async fn run(
        &self,
        source: Source,
        begin: impl Future<Output = Result<StreamCall, Error>>,
        late: impl Future<Output = Failure>,
        attempt: &Attempt,
        output: Output,
    ) -> Result<Option<Term>, Failure> {
        let progress = Progress::new(&source, output);
        let mut sink = Sink::new(self.output.as_deref());
        let work = async {
            let call = begin.await.map_err(|error| attempt.call_failed(&error))?;
            let StreamCall { input, output: produced, answer, .. } = call;
            let end = async {
                match take(produced, &mut sink, &progress).await {
                    Ok(()) => answer.await.map(Some).map_err(|error| attempt.call_failed(&error)),
                    Err(Unwritten::NobodyReads) => Ok(None),
                    Err(Unwritten::Failed(failure)) => Err(failure),
                }
            };
            // A function may have ended without reading all of its input: nobody waits for the rest.
            tokio::select! {
                biased;
                ended = end => ended,
                Err(failure) = give(source, input, &progress) => Err(failure),
            }
        };
        let ended = tokio::select! {
            biased;
            ended = work => ended,
            failure = late => Err(failure),
        };
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
    // A function that wants no more needs no end, either.
    let _ = input.shutdown().await;
    Ok(())
}

/// Writes an output to where it goes, as far as it comes: whether that is all, the answer says.
async fn take(mut produced: StreamOutput, sink: &mut Sink<'_>, progress: &Progress) -> Result<(), Unwritten> {
    let mut piece = vec![0; PIECE];
    while let Ok(read) = produced.read(&mut piece).await {
        let Some(octets) = piece.get(..read).filter(|octets| !octets.is_empty()) else { return sink.end().await };
        progress.received(read);
        sink.write(octets).await?;
    }
    Ok(())
}

/// Where an output goes. A file is made when its first octet or its end comes, so that a call that is refused leaves alone what
/// was there.
enum Sink<'a> {
    Nowhere,
    Stdout(Stdout),
    File(&'a Path, Option<File>),
}

enum Unwritten {
    /// A pipe whose reader has enough.
    NobodyReads,
    Failed(Failure),
}

impl<'a> Sink<'a> {
    fn new(path: Option<&'a Path>) -> Self {
        match path {
            None => Self::Nowhere,
            Some(path) if is_dash(path) => Self::Stdout(tokio::io::stdout()),
            Some(path) => Self::File(path, None),
        }
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Unwritten> {
        let written = match self {
            Self::Nowhere => {
                let failure = Failure::usage("the function writes a stream, and nobody takes it");
                return Err(Unwritten::Failed(failure.hint("`--stream-out FILE` does, `--stream-out -` shows it")));
            }
            Self::Stdout(stdout) => stdout.write_all(octets).await,
            Self::File(path, file) => match opened(path, file).await {
                Ok(file) => file.write_all(octets).await,
                Err(error) => Err(error),
            },
        };
        written.map_err(|error| self.unwritten(&error))
    }

    async fn end(&mut self) -> Result<(), Unwritten> {
        let flushed = match self {
            Self::Nowhere => Ok(()),
            Self::Stdout(stdout) => stdout.flush().await,
            Self::File(path, file) => match opened(path, file).await {
                Ok(file) => file.flush().await,
                Err(error) => Err(error),
            },
        };
        flushed.map_err(|error| self.unwritten(&error))
    }

    fn unwritten(&self, error: &io::Error) -> Unwritten {
        let name = match self {
            Self::File(path, _) => shown(path),
            _ if error.kind() == ErrorKind::BrokenPipe => return Unwritten::NobodyReads,
            _ => "standard output".to_owned(),
        };
        Unwritten::Failed(Failure::local(format!("cannot write {name}: {error}")))
    }

    /// The file that keeps what was written.
    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path, Some(_)) if path.is_file() => Some(path),
            _ => None,
        }
    }
}

async fn opened<'a>(path: &Path, file: &'a mut Option<File>) -> io::Result<&'a mut File> {
    let open = match file.take() {
        Some(open) => open,
        None => File::create(path).await?,
    };
    Ok(file.insert(open))
}

/// How far it is, for people who watch.
struct Progress {
    bar: ProgressBar,
    sent: std::cell::Cell<u64>,
    received: std::cell::Cell<u64>,
}

impl Progress {
    fn new(source: &Source, output: Output) -> Self {
        let bar = if output.is_watched() {
            let (bar, template) = match source.length {
                Some(length) => (ProgressBar::new(length), "{bar:24} {wide_msg} {bytes_per_sec}"),
                None => (ProgressBar::new_spinner(), "{spinner} {wide_msg}"),
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        } else {
            ProgressBar::hidden()
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
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
