//! `ProxyCommand`: a program whose input and output are the connection.

use std::io;
use std::process::Stdio;

use tokio::process::Command;

use super::{Client, ConnectError, Policy};
use crate::io::{Duplex, Kept};

impl Client {
    /// Logs in over the input and output of `command`, as `ssh` does where its `ProxyCommand` says so. It runs in a shell, what
    /// it writes to its standard error goes to ours, and it is killed with the connection.
    ///
    /// # Errors
    /// When there is no shell, the host's key is not the right one, or it does not let us in.
    pub async fn connect_by_command(
        command: &str,
        host: &str,
        port: u16,
        policy: &Policy,
    ) -> Result<Self, ConnectError> {
        let stream = spawn(command).map_err(|error| ConnectError::Connect(command.to_owned(), error))?;
        Self::over(stream, host, port, policy).await
    }
}

fn spawn(command: &str) -> io::Result<impl Duplex + use<>> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    let mut program = Command::new(shell);
    // The command takes the shell's place, so that it is the one that is killed.
    program.arg("-c").arg(format!("exec {command}")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = program.kill_on_drop(true).spawn()?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    Ok(Kept::new(tokio::io::join(output, input), child))
}
