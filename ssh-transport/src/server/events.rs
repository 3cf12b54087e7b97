//! What a server does with a client's wishes after login.

use std::collections::BTreeMap;
use std::sync::Arc;

use ssh_proto::connected::RekeySignature;
use ssh_proto::{
    ChannelId, ChannelRequest, Event, OpenFailureReason, Outcome, PeerOpen, ReplyTicket, Server as ServerSide,
};

use super::handler::{Handler, Peer, Program, ProgramRequest, Terminal};
use super::identity_of;
use super::permissions::{Feature, Permissions};
use super::policy::Policy;
use crate::link::{Events, Link, Locked};

/// What a server does with a client's wishes.
pub(super) struct ServerEvents<H> {
    pub(super) handler: Arc<H>,
    pub(super) policy: Arc<Policy>,
    pub(super) peer: Arc<Peer>,
    pub(super) sessions: BTreeMap<ChannelId, Session>,
    pub(super) programs: Vec<(ChannelId, Program, ReplyTicket)>,
    pub(super) signatures: Vec<RekeySignature>,
}

/// What a client said about a session before it asked for a program.
#[derive(Debug, Default)]
pub(super) struct Session {
    terminal: Option<Terminal>,
    environment: Vec<(String, String)>,
}

impl Session {
    /// Variables beyond this many, or longer than this, are refused.
    const MAXIMUM_VARIABLES: usize = 64;
    const MAXIMUM_VARIABLE: usize = 4096;
}

impl<H: Handler> Events<ServerSide> for ServerEvents<H> {
    fn event(&mut self, event: Event<'_, ServerSide>, link: &mut Locked<'_, ServerSide>) {
        let now = link.now;
        match event {
            Event::Open { ticket, kind: PeerOpen::Session } => {
                if let Ok(id) = link.connection.accept(ticket, now, link.out) {
                    link.add_channel(id);
                    self.sessions.insert(id, Session::default());
                }
            }
            Event::Open { ticket, kind } => {
                let (reason, words) = match kind {
                    PeerOpen::Other { .. } => (OpenFailureReason::UNKNOWN_CHANNEL_TYPE, "unknown channel type"),
                    _ => (OpenFailureReason::ADMINISTRATIVELY_PROHIBITED, "forwarding is not offered"),
                };
                let _ = link.connection.reject(ticket, reason, words, now, link.out);
            }
            Event::Request { channel, request, ticket } => self.request(channel, &request, ticket, link),
            Event::GlobalRequest { ticket, .. } => {
                let _ = link.connection.reply_global(ticket, None, now, link.out);
            }
            Event::Rekey(ask) => self.signatures.push(ask),
            Event::Notice(notice) => tracing::debug!(user = self.peer.user, ?notice),
            _ => {}
        }
    }

    fn closed(&mut self, id: ChannelId) {
        self.sessions.remove(&id);
    }

    fn unlocked(&mut self, link: &Arc<Link<ServerSide>>) {
        for (channel, asked, ticket) in self.programs.drain(..) {
            let session = self.sessions.get(&channel);
            let (program, original) = forced(&self.peer.permissions, asked);
            self.handler.program(ProgramRequest {
                link: link.clone(),
                channel,
                ticket: Some(ticket),
                sent: session.map(|session| session.environment.clone()).unwrap_or_default(),
                program,
                original,
                terminal: session.and_then(|session| session.terminal.clone()),
                peer: self.peer.clone(),
            });
        }
        for ask in self.signatures.drain(..) {
            let (link, policy) = (link.clone(), self.policy.clone());
            // The signature may be an agent's, and RSA takes milliseconds: the connection goes on meanwhile. Without it
            // the re-exchange meets its deadline.
            tokio::spawn(async move {
                let Some(identity) = identity_of(&policy, ask.key()) else { return };
                match identity.sign(ask.algorithm(), ask.to_sign()).await {
                    Ok(signature) => {
                        let _ = link.with(|locked| locked.connection.resume_rekey(ask, &signature, locked.out));
                    }
                    Err(error) => tracing::error!(%error, "the host key cannot sign"),
                }
            });
        }
    }
}

impl<H> ServerEvents<H> {
    fn request(
        &mut self,
        channel: ChannelId,
        request: &ChannelRequest<'_>,
        ticket: ReplyTicket,
        link: &mut Locked<'_, ServerSide>,
    ) {
        let program = match request {
            ChannelRequest::Shell => Program::Shell,
            ChannelRequest::Exec { command } => Program::Exec(command.to_vec()),
            ChannelRequest::Subsystem { name } => Program::Subsystem((*name).to_owned()),
            request => {
                let outcome = self.describe(channel, request);
                let _ = link.connection.reply(ticket, outcome, link.now, link.out);
                return;
            }
        };
        self.programs.push((channel, program, ticket));
    }

    /// What a client says about a session before it asks for a program.
    fn describe(&mut self, channel: ChannelId, request: &ChannelRequest<'_>) -> Outcome {
        let Some(session) = self.sessions.get_mut(&channel) else { return Outcome::Failure };
        if matches!(request, ChannelRequest::Pty(_)) && !self.peer.permissions.permits(Feature::Terminal) {
            return Outcome::Failure;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect();
        match request {
            ChannelRequest::Pty(pty) => {
                let (columns, rows) = (pty.size.columns, pty.size.rows);
                session.terminal = Some(Terminal { term: text(pty.term), columns, rows });
                Outcome::Success
            }
            ChannelRequest::Env { name, value }
                if session.environment.len() < Session::MAXIMUM_VARIABLES
                    && name.len() + value.len() <= Session::MAXIMUM_VARIABLE =>
            {
                session.environment.push((text(name), text(value)));
                Outcome::Success
            }
            ChannelRequest::WindowChange(size) => {
                if let Some(terminal) = &mut session.terminal {
                    (terminal.columns, terminal.rows) = (size.columns, size.rows);
                }
                Outcome::Success
            }
            _ => Outcome::Failure,
        }
    }
}

/// What runs: what was asked for, or what the login forces instead, whatever that was.
fn forced(permissions: &Permissions, asked: Program) -> (Program, Option<Program>) {
    match permissions.command() {
        Some(command) => (Program::Exec(command.as_bytes().to_vec()), Some(asked)),
        None => (asked, None),
    }
}
