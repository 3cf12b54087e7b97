//! Calls of servers that are processes, by messages.

use core::fmt;

use futures_util::future::join_all;

use super::nodes::Nodes;
use crate::client::{Client, Error};
use crate::erpc::{Exception, Reason};
use crate::term::{Atom, Term};

/// `{error,Reason}`: why a server gave no reply.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoReply {
    /// There is no server of this name, or it has ended before it replied, with this reason. Erlang says `nodedown` here, too.
    Down(Term),
    /// `nodedown`, and other failures of the way to it. The server may have the message.
    Failed(Exception),
}

impl NoReply {
    /// `{error,Reason}`
    #[must_use]
    pub fn to_term(&self) -> Term {
        let reason = match self {
            Self::Down(_) | Self::Failed(Exception::Erpc { reason: Reason::NoConnection, .. }) => {
                Term::atom("nodedown")
            }
            Self::Failed(Exception::Erpc { reason, .. }) => reason.to_term(),
            Self::Failed(exception) => exception.to_term(),
        };
        Term::tuple([Term::atom("error"), reason])
    }
}

/// One line for people.
impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(reason) if reason.is_atom("noproc") => f.write_str("there is no server of this name"),
            Self::Down(reason) => write!(f, "the server ended before it replied: {reason}"),
            Self::Failed(exception) => exception.fmt(f),
        }
    }
}

impl core::error::Error for NoReply {}

impl From<Error> for NoReply {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Asks a server by `{From,Message}`, and waits for its reply by `From ! {ReplyWrapper,Node,Reply}`: `rpc:server_call/4`. It
/// waits as long as the server lives. Whatever else comes to `From` is passed over; each call has a `From` of its own.
///
/// # Errors
/// [`NoReply`]
pub async fn server_call(node: &Client, name: &Atom, reply_wrapper: &Term, message: Term) -> Result<Term, NoReply> {
    let mut mailbox = node.mailbox().await?;
    let down = node.monitor(name.clone()).await?;
    match node.send(name.clone(), Term::tuple([mailbox.pid().clone().into(), message])).await {
        Ok(()) => {}
        // A name that nobody has.
        Err(error) => {
            return Err(match error.into() {
                Exception::Error { reason, .. } if reason.is_atom("badarg") => NoReply::Down(Term::atom("noproc")),
                exception => NoReply::Failed(exception),
            });
        }
    }
    let reply = async {
        loop {
            let message = mailbox.recv().await.map_err(|closed| NoReply::Down(closed.reason))?;
            match message.as_tuple() {
                Some([wrapper, _node, reply]) if wrapper == reply_wrapper => return Ok(reply.clone()),
                _ => {}
            }
        }
    };
    // What the server said before it ended comes first.
    tokio::select! {
        biased;
        reply = reply => reply,
        reason = down => Err(NoReply::Down(reason?)),
    }
}

/// Asks the servers of this name on all nodes, as [`server_call`] with the name as the wrapper: `rpc:multi_server_call/3`, that is
/// `{Replies,BadNodes}`, both in the order of the nodes.
pub async fn multi_server_call(nodes: &Nodes, name: &Atom, message: Term) -> (Vec<Term>, Vec<Atom>) {
    let wrapper = Term::from(name.clone());
    let calls = nodes.iter().map(|node| {
        let (wrapper, message) = (&wrapper, message.clone());
        async move {
            let client = node.client().ok_or_else(|| node.name().clone())?;
            server_call(client, name, wrapper, message).await.map_err(|_no_reply| node.name().clone())
        }
    });
    let (mut replies, mut bad_nodes) = (Vec::new(), Vec::new());
    for answer in join_all(calls).await {
        match answer {
            Ok(reply) => replies.push(reply),
            Err(node) => bad_nodes.push(node),
        }
    }
    (replies, bad_nodes)
}
