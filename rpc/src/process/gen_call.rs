//! Calls of servers, as `gen_server:call/3` makes them.

use core::future::Future;
use core::pin::pin;
use core::time::Duration;

use super::error::SendError;
use super::limits::MailboxLimits;
use super::mailbox::OpenMailbox;
use super::processes::Processes;
use crate::call::Failure;
use crate::extended::Destination;
use crate::term::Term;

/// A caller's mailbox: for the reply, and what strangers may send to it meanwhile.
const CALLER: MailboxLimits = MailboxLimits::new(16, MailboxLimits::MAX_OCTETS);

impl Processes {
    /// Calls a server, and waits for its reply: `gen_server:call/3`. Without a timeout it waits for as long as the server
    /// lives.
    ///
    /// A caller of its own is made for each call, which is gone afterwards: a reply that comes too late reaches nobody.
    ///
    /// # Errors
    /// The exit `{Reason,{gen_server,call,[Destination,Request,Timeout]}}`, where the reason is `noproc`, `timeout`, the exit
    /// reason of the server, `{nodedown,Node}` for one of another node, or `system_limit` when its mailbox is full.
    pub async fn gen_call(&self, to: &Destination, request: Term, timeout: Option<Duration>) -> Result<Term, Failure> {
        let asked = request.clone();
        let failed = |reason| Failure::exit(Term::tuple([reason, call_term(to, asked, timeout)]));
        match expire(timeout, self.ask(to, request)).await {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(reason)) => Err(failed(reason)),
            None => Err(failed(Term::atom("timeout"))),
        }
    }

    /// Asks a server for something and does not wait: `gen_server:cast/2`, but that it says what was not delivered.
    ///
    /// # Errors
    /// [`SendError`]
    pub fn gen_cast(&self, to: &Destination, request: Term) -> Result<(), SendError> {
        self.send(to, Term::tuple([Term::atom("$gen_cast"), request]))
    }

    /// The reply, or the reason why there is none.
    async fn ask(&self, to: &Destination, request: Term) -> Result<Term, Term> {
        let to = match to {
            Destination::Pid(_) => to.clone(),
            Destination::Name(name) => self.whereis(name).ok_or(Term::atom("noproc"))?.into(),
        };
        let down = self.monitor(&to);
        let mut caller = self.open_mailbox_with(CALLER);
        let tag = Term::from(self.make_ref());
        let from = Term::tuple([caller.pid().clone().into(), tag.clone()]);
        let message = Term::tuple([Term::atom("$gen_call"), from, request]);
        self.send(&to, message).map_err(|error| error.exit_reason())?;
        tokio::select! {
            biased;
            reply = reply(&mut caller, &tag) => reply.ok_or(Term::atom("killed")),
            reason = down => Err(reason),
        }
    }
}

/// Waits for `{Tag,Reply}`; what else comes is not for us. `None` when somebody has killed the caller.
async fn reply(caller: &mut OpenMailbox, tag: &Term) -> Option<Term> {
    while let Ok(message) = caller.recv().await {
        if let Some([known, reply]) = message.as_tuple()
            && known == tag
        {
            return Some(reply.clone());
        }
    }
    None
}

async fn expire<T>(timeout: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    let work = pin!(work);
    match timeout {
        Some(timeout) => tokio::time::timeout(timeout, work).await.ok(),
        None => Some(work.await),
    }
}

/// `{gen_server,call,[Destination,Request,Timeout]}`
fn call_term(to: &Destination, request: Term, timeout: Option<Duration>) -> Term {
    let timeout = match timeout {
        Some(timeout) => timeout.as_millis().into(),
        None => Term::atom("infinity"),
    };
    let arguments = Term::list([to.to_term(), request, timeout]);
    Term::tuple([Term::atom("gen_server"), Term::atom("call"), arguments])
}
