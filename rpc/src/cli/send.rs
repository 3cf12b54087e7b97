//! `sshrpc send`

use sshrpc::Client;
use sshrpc::call::CallError;
use sshrpc::client::{Error, Mode};
use sshrpc::term::{Atom, Pid, Term};

use super::call::{TIMEOUT, as_json, is_undef};
use super::exit::Exit;
use super::failure::Failure;
use super::output::Output;
use super::reach::{Patience, Reach, Timeout, timeout};
use super::{log, request};

/// Send a message to a process of a node
///
/// It is there when the node says ok; what the process makes of it is its own affair. A name that nobody has is an error, a
/// pid that has ended is not, as in Erlang.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sshrpc send 127.0.0.1:2222 counter '{increment,2}'
  sshrpc send db1 '<0.84.0>' stop                     (a node of sshrpc.toml)
  sshrpc send db1 logger - < message.erl")]
pub(crate) struct Send {
    /// The node: its name in sshrpc.toml, or [user@]host[:port]
    target: String,

    /// The process: the name that it is registered under, or its pid as the node prints it
    #[arg(value_name = "NAME|PID")]
    to: String,

    /// The message, as Erlang writes it; - reads standard input
    #[arg(allow_hyphen_values = true)]
    term: String,

    /// Give up after this long: 500ms, 10s, 2m; none waits for ever [default: 10s]
    #[arg(long, short, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Timeout>,

    #[command(flatten)]
    reach: Reach,
}

impl Send {
    pub(crate) fn run(self, output: &Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Quiet, verbose);
        let node = self.reach.names()?.one(&self.target)?;
        let to = match self.to.starts_with('<') {
            true => To::Pid(&self.to),
            false => To::Name(request::atom(&self.to)?),
        };
        let message = request::term("TERM", &self.term)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::local)?;
        runtime.block_on(async {
            let mut patience = Patience::new(self.timeout.unwrap_or(Timeout(Some(TIMEOUT))));
            let reached = self.reach.connect(&node.target, Mode::Subsystem, &mut patience).await?;
            let sent = patience.wait(to.send(&reached.client, message)).await;
            reached.client.close().await;
            match sent.ok_or_else(|| patience.timed_out("no answer from", &node.target, ""))? {
                Ok(Sent::Yes) => Ok(()),
                Ok(Sent::NoProcess) => Err(Failure::new(Exit::Failed, format!("the node has no process {}", self.to))),
                Err(error) => Err(to.explain(&error, reached.attempt.call_failed(&error))),
            }
        })?;
        let ok = Term::atom("ok");
        output.print(|| ok.to_string(), || as_json(&ok))
    }
}

/// Who gets a message, as people name processes.
enum To<'a> {
    Name(Atom),
    Pid(&'a str),
}

/// What became of a message.
enum Sent {
    Yes,
    NoProcess,
}

impl To<'_> {
    async fn send(&self, client: &Client, message: Term) -> Result<Sent, Error> {
        match self {
            Self::Name(name) => client.send(name.clone(), message).await?,
            Self::Pid(text) => match pid(client, text).await? {
                Some(pid) => client.send(pid, message).await?,
                None => return Ok(Sent::NoProcess),
            },
        }
        Ok(Sent::Yes)
    }

    fn explain(&self, error: &Error, failure: Failure) -> Failure {
        match (self, error) {
            (Self::Name(name), Error::Call(CallError::Failed(failed))) if failed.reason().is_atom("badarg") => {
                Failure { message: format!("no process of the node is registered as {name}"), ..failure }
            }
            _ => failure,
        }
    }
}

/// The pid that a node prints so. What is printed does not say of which life of which node it is: the node does.
async fn pid(client: &Client, text: &str) -> Result<Option<Pid>, Error> {
    match client.call("erlang", "list_to_pid", [text]).await {
        Ok(Term::Pid(pid)) => Ok(Some(pid)),
        Ok(_) => Ok(None),
        Err(error) if is_undef(&error) => {
            let all = client.call("erlang", "processes", Vec::<Term>::new()).await?;
            Ok(all.as_list().into_iter().flatten().find_map(|term| match term {
                Term::Pid(pid) if pid.to_string() == text => Some(pid.clone()),
                _ => None,
            }))
        }
        Err(error) => Err(error),
    }
}
