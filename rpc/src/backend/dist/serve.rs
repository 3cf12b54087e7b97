//! What another node wants of ours: calls of functions, and the few processes that every node has.

use core::fmt;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::backend::{Backend, Caller, Context, Executor};
use crate::call::{Call, Failure, Outcome, Success};
use crate::extended::Destination;
use crate::process::{Neighbour, Processes, Signal, SpawnRequest};
use crate::term::{Pid, Term};

/// Calls from the other node that run at once.
const MAX_CALLS: usize = 4096;

/// Who executes what the other node calls, and in whose name.
#[derive(Clone)]
pub(super) struct Served {
    executor: Executor,
    context: Context,
    free: Arc<Semaphore>,
}

impl Served {
    pub(super) fn new(executor: Executor, caller: Caller) -> Self {
        Self { executor, context: Context::new(caller), free: Arc::new(Semaphore::new(MAX_CALLS)) }
    }

    /// The right to run one more call.
    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_owned().ok()
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("executor", &self.executor).finish_non_exhaustive()
    }
}

/// Starts a process, as `erlang:spawn_request/5` asks: one that executes a call for `erpc`. Others could only run Erlang's
/// code, and are refused with `notsup`.
pub(super) fn spawn(neighbour: &Neighbour, served: Option<&Served>, request: SpawnRequest) {
    let asked = Asked::from(&request);
    let (Some(served), Some(asked)) = (served, asked) else { return neighbour.refuse(&request, "notsup") };
    let Some(permit) = served.permit() else { return neighbour.refuse(&request, "system_limit") };
    let Served { executor, context, .. } = served.clone();
    neighbour.spawn(&request, async move {
        let reason = match asked {
            Asked::Call { tag, call } => exit_reason(tag, executor.call(call, &context).outcome().await),
            Asked::Cast { call } => {
                // Nobody wants to know.
                let _outcome = executor.cast(call, &context).outcome().await;
                Term::atom("normal")
            }
        };
        drop(permit);
        reason
    });
}

/// What `erpc` asks for.
enum Asked {
    /// `erpc:execute_call(Tag, M, F, A)`
    Call { tag: Term, call: Call },
    /// `erpc:execute_cast(M, F, A)`
    Cast { call: Call },
}

impl Asked {
    fn from(request: &SpawnRequest) -> Option<Self> {
        if request.module != "erpc" {
            return None;
        }
        match (request.function.as_str(), request.args.as_slice()) {
            ("execute_call", [tag, call @ ..]) => Some(Self::Call { tag: tag.clone(), call: mfa(call)? }),
            ("execute_cast", call) => Some(Self::Cast { call: mfa(call)? }),
            _ => None,
        }
    }
}

/// `M, F, A`
fn mfa(terms: &[Term]) -> Option<Call> {
    let [Term::Atom(module), Term::Atom(function), args] = terms else { return None };
    Some(Call::new(module.clone(), function.clone(), args.as_list()?.cloned().collect()))
}

/// The exit reason by which `erpc` learns the outcome.
fn exit_reason(tag: Term, outcome: Outcome) -> Term {
    let tagged = |class: &'static str, reason| Term::tuple([tag.clone(), Term::atom(class), reason]);
    match outcome {
        Ok(Success::Value(value)) => tagged("return", value),
        Err(Failure::Throw { value }) => tagged("throw", value),
        Err(Failure::Exit { reason }) => tagged("exit", reason),
        Err(failure) if failure.is_erpc() => tagged("error", failure.reason().clone()),
        Err(Failure::Error { reason, stack }) => Term::tuple([tag, Term::atom("error"), reason, stack]),
    }
}

const NET_KERNEL: &str = "net_kernel";
const REX: &str = "rex";

/// Whether a signal is for one of the processes that every node has: `net_kernel`, and `rex` of the module `rpc`. Ours are
/// no processes, and so take no names away; they live as long as the connection.
pub(super) fn is_for_node(signal: &Signal) -> bool {
    match signal {
        Signal::Send { to: Destination::Name(name), .. }
        | Signal::Monitor { of: Destination::Name(name), .. }
        | Signal::Demonitor { of: Destination::Name(name), .. } => name == NET_KERNEL || name == REX,
        _ => false,
    }
}

/// Takes what is for one of them. Their monitors last as long as the connection, whose end the other node knows itself.
pub(super) fn message(processes: &Processes, served: Option<&Served>, signal: Signal) {
    let Signal::Send { to: Destination::Name(name), message, .. } = signal else { return };
    let asked = match message.as_tuple() {
        Some([tag, from, request]) if tag.is_atom("$gen_call") => ReplyTo::caller(from).map(|from| (from, request)),
        Some([Term::Pid(from), request]) => Some((ReplyTo { pid: from.clone(), tag: None }, request)),
        _ => None,
    };
    let Some((reply_to, request)) = asked else {
        tracing::debug!(target: "sshrpc::dist", "nothing is done about a message for {name}");
        return;
    };
    match request.as_tuple() {
        // `net_adm:ping/1` asks this. The handshake has said it already.
        Some([what, _node]) if name == NET_KERNEL && what.is_atom("is_auth") => {
            reply_to.reply(processes, Term::atom("yes"));
        }
        Some([what, module, function, args, _group_leader])
            if name == REX && (what.is_atom("call") || what.is_atom("block_call")) =>
        {
            let call = mfa(&[module.clone(), function.clone(), args.clone()]);
            call_by_rex(processes, served, call, reply_to);
        }
        Some([what, Term::Atom(to), message]) if name == REX && what.is_atom("sbcast") => {
            let node = Term::from(processes.node().clone());
            let sent = processes.send(&to.clone().into(), message.clone());
            let said = match sent {
                Ok(()) => node.clone(),
                Err(_not_delivered) => Term::tuple([Term::atom("nonexisting_name"), to.clone().into()]),
            };
            reply_to.send(processes, Term::tuple([Term::atom(REX), node, said]));
        }
        _ if name == REX && request.is_atom("features_request") => {
            let features = Term::list(served.map(|_served| Term::atom("erpc")));
            let node = processes.node().clone().into();
            reply_to.send(processes, Term::tuple([Term::atom("features_reply"), node, features]));
        }
        _ => reply_to.reply(processes, Term::tuple([Term::atom("error"), Term::atom("notsup")])),
    }
}

/// `rpc:block_call/4` asks so, and `rpc:call/4` of old nodes.
fn call_by_rex(processes: &Processes, served: Option<&Served>, call: Option<Call>, reply_to: ReplyTo) {
    let badrpc = |reason| Term::tuple([Term::atom("badrpc"), reason]);
    let exit = |reason| badrpc(Term::tuple([Term::atom("EXIT"), reason]));
    let (Some(served), Some(call)) = (served, call) else {
        return reply_to.reply(processes, badrpc(Term::atom("notsup")));
    };
    let Some(permit) = served.permit() else {
        return reply_to.reply(processes, exit(Term::atom("system_limit")));
    };
    let (Served { executor, context, .. }, processes) = (served.clone(), processes.clone());
    tokio::spawn(async move {
        let reply = match executor.call(call, &context).outcome().await {
            Ok(Success::Value(value)) | Err(Failure::Throw { value }) => value,
            Err(failure) if failure.is_erpc() => match failure.reason().as_tuple() {
                Some([_erpc, reason]) => badrpc(reason.clone()),
                _ => badrpc(failure.reason().clone()),
            },
            Err(failure) => badrpc(failure.into_caught()),
        };
        drop(permit);
        reply_to.reply(&processes, reply);
    });
}

/// Who waits for a reply.
struct ReplyTo {
    pid: Pid,
    /// Names the reply of a call; without one it is tagged with `rex`.
    tag: Option<Term>,
}

impl ReplyTo {
    /// `{Pid, Tag}`
    fn caller(from: &Term) -> Option<Self> {
        let [Term::Pid(pid), tag] = from.as_tuple()? else { return None };
        Some(Self { pid: pid.clone(), tag: Some(tag.clone()) })
    }

    fn reply(&self, processes: &Processes, reply: Term) {
        let tag = self.tag.clone().unwrap_or(Term::atom(REX));
        self.send(processes, Term::tuple([tag, reply]));
    }

    fn send(&self, processes: &Processes, message: Term) {
        if let Err(error) = processes.send(&self.pid.clone().into(), message) {
            tracing::warn!(target: "sshrpc::dist", "a reply is lost: {error}");
        }
    }
}

/// Answers who takes us for a group leader that nothing can be printed here: `{io_reply, ReplyAs, {error, enotsup}}`.
pub(super) fn refuse_output(processes: &Processes, message: &Term) {
    let Some([tag, Term::Pid(from), reply_as, _request]) = message.as_tuple() else { return };
    if tag.is_atom("io_request") {
        let error = Term::tuple([Term::atom("error"), Term::atom("enotsup")]);
        let reply = Term::tuple([Term::atom("io_reply"), reply_as.clone(), error]);
        ReplyTo { pid: from.clone(), tag: None }.send(processes, reply);
    }
}
