//! OpenSSH's `sftp` and `scp` with the server of `examples/sftp_server.rs`.

mod support;

#[allow(dead_code, reason = "its `main` is not ours")]
#[path = "../examples/sftp_server.rs"]
mod sftp_server;

use std::path::{Path, PathBuf};
use std::process::Command;

use peers::{Child, Failed, LIMIT, Peers, TempDir, trial};
use sftp_server::Directory;
use ssh_transport::Server;
use support::handler::server_policy;
use support::pattern::{CHUNK, Pattern};
use support::{LONG, USER, block_on, ensure, equal, public, vector_key};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

fn main() -> std::process::ExitCode {
    peers::run(vec![
        trial("sftp_puts_gets_lists_and_renames", &["sftp", "ssh"], sftp),
        trial("scp_copies_both_ways", &["scp", "ssh"], scp),
        trial("nothing_outside_the_directory_can_be_reached", &["sftp", "ssh"], nothing_outside),
    ])
}

struct Setup<'a> {
    peers: &'a Peers,
    /// `served` is served.
    directory: TempDir,
    key: PathBuf,
    port: u16,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl<'a> Setup<'a> {
    async fn new(peers: &'a Peers) -> Result<Self, Failed> {
        let directory = peers::temp_dir()?;
        let served = directory.path().join("served");
        std::fs::create_dir(&served)?;
        let key = vector_key(directory.path(), "ed25519")?;
        let handler = Directory::new(&served, vec![public("ed25519")])?;
        let server = Server::bind("127.0.0.1:0", server_policy(), handler).await?;
        let port = server.local_addr()?.port();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Ok(Self { peers, directory, key, port, stop, task })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = self.peers.command(name);
        command.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i"]).arg(&self.key);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        command.args(["-P", &self.port.to_string()]);
        command
    }

    /// Runs commands of `sftp`.
    fn sftp(&self, batch: &str) -> Result<Child, Failed> {
        let file = self.path("batch");
        std::fs::write(&file, batch)?;
        let mut command = self.command("sftp");
        command.arg("-b").arg(&file).arg(format!("{USER}@127.0.0.1"));
        Ok(Child::spawn(command.current_dir(self.directory.path()))?)
    }

    async fn stop(self) -> Result<(), Failed> {
        let _ = self.stop.send(());
        Ok(self.task.await?)
    }
}

fn same(left: &Path, right: &Path) -> Result<(), Failed> {
    ensure(std::fs::read(left)? == std::fs::read(right)?, || format!("{} is not {}", left.display(), right.display()))
}

fn sftp(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers).await?;
        std::fs::write(setup.path("large"), Pattern::file(CHUNK))?;
        let batch = "mkdir below\nput large below/there\nrename below/there below/renamed\nls -l below\n\
                     get below/renamed back\nrm below/renamed\nls below\nrmdir below\npwd\n";
        let said = setup.sftp(batch)?.succeed(LONG)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        ensure(said.contains(&format!("{CHUNK} ")) && said.contains("renamed"), || said.clone())?;
        ensure(said.ends_with("sftp> pwd\nRemote working directory: /\n"), || said)?;
        same(&setup.path("large"), &setup.path("back"))?;
        equal(std::fs::read_dir(setup.path("served"))?.count(), 0)?;
        setup.stop().await
    })
}

fn scp(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers).await?;
        std::fs::write(setup.path("large"), Pattern::file(CHUNK))?;
        let remote = format!("{USER}@127.0.0.1:/copied");
        let mut up = setup.command("scp");
        Child::spawn(up.arg("-s").arg(setup.path("large")).arg(&remote))?.succeed(LONG)?;
        same(&setup.path("large"), &setup.path("served/copied"))?;
        let mut down = setup.command("scp");
        Child::spawn(down.args(["-s", &remote]).arg(setup.path("back")))?.succeed(LONG)?;
        same(&setup.path("large"), &setup.path("back"))?;
        setup.stop().await
    })
}

fn nothing_outside(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let setup = Setup::new(peers).await?;
        std::fs::write(setup.path("secret"), b"secret")?;
        std::os::unix::fs::symlink(setup.path("secret"), setup.path("served/link"))?;
        std::os::unix::fs::symlink(setup.directory.path(), setup.path("served/up"))?;
        std::os::unix::fs::symlink(setup.path("new"), setup.path("served/dangling"))?;
        for wish in [
            "get ../secret stolen",
            "get link stolen",
            "get up/secret stolen",
            "put batch up/new",
            "put batch dangling",
        ] {
            ensure(!setup.sftp(&format!("{wish}\n"))?.wait(LIMIT)?.success(), || wish.to_owned())?;
        }
        ensure(!setup.path("stolen").exists() && !setup.path("new").exists(), || "it was reached".to_owned())?;
        setup.stop().await
    })
}
