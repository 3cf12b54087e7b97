//! What a server's program decides: who is let in, and what runs.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use ssh_proto::crypto::SignatureMethod;
use ssh_proto::keys::{Certificate, CertificateError, CertificateUse, Holder, Presence, PublicKey};
use ssh_proto::server::MethodName;
use ssh_proto::{ChannelId, Identification, Negotiated, OpenFailureReason, Outcome, ReplyTicket, Server as ServerSide};

use super::connection::{Connection, ConnectionRequest};
use super::conversation::Conversation;
use super::permissions::Permissions;
use crate::channel::Channel;
use crate::clock;
use crate::ended::Ended;
use crate::forward::{ForwardedAgent, ForwardedDisplay};
use crate::link::Link;
use crate::offer::{ChannelKind, ChannelOffer};

/// What a server decides.
pub trait Handler: Send + Sync + 'static {
    /// Whether somebody is let in. Everything that can be verified has been: a proven key has signed this session.
    ///
    /// How long this takes does not show up to [`failure_delay`](ssh_proto::server::Config::failure_delay): who does not
    /// exist gets the answer of who has another key.
    fn authorize(&self, attempt: &Attempt<'_>) -> impl Future<Output = Decision> + Send;

    /// Somebody wants in by `keyboard-interactive` (RFC 4256), where the
    /// [methods](ssh_proto::server::Config::methods) have it: asks what there is to ask, in as many rounds as it takes, and
    /// decides. Nobody is let in so unless this is written.
    ///
    /// "The server SHOULD NOT reply with the SSH_MSG_USERAUTH_FAILURE message if the failure is based on the user name":
    /// who does not exist is asked the same as everybody, and refused afterwards. The future is dropped when the client
    /// gives up.
    fn converse(
        &self,
        attempt: &Attempt<'_>,
        conversation: &mut Conversation,
    ) -> impl Future<Output = Decision> + Send {
        let _ = (attempt, conversation);
        std::future::ready(Decision::Refuse)
    }

    /// A client asks for a program on a session channel. Answer with [`ProgramRequest::accept`] or
    /// [`ProgramRequest::reject`], here or later; what runs belongs in a task of its own.
    fn program(&self, request: ProgramRequest);

    /// A client wants a channel that is no session: to be connected to some address, say. Refused, unless
    /// [`Forwarding`](crate::forward::Forwarding) or the handler itself knows better.
    fn channel(&self, offer: ChannelOffer, connection: &Connection) {
        let _ = connection;
        match offer.kind() {
            ChannelKind::Other { .. } => offer.refuse(OpenFailureReason::UNKNOWN_CHANNEL_TYPE, "unknown channel type"),
            _ => offer.refuse(OpenFailureReason::ADMINISTRATIVELY_PROHIBITED, "forwarding is not offered"),
        }
    }

    /// Whether global requests of this name, which nobody here knows, are for this handler: others are refused at once.
    fn knows(&self, request_name: &str) -> bool {
        let _ = request_name;
        false
    }

    /// A client asks something of its connection: to listen for it, say. Refused, unless
    /// [`Forwarding`](crate::forward::Forwarding) or the handler itself knows better.
    fn request(&self, request: ConnectionRequest) {
        drop(request);
    }

    /// Whether programs of this client may have what it lends them: see [`ProgramRequest::agent`] and
    /// [`ProgramRequest::display`]. No, unless the handler knows what to do with it.
    fn borrows(&self, lent: Lent, peer: &Peer) -> bool {
        let _ = (lent, peer);
        false
    }
}

/// What a client may lend to its programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lent {
    /// Its agent: `auth-agent-req@openssh.com`.
    Agent,
    /// Its display: `x11-req`.
    Display,
}

/// Somebody wants in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The user, as the client sent it.
    pub user: &'a str,
    /// By what.
    pub credential: Credential<'a>,
    /// What a security key said of its owner with its signature: see [`Credential::Untouched`].
    pub presence: Option<Presence>,
    /// From where, if that can be told.
    pub source: Option<SocketAddr>,
    /// By which algorithms authorities may sign certificates.
    pub authorities: &'a [SignatureMethod],
}

impl Attempt<'_> {
    /// What a login by `certificate` is worth where `authority` is trusted to say who is one of `principals`: the user's
    /// name, most often (`TrustedUserCAKeys`). Everything that a certificate can be wrong in is checked here.
    ///
    /// # Errors
    /// Why it lets nobody in. For the log: whoever was refused should not learn it.
    pub fn verify(
        &self,
        certificate: &Certificate,
        authority: &PublicKey,
        principals: &[&str],
    ) -> Result<Permissions, CertificateError> {
        let holder = Holder::User { principals, source: self.source.map(|source| source.ip()) };
        let now = clock::time_of_day().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wanted = CertificateUse { authority, algorithms: self.authorities, holder, now };
        let grant = certificate.verify(&wanted)?;
        if !grant.admits_presence(self.presence) {
            return Err(CertificateError::Presence);
        }
        Ok(Permissions::from(&grant))
    }
}

/// What somebody wants in by.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// Nothing: most clients ask so for the methods that there are.
    None,
    /// A key that has proved nothing. [`Decision::Accept`] says that a signature by it would do.
    Offered(&'a PublicKey),
    /// A key that signed this session.
    Proven(&'a PublicKey),
    /// A security key that signed this session without being touched: to be refused, unless the key is authorized with
    /// `no-touch-required`.
    Untouched(&'a PublicKey),
    /// A certificate that nobody has looked at, by whose key nobody has signed. [`Decision::Accept`] says that a signature
    /// would do.
    OfferedCertificate(&'a Certificate),
    /// A certificate whose key signed this session. Whoever made it may be anybody: [`Attempt::verify`] and
    /// [`AuthorizedKeys::find_certificate`](crate::authorized_keys::AuthorizedKeys::find_certificate) say what it is worth.
    ProvenCertificate(&'a Certificate),
    /// The same of a security key that was not touched, which those two refuse unless certificate and line have
    /// `no-touch-required`.
    UntouchedCertificate(&'a Certificate),
    /// A password.
    Password(&'a [u8]),
    /// A new password for an old one, which must be right: after [`Decision::NewPassword`], or because the client likes to.
    PasswordChange {
        /// The old one.
        old: &'a [u8],
        /// The new one.
        new: &'a [u8],
    },
    /// Answers, of which there are none yet: [`Handler::converse`].
    KeyboardInteractive,
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Offered(key) => f.debug_tuple("Offered").field(key).finish(),
            Self::OfferedCertificate(certificate) => f.debug_tuple("OfferedCertificate").field(certificate).finish(),
            Self::ProvenCertificate(certificate) => f.debug_tuple("ProvenCertificate").field(certificate).finish(),
            Self::UntouchedCertificate(certificate) => {
                f.debug_tuple("UntouchedCertificate").field(certificate).finish()
            }
            Self::Proven(key) => f.debug_tuple("Proven").field(key).finish(),
            Self::Untouched(key) => f.debug_tuple("Untouched").field(key).finish(),
            Self::Password(_) => f.write_str("Password([redacted])"),
            Self::PasswordChange { .. } => f.write_str("PasswordChange([redacted])"),
            Self::KeyboardInteractive => f.write_str("KeyboardInteractive"),
        }
    }
}

/// What becomes of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Let in, to everything that the server has.
    Accept,
    /// Let in, to this: what the key's line in authorized_keys leaves, say. Where several factors make a login, it is
    /// worth what all of them permit.
    AcceptWith(Box<Permissions>),
    /// Right, and one of these methods is wanted too. Where that goes for everybody, let
    /// [`authentication_methods`](ssh_proto::server::Config::authentication_methods) say it.
    Partial(Vec<MethodName>),
    /// The same, and this factor leaves no more than this of the login.
    PartialWith(Vec<MethodName>, Box<Permissions>),
    /// The password is right and must be changed, or the new one will not do, for the reason given (RFC 4252 §8). For
    /// anything but a password that is a refusal.
    NewPassword(String),
    /// Kept out.
    Refuse,
}

/// Who is logged in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// The user.
    pub user: String,
    /// The key that signed the login, where one did.
    pub key: Option<PublicKey>,
    /// The certificate that was shown with it.
    pub certificate: Option<Certificate>,
    /// From where, if that can be told.
    pub source: Option<SocketAddr>,
    /// Who the client says it is.
    pub identification: Option<Identification>,
    /// What the first key exchange agreed on.
    pub negotiated: Option<Negotiated>,
    /// What the login is worth.
    pub permissions: Permissions,
}

/// The variable that has what a client asked for where another command is [forced](Permissions::command).
pub const ORIGINAL_COMMAND: &str = "SSH_ORIGINAL_COMMAND";

/// What a client wants to run (RFC 4254 §6.5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// `shell`.
    Shell,
    /// `exec`: a command, as the client wrote it.
    Exec(Vec<u8>),
    /// `subsystem`: a name.
    Subsystem(String),
}

/// A client asks for a program. Dropped, it is rejected.
#[derive(Debug)]
pub struct ProgramRequest {
    pub(super) link: Arc<Link<ServerSide>>,
    pub(super) channel: ChannelId,
    pub(super) ticket: Option<ReplyTicket>,
    pub(super) program: Program,
    pub(super) original: Option<Program>,
    pub(super) terminal: Option<Terminal>,
    /// Variables that the client sent.
    pub(super) sent: Vec<(String, String)>,
    pub(super) agent: Option<ForwardedAgent>,
    pub(super) display: Option<ForwardedDisplay>,
    pub(super) peer: Arc<Peer>,
}

/// The terminal that a client asked for (RFC 4254 §6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terminal {
    /// `xterm`, say.
    pub term: String,
    /// Characters; 0 when the client did not say.
    pub columns: u32,
    /// Characters; 0 when the client did not say.
    pub rows: u32,
}

impl ProgramRequest {
    /// What is to run: what the client asks for, or the command that its login [forces](Permissions::command).
    #[must_use]
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// What the client asked for, where another command is forced.
    #[must_use]
    pub const fn original(&self) -> Option<&Program> {
        self.original.as_ref()
    }

    /// The same as text, which stands in the environment too, as [`ORIGINAL_COMMAND`]: a command, or a subsystem's name.
    /// Who asks for a shell has none.
    #[must_use]
    pub fn original_command(&self) -> Option<String> {
        match self.original.as_ref()? {
            Program::Exec(command) => Some(String::from_utf8_lossy(command).into_owned()),
            Program::Subsystem(name) => Some(name.clone()),
            Program::Shell => None,
        }
    }

    /// The terminal that the client asked for, if it did.
    #[must_use]
    pub const fn terminal(&self) -> Option<&Terminal> {
        self.terminal.as_ref()
    }

    /// The variables of the client's login ([`Permissions::environment`]) and [`ORIGINAL_COMMAND`], and beside them
    /// those that the client sent.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut variables = self.peer.permissions.environment().to_vec();
        variables.extend(self.original_command().map(|command| (ORIGINAL_COMMAND.to_owned(), command)));
        let free = |name: &str| name != ORIGINAL_COMMAND && variables.iter().all(|(known, _)| known != name);
        let sent: Vec<_> = self.sent.iter().filter(|(name, _)| free(name)).cloned().collect();
        variables.extend(sent);
        variables
    }

    /// The client's agent, if it lends it and the handler [wants](Handler::borrows) it.
    #[must_use]
    pub const fn agent(&self) -> Option<&ForwardedAgent> {
        self.agent.as_ref()
    }

    /// The client's display, if it lends it and the handler [wants](Handler::borrows) it.
    #[must_use]
    pub const fn display(&self) -> Option<&ForwardedDisplay> {
        self.display.as_ref()
    }

    /// Who asks.
    #[must_use]
    pub const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Runs it: the channel is the program's input and output.
    ///
    /// # Errors
    /// When the client has closed the channel meanwhile.
    pub fn accept(mut self) -> Result<Channel, Ended> {
        let (id, ticket) = (self.channel, self.ticket.take());
        let held = self.link.with(|locked| {
            if let Some(ticket) = ticket {
                let _ = locked.connection.reply(ticket, Outcome::Success, locked.now, locked.out);
            }
            locked.hold_channel(id)
        })?;
        if held { Ok(Channel::new(self.link.clone(), id)) } else { Err(Ended::Closed) }
    }

    /// Does not run it.
    pub fn reject(self) {
        drop(self);
    }
}

impl Drop for ProgramRequest {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let _ = self.link.with(|locked| {
                let _ = locked.connection.reply(ticket, Outcome::Failure, locked.now, locked.out);
            });
        }
    }
}
