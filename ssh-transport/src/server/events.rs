//! What a server does with a client's wishes after login.

use std::collections::BTreeMap;
use std::sync::Arc;

use ssh_proto::connected::RekeySignature;
use ssh_proto::keys::PublicKey;
use ssh_proto::{
    ChannelId, ChannelRequest, Event, GlobalRequest, GlobalTicket, KeyBlobs, OpenTicket, Outcome, PeerOpen,
    ReplyTicket, Server as ServerSide,
};
use tokio::sync::Mutex;

use super::connection::{Connection, ConnectionRequest, Wish};
use super::handler::{Handler, Lent, Peer, Program, ProgramRequest, Terminal};
use super::identity_of;
use super::permissions::{Feature, Permissions};
use super::policy::Policy;
use crate::forward::{AskedDisplay, ForwardedAgent, ForwardedDisplay};
use crate::link::{Events, Link, Locked};
use crate::offer::{ChannelKind, ChannelOffer};

/// What a server does with a client's wishes.
pub(super) struct ServerEvents<H> {
    pub(super) handler: Arc<H>,
    pub(super) policy: Arc<Policy>,
    pub(super) peer: Arc<Peer>,
    /// Made when the first thing needs it.
    connection: Option<Connection>,
    sessions: BTreeMap<ChannelId, Session>,
    later: Later,
    /// Whoever holds it proves keys: one after the other.
    proving: Arc<Mutex<()>>,
}

/// What is put off until nothing is locked.
#[derive(Debug, Default)]
struct Later {
    programs: Vec<(ChannelId, Program, ReplyTicket)>,
    offers: Vec<(OpenTicket, ChannelKind)>,
    requests: Vec<(GlobalTicket, Wish)>,
    proofs: Vec<(GlobalTicket, Vec<PublicKey>)>,
    signatures: Vec<RekeySignature>,
}

/// What a client said about a session before it asked for a program.
#[derive(Debug, Default)]
pub(super) struct Session {
    terminal: Option<Terminal>,
    environment: Vec<(String, String)>,
    agent: bool,
    display: Option<AskedDisplay>,
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
                self.later.offers.extend(ChannelKind::of(kind).map(|kind| (ticket, kind)));
            }
            Event::Request { channel, request, ticket } => self.request(channel, &request, ticket, link),
            // Nobody waits for it, and signing is work.
            Event::GlobalRequest { request: GlobalRequest::HostKeysProve(_), ticket } if !ticket.wants_reply() => {}
            Event::GlobalRequest { request: GlobalRequest::HostKeysProve(blobs), ticket } => {
                let keys: Option<Vec<_>> = blobs.iter().map(|blob| PublicKey::from_blob(blob).ok()).collect();
                match keys.filter(|keys| keys.len() <= self.policy.host_keys.len()) {
                    Some(keys) => self.later.proofs.push((ticket, keys)),
                    None => drop(link.connection.reply_global(ticket, None, now, link.out)),
                }
            }
            Event::GlobalRequest { request, ticket } => match Wish::of(&request) {
                Some(Wish::Other { name, .. }) if !self.handler.knows(&name) => {
                    drop(link.connection.reply_global(ticket, None, now, link.out));
                }
                Some(wish) => self.later.requests.push((ticket, wish)),
                None => drop(link.connection.reply_global(ticket, None, now, link.out)),
            },
            Event::Rekey(ask) => self.later.signatures.push(ask),
            Event::Notice(notice) => tracing::debug!(user = self.peer.user, ?notice),
            _ => {}
        }
    }

    fn closed(&mut self, id: ChannelId) {
        self.sessions.remove(&id);
    }

    fn unlocked(&mut self, link: &Arc<Link<ServerSide>>) {
        if self.later.is_empty() {
            return;
        }
        let connection =
            self.connection.get_or_insert_with(|| Connection::new(link.clone(), self.peer.clone())).clone();
        for (ticket, kind) in self.later.offers.drain(..) {
            self.handler.channel(ChannelOffer::new(link.clone(), ticket, kind), &connection);
        }
        for (ticket, wish) in self.later.requests.drain(..) {
            self.handler.request(ConnectionRequest { connection: connection.clone(), ticket: Some(ticket), wish });
        }
        for (channel, asked, ticket) in self.later.programs.drain(..) {
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
                agent: session.filter(|session| session.agent).map(|_| ForwardedAgent::new(connection.clone())),
                display: session
                    .and_then(|session| session.display.clone())
                    .map(|asked| ForwardedDisplay::new(connection.clone(), asked)),
                peer: self.peer.clone(),
            });
        }
        for (ticket, keys) in self.later.proofs.drain(..) {
            let (link, policy, proving) = (link.clone(), self.policy.clone(), self.proving.clone());
            // No more wait than requests may be pending. The keys sign here and at once, be it RSA: a client that runs a short
            // command would be gone before it has the proof.
            tokio::spawn(async move {
                let _one = proving.lock().await;
                prove(ticket, keys, &link, &policy).await;
            });
        }
        for ask in self.later.signatures.drain(..) {
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

impl Later {
    fn is_empty(&self) -> bool {
        let Self { programs, offers, requests, proofs, signatures } = self;
        programs.is_empty() && offers.is_empty() && requests.is_empty() && proofs.is_empty() && signatures.is_empty()
    }
}

impl<H> Drop for ServerEvents<H> {
    /// The connection is gone: nothing listens for it any more.
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.listeners().clear();
        }
    }
}

/// Proves that the server has the keys, all of them or none: by a signature each over this session.
async fn prove(ticket: GlobalTicket, keys: Vec<PublicKey>, link: &Link<ServerSide>, policy: &Policy) {
    let mut signatures = Vec::new();
    for key in &keys {
        let question = link.with(|locked| {
            Some((locked.connection.host_key_proof_algorithm(key)?, locked.connection.host_key_proof(key)))
        });
        let (Ok(Some((algorithm, data))), Some(identity)) = (question, identity_of(policy, key)) else { break };
        let Ok(signature) = identity.sign(algorithm, &data).await else { break };
        let mut blob = Vec::new();
        signature.to_wire(&mut blob);
        signatures.push(blob);
    }
    let answer = (signatures.len() == keys.len()).then(|| KeyBlobs::to_data(signatures.iter().map(Vec::as_slice)));
    let _ = link.with(|locked| {
        let _ = locked.connection.reply_global(ticket, answer.as_deref(), locked.now, locked.out);
    });
}

impl<H: Handler> ServerEvents<H> {
    pub(super) fn new(handler: Arc<H>, policy: Arc<Policy>, peer: Arc<Peer>) -> Self {
        Self {
            handler,
            policy,
            peer,
            connection: None,
            sessions: BTreeMap::new(),
            later: Later::default(),
            proving: Arc::default(),
        }
    }

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
            // A program runs: it may want to know.
            request if link.channels.get(&channel).is_some_and(|state| state.held) => {
                return link.ask(channel, request, ticket);
            }
            request => {
                let outcome = self.describe(channel, request);
                let _ = link.connection.reply(ticket, outcome, link.now, link.out);
                return;
            }
        };
        self.later.programs.push((channel, program, ticket));
    }

    /// What a client says about a session before it asks for a program.
    fn describe(&mut self, channel: ChannelId, request: &ChannelRequest<'_>) -> Outcome {
        let Some(session) = self.sessions.get_mut(&channel) else { return Outcome::Failure };
        if matches!(request, ChannelRequest::Pty(_)) && !self.peer.permissions.permits(Feature::Terminal) {
            return Outcome::Failure;
        }
        let (handler, peer) = (&self.handler, &self.peer);
        let lends = |feature, lent| peer.permissions.permits(feature) && handler.borrows(lent, peer);
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
            ChannelRequest::AgentForwarding if lends(Feature::AgentForwarding, Lent::Agent) => {
                session.agent = true;
                Outcome::Success
            }
            ChannelRequest::X11(x11) if lends(Feature::X11Forwarding, Lent::Display) => {
                session.display = AskedDisplay::of(x11);
                if session.display.is_some() { Outcome::Success } else { Outcome::Failure }
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
