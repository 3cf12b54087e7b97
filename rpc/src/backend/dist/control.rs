//! Signals as control messages, and the messages and reasons behind them.
//! [Control messages](https://www.erlang.org/doc/apps/erts/erl_dist_protocol#protocol-between-connected-nodes)

use alloc::vec::Vec;

use crate::extended::Destination;
use crate::process::{Signal, SpawnRequest, Started};
use crate::term::{Atom, Pid, Reference, Term};

const LINK: u64 = 1;
const SEND: u64 = 2;
const EXIT: u64 = 3;
const NODE_LINK: u64 = 5;
const REG_SEND: u64 = 6;
const GROUP_LEADER: u64 = 7;
const EXIT2: u64 = 8;
const SEND_TT: u64 = 12;
const EXIT_TT: u64 = 13;
const REG_SEND_TT: u64 = 16;
const EXIT2_TT: u64 = 18;
const MONITOR_P: u64 = 19;
const DEMONITOR_P: u64 = 20;
const MONITOR_P_EXIT: u64 = 21;
const SEND_SENDER: u64 = 22;
const SEND_SENDER_TT: u64 = 23;
const PAYLOAD_EXIT: u64 = 24;
const PAYLOAD_EXIT_TT: u64 = 25;
const PAYLOAD_EXIT2: u64 = 26;
const PAYLOAD_EXIT2_TT: u64 = 27;
const PAYLOAD_MONITOR_P_EXIT: u64 = 28;
const SPAWN_REQUEST: u64 = 29;
const SPAWN_REQUEST_TT: u64 = 30;
const SPAWN_REPLY: u64 = 31;
const SPAWN_REPLY_TT: u64 = 32;
const ALIAS_SEND: u64 = 33;
const ALIAS_SEND_TT: u64 = 34;
const UNLINK_ID: u64 = 35;
const UNLINK_ID_ACK: u64 = 36;

/// The bits of `Flags` in `SPAWN_REPLY`.
const LINKED: u64 = 1;
const MONITORED: u64 = 2;

/// The control message of a signal, and what follows it.
pub(super) fn to_terms(signal: Signal) -> (Term, Option<Term>) {
    match signal {
        Signal::Send { to: Destination::Pid(to), message, .. } => (control(SEND, [EMPTY, to.into()]), Some(message)),
        Signal::Send { from, to: Destination::Name(to), message } => {
            let from = from.map_or(EMPTY, Term::from);
            (control(REG_SEND, [from, EMPTY, to.into()]), Some(message))
        }
        Signal::Link { from, to } => (control(LINK, [from.into(), to.into()]), None),
        Signal::Unlink { id, from, to } => (control(UNLINK_ID, [id.into(), from.into(), to.into()]), None),
        Signal::UnlinkAck { id, from, to } => (control(UNLINK_ID_ACK, [id.into(), from.into(), to.into()]), None),
        Signal::LinkExit { from, to, reason } => (control(PAYLOAD_EXIT, [from.into(), to.into()]), Some(reason)),
        Signal::Exit { from, to, reason } => (control(PAYLOAD_EXIT2, [from.into(), to.into()]), Some(reason)),
        Signal::Monitor { reference, by, of } => {
            (control(MONITOR_P, [by.into(), of.to_term(), reference.into()]), None)
        }
        Signal::Demonitor { reference, by, of } => {
            (control(DEMONITOR_P, [by.into(), of.to_term(), reference.into()]), None)
        }
        Signal::Down { reference, of, by, reason } => {
            (control(PAYLOAD_MONITOR_P_EXIT, [of.to_term(), by.into(), reference.into()]), Some(reason))
        }
        Signal::SpawnRequest(SpawnRequest { reference, from, group_leader, module, function, args, options }) => {
            let function = Term::tuple([module.into(), function.into(), args.len().into()]);
            let fields = [reference.into(), from.into(), group_leader.into(), function, options];
            (control(SPAWN_REQUEST, fields), Some(Term::list(args)))
        }
        Signal::SpawnReply { request, to, started, result } => {
            let flags = u64::from(started.link) * LINKED + u64::from(started.monitor) * MONITORED;
            let result = result.map_or_else(Term::from, Term::from);
            (control(SPAWN_REPLY, [request.into(), to.into(), flags.into(), result]), None)
        }
    }
}

fn control<const N: usize>(operation: u64, fields: [Term; N]) -> Term {
    Term::tuple([Term::from(operation)].into_iter().chain(fields))
}

/// What stands where nothing is said: `''`.
const EMPTY: Term = Term::atom("");

/// What a control message was followed by.
#[derive(Debug)]
pub(super) enum Payload {
    /// Nothing.
    None,
    /// A message, a reason or arguments.
    Term(Term),
    /// Something that is larger than we take, or that we cannot read.
    Unreadable,
}

/// What the other node said.
#[derive(Debug, PartialEq)]
pub(super) enum Received {
    Signal(Signal),
    /// A signal whose message, arguments or reason is larger than we take. A reason is replaced by `system_limit`.
    TooLarge(Signal),
    /// Something that has no meaning here: a group leader, an alias, which no process of ours has.
    Nothing,
}

/// A control message is not known, or has other fields than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The signal of a control message. Tokens of sequential traces are passed over.
pub(super) fn from_terms(control: &Term, payload: Payload) -> Result<Received, Malformed> {
    let [operation, fields @ ..] = control.as_tuple().ok_or(Malformed)? else { return Err(Malformed) };
    let operation = operation.as_u64().ok_or(Malformed)?;
    match (operation, fields) {
        (NODE_LINK | GROUP_LEADER | ALIAS_SEND | ALIAS_SEND_TT, _) => Ok(Received::Nothing),
        (EXIT, [from, to, reason]) | (EXIT_TT, [from, to, _, reason]) => {
            let (from, to, reason) = (pid(from)?, pid(to)?, reason.clone());
            Ok(Received::Signal(Signal::LinkExit { from, to, reason }))
        }
        (EXIT2, [from, to, reason]) | (EXIT2_TT, [from, to, _, reason]) => {
            let (from, to, reason) = (pid(from)?, pid(to)?, reason.clone());
            Ok(Received::Signal(Signal::Exit { from, to, reason }))
        }
        (MONITOR_P_EXIT, [of, by, reference, reason]) => {
            let (reference, of, by, reason) = (make_ref(reference)?, process(of)?, pid(by)?, reason.clone());
            Ok(Received::Signal(Signal::Down { reference, of, by, reason }))
        }
        (LINK | UNLINK_ID | UNLINK_ID_ACK | MONITOR_P | DEMONITOR_P | SPAWN_REPLY | SPAWN_REPLY_TT, _) => {
            alone(operation, fields).map(Received::Signal)
        }
        _ => {
            let (too_large, payload) = match payload {
                Payload::None => return Err(Malformed),
                Payload::Term(term) => (false, term),
                Payload::Unreadable => (true, Term::atom("system_limit")),
            };
            let signal = followed(operation, fields, payload)?;
            Ok(if too_large { Received::TooLarge(signal) } else { Received::Signal(signal) })
        }
    }
}

/// Signals that nothing follows.
fn alone(operation: u64, fields: &[Term]) -> Result<Signal, Malformed> {
    Ok(match (operation, fields) {
        (LINK, [from, to]) => Signal::Link { from: pid(from)?, to: pid(to)? },
        (UNLINK_ID, [id, from, to]) => {
            Signal::Unlink { id: id.as_u64().ok_or(Malformed)?, from: pid(from)?, to: pid(to)? }
        }
        (UNLINK_ID_ACK, [id, from, to]) => {
            Signal::UnlinkAck { id: id.as_u64().ok_or(Malformed)?, from: pid(from)?, to: pid(to)? }
        }
        (MONITOR_P, [by, of, reference]) => {
            Signal::Monitor { reference: make_ref(reference)?, by: pid(by)?, of: process(of)? }
        }
        (DEMONITOR_P, [by, of, reference]) => {
            Signal::Demonitor { reference: make_ref(reference)?, by: pid(by)?, of: process(of)? }
        }
        (SPAWN_REPLY, [request, to, flags, result]) | (SPAWN_REPLY_TT, [request, to, flags, result, _]) => {
            let flags = flags.as_u64().ok_or(Malformed)?;
            let started = Started { link: flags & LINKED != 0, monitor: flags & MONITORED != 0 };
            let result = match result {
                Term::Pid(pid) => Ok(pid.clone()),
                Term::Atom(reason) => Err(reason.clone()),
                _ => return Err(Malformed),
            };
            Signal::SpawnReply { request: make_ref(request)?, to: pid(to)?, started, result }
        }
        _ => return Err(Malformed),
    })
}

/// Signals that are followed by a message, a reason or arguments.
fn followed(operation: u64, fields: &[Term], payload: Term) -> Result<Signal, Malformed> {
    Ok(match (operation, fields) {
        (SEND, [_, to]) | (SEND_TT, [_, to, _]) => Signal::Send { from: None, to: pid(to)?.into(), message: payload },
        (SEND_SENDER, [from, to]) | (SEND_SENDER_TT, [from, to, _]) => {
            Signal::Send { from: Some(pid(from)?), to: pid(to)?.into(), message: payload }
        }
        (REG_SEND, [from, _, to]) | (REG_SEND_TT, [from, _, to, _]) => {
            let to = to.as_atom().ok_or(Malformed)?.clone();
            Signal::Send { from: Some(pid(from)?), to: to.into(), message: payload }
        }
        (PAYLOAD_EXIT, [from, to]) | (PAYLOAD_EXIT_TT, [from, to, _]) => {
            Signal::LinkExit { from: pid(from)?, to: pid(to)?, reason: payload }
        }
        (PAYLOAD_EXIT2, [from, to]) | (PAYLOAD_EXIT2_TT, [from, to, _]) => {
            Signal::Exit { from: pid(from)?, to: pid(to)?, reason: payload }
        }
        (PAYLOAD_MONITOR_P_EXIT, [of, by, reference]) => {
            Signal::Down { reference: make_ref(reference)?, of: process(of)?, by: pid(by)?, reason: payload }
        }
        (SPAWN_REQUEST, [reference, from, group_leader, function, options])
        | (SPAWN_REQUEST_TT, [reference, from, group_leader, function, options, _]) => {
            let Some([module, function, _arity]) = function.as_tuple() else { return Err(Malformed) };
            Signal::SpawnRequest(SpawnRequest {
                reference: make_ref(reference)?,
                from: pid(from)?,
                group_leader: pid(group_leader)?,
                module: module.as_atom().ok_or(Malformed)?.clone(),
                function: function.as_atom().ok_or(Malformed)?.clone(),
                args: payload.as_list().map_or_else(Vec::new, |args| args.cloned().collect()),
                options: options.clone(),
            })
        }
        _ => return Err(Malformed),
    })
}

fn pid(term: &Term) -> Result<Pid, Malformed> {
    match term {
        Term::Pid(pid) => Ok(pid.clone()),
        _ => Err(Malformed),
    }
}

fn make_ref(term: &Term) -> Result<Reference, Malformed> {
    match term {
        Term::Reference(reference) => Ok(reference.clone()),
        _ => Err(Malformed),
    }
}

/// A pid or a name.
fn process(term: &Term) -> Result<Destination, Malformed> {
    match term {
        Term::Pid(pid) => Ok(pid.clone().into()),
        Term::Atom(name) => Ok(Atom::clone(name).into()),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests;
