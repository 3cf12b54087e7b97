//! How a peer's program is started, fed and read.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command};
use std::thread;
use std::time::Duration;

use peers::{Child, Failed};

use crate::install;
use crate::pattern::Pattern;
use crate::table::Program;

/// After this many bytes keys are re-exchanged in a transfer.
pub(crate) const REKEY: u64 = 16 << 20;

impl Program {
    /// A command that runs it; its arguments are still to come. `keys` is where it finds what it needs.
    pub(crate) fn command(self, keys: &Path) -> Command {
        let script = |file: &str| install::scripts().join(file).into_os_string();
        let (interpreter, file): (OsString, OsString) = match self {
            Self::Shell(file) => ("sh".into(), script(file)),
            Self::Python(file) => (install::home().join("venv/bin/python").into(), script(file)),
            Self::Node(file) => ("node".into(), script(file)),
            Self::Ruby(file) => ("ruby".into(), script(file)),
            Self::Php(file) => ("php".into(), script(file)),
            Self::Erlang(file) => ("escript".into(), script(file)),
            Self::Java(_) => ("sh".into(), script("clients/java.sh")),
        };
        let mut command = Command::new(interpreter);
        command.arg(file);
        if let Self::Java(class) = self {
            command.arg(class);
        }
        // A library would read what stands in the home of whoever runs the tests.
        command.env("PEER_HOME", install::home()).env("PEER_KEYS", keys).env("HOME", keys).env_remove("SSH_AUTH_SOCK");
        for variable in ["SUBSYSTEM", "REKEY"] {
            command.env_remove(variable);
        }
        command
    }
}

/// What a program left.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status, if it was not killed.
    pub(crate) status: Option<i32>,
    /// How many bytes it wrote.
    pub(crate) length: u64,
    /// Whether they are the pattern.
    pub(crate) pattern: bool,
    /// The first of them.
    pub(crate) start: String,
    /// What it said besides.
    pub(crate) stderr: String,
}

impl Ended {
    /// For a person who wants to know what went wrong.
    pub(crate) fn summary(&self) -> String {
        let Self { status, length, pattern, start, stderr } = self;
        let start: String = start.chars().take(200).collect();
        let stderr: Vec<&str> = stderr.lines().collect();
        let stderr = stderr[stderr.len().saturating_sub(12)..].join("\n");
        format!("status {status:?}, {length} bytes of output, the pattern: {pattern}, starting {start:?}\n{stderr}")
    }
}

/// Runs a program to its end with `input` bytes of the pattern.
pub(crate) fn run(command: &mut Command, input: u64, limit: Duration) -> Result<Ended, Failed> {
    let (mut child, stdin, stdout) = Child::spawn_with_pipes(command)?;
    let feeding = thread::spawn(move || feed(stdin, input));
    let reading = thread::spawn(move || read(stdout));
    let status = child.wait(limit)?.code();
    // What it left to its own children goes with the connection.
    let (length, pattern, start) = reading.join().map_err(|_panicked| "the reader panicked")??;
    // It may end before it has read everything, and says by its status whether that was right.
    let _ = feeding.join();
    Ok(Ended { status, length, pattern, start, stderr: child.stderr() })
}

fn feed(mut stdin: ChildStdin, length: u64) -> std::io::Result<()> {
    let mut pattern = Pattern::default();
    let mut left = length;
    while left > 0 {
        let written = stdin.write(pattern.next(left))?;
        pattern.skip(written);
        left -= written as u64;
    }
    Ok(())
}

fn read(mut stdout: ChildStdout) -> std::io::Result<(u64, bool, String)> {
    let (mut pattern, mut same, mut total, mut start) = (Pattern::default(), true, 0, Vec::new());
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let length = stdout.read(&mut buffer)?;
        if length == 0 {
            return Ok((total, same, String::from_utf8_lossy(&start).into_owned()));
        }
        let part = &buffer[..length];
        same &= pattern.accept(part);
        total += length as u64;
        if start.len() < 1024 {
            start.extend_from_slice(&part[..part.len().min(1024)]);
        }
    }
}
