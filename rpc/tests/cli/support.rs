//! A home directory, a node that runs, and what a finished command left.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use peers::{Child, Failed, LIMIT, Peers, TempDir};

/// A user with nothing but an empty home directory.
#[derive(Debug)]
pub(crate) struct Home {
    directory: TempDir,
}

impl Home {
    pub(crate) fn new() -> Result<Self, Failed> {
        Ok(Self { directory: peers::temp_dir()? })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A program that finds this home, and nothing of whoever runs the tests.
    pub(crate) fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let sshrpc = Path::new(SSHRPC).parent().map(Path::to_owned);
        let path = std::env::join_paths(
            sshrpc.into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        );
        command
            .env_clear()
            .env("HOME", self.directory.path())
            .env("USER", "alice")
            .env("PATH", path.unwrap_or_default());
        command.current_dir(self.directory.path());
        command
    }

    pub(crate) fn sshrpc(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(SSHRPC);
        command.args(arguments);
        command
    }

    /// Runs `sshrpc` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Done, Failed> {
        Done::of(&mut self.sshrpc(arguments), b"")
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Result<Done, Failed> {
        Done::of(&mut self.sshrpc(arguments), input)
    }

    /// Makes an ed25519 key in this file, and gives its path.
    pub(crate) fn key(&self, name: &str) -> Result<String, Failed> {
        let path = self.path(name).to_string_lossy().into_owned();
        let done = self.run(&["keygen", "--file", &path])?;
        ensure(done.code == Some(0), "a key", &done)?;
        Ok(path)
    }
}

const SSHRPC: &str = env!("CARGO_BIN_EXE_sshrpc");

/// What a finished command left.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Done {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command, input: &[u8]) -> Result<Self, Failed> {
        let (mut child, mut stdin) = Child::spawn_with_input(command)?;
        // One that does not read has ended, which its exit code shows.
        let _ = stdin.write_all(input);
        drop(stdin);
        let code = child.wait(LIMIT)?.code();
        Ok(Self { code, stdout: child.stdout(), stderr: child.stderr() })
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn json(&self) -> Result<serde_json::Value, Failed> {
        Ok(serde_json::from_slice(&self.stdout)?)
    }

    pub(crate) fn expect(&self, code: i32, stdout: &str, stderr: &str) -> Result<(), Failed> {
        let as_expected = self.code == Some(code) && self.stdout() == stdout && self.stderr == stderr;
        ensure(as_expected, &format!("{code}, {stdout:?}, {stderr:?}"), self)
    }

    /// One clear line, the code, and perhaps more beneath.
    pub(crate) fn expect_error(&self, code: i32, line: &str, beneath: &[&str]) -> Result<(), Failed> {
        ensure(self.code == Some(code) && self.stdout.is_empty(), &format!("exit code {code}"), self)?;
        ensure(self.stderr.lines().next() == Some(&format!("error: {line}")), line, self)?;
        for text in beneath {
            ensure(self.stderr.contains(text), text, self)?;
        }
        let errors = self.stderr.lines().filter(|line| line.starts_with("error:"));
        ensure(errors.count() == 1 && !self.stderr.contains('\u{1b}'), "one plain error", self)
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, stderr, .. } = self;
        write!(f, "--- exit code {code:?}, standard output\n{}\n--- standard error\n{stderr}", self.stdout())
    }
}

pub(crate) fn ensure(holds: bool, what: &str, done: &Done) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(format!("expected {what}\n{done}").into()) }
}

/// A node that runs, and a user whom it lets in.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) home: Home,
    pub(crate) child: Child,
    pub(crate) port: u16,
    /// The file of the user's key.
    pub(crate) identity: String,
}

impl Node {
    pub(crate) fn start() -> Result<Self, Failed> {
        Self::start_with(&[])
    }

    /// A node whose user has called it once, and so knows it.
    pub(crate) fn start_with(arguments: &[&str]) -> Result<Self, Failed> {
        Self::start_in(Home::new()?, arguments)
    }

    /// The same for a user who has something in this home already.
    pub(crate) fn start_in(home: Home, arguments: &[&str]) -> Result<Self, Failed> {
        let node = Self::start_unknown(home, arguments)?;
        node.call(&["--accept-new", &node.target(), "erlang", "node"])?.expect(0, "nonode@nohost\n", "")?;
        Ok(node)
    }

    /// A node that its user has not called yet.
    pub(crate) fn start_unknown(home: Home, arguments: &[&str]) -> Result<Self, Failed> {
        let (host, identity) = (home.key("host")?, home.key(".ssh/id_ed25519")?);
        let serve = ["serve", "--json", "--listen", "127.0.0.1:0", "--host-key", &host, "--authorized-keys"];
        let public = format!("{identity}.pub");
        let child = Child::spawn(&mut home.sshrpc(&[&serve[..], &[&public], arguments].concat()))?;
        let (child, port) = listening(child)?;
        Ok(Self { home, child, port, identity })
    }

    pub(crate) fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Result<Done, Failed> {
        self.home.run(&[&["call"], arguments].concat())
    }
}

/// `ssh` without what its user has configured, logged in to `node`.
pub(crate) fn ssh(peers: &Peers, node: &Node, arguments: &[&str], input: &[u8]) -> Result<Done, Failed> {
    let mut command = peers.command("ssh");
    command.args(["-F", "none", "-p", &node.port.to_string(), "-i", &node.identity]);
    for option in [
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
    ] {
        command.args(["-o", option]);
    }
    Done::of(command.args(arguments), input)
}

/// Waits until a node that was started with `--json` listens, and says where.
pub(crate) fn listening(mut child: Child) -> Result<(Child, u16), Failed> {
    child.wait_for("}\n", LIMIT)?;
    let line: serde_json::Value = serde_json::from_slice(&child.stdout())?;
    let address = line["listening"].as_str().ok_or("an address")?;
    let port = address.parse::<std::net::SocketAddr>()?.port();
    Ok((child, port))
}

/// Sends a signal to a child of ours, by its own id.
pub(crate) fn signal(child: &Child, name: &str) -> Result<(), Failed> {
    let status = Command::new("/bin/sh").args(["-c", &format!("kill -{name} {}", child.id())]).status()?;
    if status.success() { Ok(()) } else { Err(format!("kill: {status}").into()) }
}
