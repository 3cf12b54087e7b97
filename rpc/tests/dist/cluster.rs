//! A cluster of its own: a port mapper, nodes, a cookie, all on the loopback address and in a home of their own.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use peers::{Child, Failed, LIMIT, Peers, TempDir};
use sshrpc::backend::dist::{BeamDist, BeamDistBuilder, Cookie};

/// A port mapper, and the home with the cookie.
pub(crate) struct Cluster {
    pub(crate) home: TempDir,
    pub(crate) epmd_port: u16,
    _epmd: Child,
    peers: Peers,
}

pub(crate) const COOKIE: &str = "a_cookie_of_tests";

impl Cluster {
    pub(crate) fn new(peers: &Peers) -> Result<Self, Failed> {
        let home = peers::temp_dir()?;
        write_cookie(&home.path().join(".erlang.cookie"), COOKIE)?;
        let epmd_port = peers::free_port()?;
        let mut epmd = peers.command("epmd");
        epmd.args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()]);
        let epmd = Child::spawn(&mut epmd)?;
        let listens = || std::net::TcpStream::connect(("127.0.0.1", epmd_port)).is_ok();
        if !peers::wait_until(LIMIT, listens) {
            return Err(epmd.failed("does not listen"));
        }
        Ok(Self { home, epmd_port, _epmd: epmd, peers: peers.clone() })
    }

    /// Starts the node `NAME@127.0.0.1`, and waits until others can dial it.
    pub(crate) fn node(&self, name: &str, options: &[&str]) -> Result<Child, Failed> {
        let mut child = Child::spawn(self.erl(name).args(options).args(["-eval", "io:format(\"up~n\")."]))?;
        child.wait_for("up", LIMIT)?;
        Ok(child)
    }

    fn erl(&self, name: &str) -> Command {
        let mut erl = self.peers.command("erl");
        erl.env("HOME", self.home.path())
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .current_dir(self.home.path())
            .args(["-noinput", "-boot", "no_dot_erlang", "-start_epmd", "false", "-name"])
            .arg(format!("{name}@127.0.0.1"))
            .args(["-kernel", "inet_dist_use_interface", "{127,0,0,1}"]);
        erl
    }

    pub(crate) fn cookie_file(&self) -> PathBuf {
        self.home.path().join(".erlang.cookie")
    }

    /// How to join by this node.
    pub(crate) fn joining(&self, name: &str) -> Result<BeamDistBuilder, Failed> {
        let cookie = Cookie::from_file(&self.cookie_file())?;
        Ok(BeamDist::builder(format!("{name}@127.0.0.1").parse()?, cookie).epmd_port(self.epmd_port))
    }
}

pub(crate) fn write_cookie(path: &std::path::Path, cookie: &str) -> Result<(), Failed> {
    std::fs::write(path, format!("{cookie}\n"))?;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o400))?)
}

/// Sends a signal to a child of ours, by its own id.
pub(crate) fn signal(child: &Child, name: &str) -> Result<(), Failed> {
    let status = Command::new("/bin/sh").args(["-c", &format!("kill -{name} {}", child.id())]).status()?;
    if status.success() { Ok(()) } else { Err(format!("kill: {status}").into()) }
}
