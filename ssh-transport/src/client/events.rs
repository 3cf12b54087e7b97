//! What a client does with a server's wishes: channels that it asked for are handed on, all else is refused.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use ssh_proto::keys::PublicKey;
use ssh_proto::notice::Notice;
use ssh_proto::{
    BoundPort, ChannelId, Client as ClientSide, Event, GlobalRequest, GlobalRequestId, OpenFailureReason, OpenTicket,
};
use tokio::sync::{mpsc, oneshot};

use super::host_keys::HostKeyUpdates;
use super::prompter::{Prompter, Told};
use crate::forward::Incoming;
use crate::link::{Events, Link, Locked};
use crate::offer::{ChannelKind, ChannelOffer};

/// Where offers of one kind go. There are never more of them than channels may be open.
pub(crate) type Taker = mpsc::UnboundedSender<ChannelOffer>;

/// What the server may open, who waits for which answer, and what the server said about its keys: what a [`Client`] and
/// its driver share.
///
/// [`Client`]: super::Client
#[derive(Debug, Default)]
pub(crate) struct Expected {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// By the address that the server was asked to listen on, and the port.
    pub(crate) tcp: BTreeMap<(String, u32), Taker>,
    pub(crate) sockets: BTreeMap<Vec<u8>, Taker>,
    pub(crate) agent: Option<Taker>,
    pub(crate) x11: Option<Taker>,
    /// Types that nobody here knows.
    pub(crate) other: BTreeMap<String, Taker>,
    asked: Vec<(GlobalRequestId, Answer)>,
    pub(crate) pings: VecDeque<oneshot::Sender<()>>,
    /// The server's announcement of all its keys.
    pub(crate) host_keys: Vec<PublicKey>,
    life: Life,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Here,
    /// The connection is: nobody may wait for it any more.
    Gone,
}

/// Who waits for an answer to a global request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// To any.
    Plain(oneshot::Sender<Option<Vec<u8>>>),
    /// To `tcpip-forward`: channels may come right behind it.
    Forward { address: String, port: u32, taker: Taker, answer: oneshot::Sender<Option<u32>> },
}

impl Expected {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    /// Puts somebody who takes channels where `put` does, unless none will come any more.
    pub(crate) fn take(&mut self, put: impl FnOnce(&mut Self, Taker)) -> Incoming {
        let (taker, offers) = mpsc::unbounded_channel();
        if self.life == Life::Here {
            put(self, taker);
        }
        Incoming::new(offers)
    }

    pub(crate) fn asks(&mut self, request: GlobalRequestId, answer: Answer) {
        self.asked.push((request, answer));
    }

    fn answered(&mut self, request: GlobalRequestId, data: Option<&[u8]>) {
        let Some(index) = self.asked.iter().position(|(id, _)| *id == request) else { return };
        match self.asked.swap_remove(index).1 {
            // Who asked may have gone.
            Answer::Plain(answer) => drop(answer.send(data.map(<[u8]>::to_vec))),
            Answer::Forward { address, port, taker, answer } => {
                // Only who left the port to the server is told one.
                let told = data.and_then(|data| BoundPort::decode(data).ok().map(|bound| bound.0));
                let bound = data.and(if port == 0 { told } else { Some(port) });
                if let Some(bound) = bound {
                    self.tcp.insert((address, bound), taker);
                }
                let _ = answer.send(bound);
            }
        }
    }

    /// Who takes such a channel, if it was asked for.
    fn taker(&self, kind: &ChannelKind) -> Option<&Taker> {
        match kind {
            ChannelKind::ForwardedTcpip(tcp) => self.tcp.get(&(tcp.host.clone(), tcp.port)).or_else(|| {
                // Some servers tell the address that they made of ours; the port says enough where it is the only one.
                let mut same_port = self.tcp.iter().filter(|((_, port), _)| *port == tcp.port);
                same_port.next().filter(|_| same_port.next().is_none()).map(|(_, taker)| taker)
            }),
            ChannelKind::ForwardedStreamLocal(path) => self.sockets.get(path.as_os_str().as_encoded_bytes()),
            ChannelKind::Agent => self.agent.as_ref(),
            ChannelKind::X11 { .. } => self.x11.as_ref(),
            ChannelKind::Other { channel_type, .. } => self.other.get(channel_type),
            _ => None,
        }
    }
}

/// What a client does with a server's wishes.
pub(super) struct ClientEvents {
    pub(super) expected: Arc<Expected>,
    pub(super) host_keys: HostKeyUpdates,
    pub(super) prompter: Option<Arc<dyn Prompter>>,
    /// Offers that wait until nothing is locked.
    pub(super) offers: Vec<(OpenTicket, ChannelKind, Taker)>,
    pub(super) announced: Option<Vec<PublicKey>>,
}

impl ClientEvents {
    pub(super) fn new(expected: Arc<Expected>, host_keys: HostKeyUpdates, prompter: Option<Arc<dyn Prompter>>) -> Self {
        Self { expected, host_keys, prompter, offers: Vec::new(), announced: None }
    }
}

impl Drop for ClientEvents {
    /// The connection is gone: nobody waits for anything any more.
    fn drop(&mut self) {
        let gone = State { life: Life::Gone, ..State::default() };
        let before = std::mem::replace(&mut *self.expected.lock(), gone);
        drop(before);
    }
}

impl Events<ClientSide> for ClientEvents {
    fn event(&mut self, event: Event<'_, ClientSide>, link: &mut Locked<'_, ClientSide>) {
        let (now, out) = (link.now, &mut *link.out);
        match event {
            Event::Open { ticket, kind } => {
                let kind = ChannelKind::of(kind);
                let taker = kind.as_ref().and_then(|kind| self.expected.lock().taker(kind).cloned());
                match (kind, taker) {
                    (Some(kind), Some(taker)) => self.offers.push((ticket, kind, taker)),
                    (kind, _) => {
                        let unknown = matches!(kind, Some(ChannelKind::Other { .. }));
                        let reason = if unknown {
                            OpenFailureReason::UNKNOWN_CHANNEL_TYPE
                        } else {
                            OpenFailureReason::ADMINISTRATIVELY_PROHIBITED
                        };
                        let _ = link.connection.reject(ticket, reason, "not asked for", now, out);
                    }
                }
            }
            Event::Request { channel, request, ticket } => link.ask(channel, &request, ticket),
            Event::GlobalRequest { request, ticket } => {
                if let GlobalRequest::HostKeys(blobs) = request {
                    // Keys of types that we do not know are none of ours.
                    let keys: Vec<_> = blobs
                        .iter()
                        .filter_map(|blob| PublicKey::from_blob(blob).ok())
                        .filter(|key| !key.is_certificate())
                        .collect();
                    self.expected.lock().host_keys.clone_from(&keys);
                    self.announced = Some(keys);
                }
                let _ = link.connection.reply_global(ticket, None, now, out);
            }
            Event::GlobalReply { request, data } => self.expected.lock().answered(request, data),
            Event::Pong(_) => {
                if let Some(waiting) = self.expected.lock().pings.pop_front() {
                    let _ = waiting.send(());
                }
            }
            Event::Notice(notice) => log(&notice, self.prompter.as_deref()),
            _ => {}
        }
    }

    fn closed(&mut self, _id: ChannelId) {}

    fn unlocked(&mut self, link: &Arc<Link<ClientSide>>) {
        for (ticket, kind, taker) in self.offers.drain(..) {
            // Nobody may take it any more: it is then dropped here, and refused by that.
            let _ = taker.send(ChannelOffer::new(link.clone(), ticket, kind));
        }
        if let Some(keys) = self.announced.take() {
            self.host_keys.announced(keys, link, &self.expected);
        }
    }
}

/// Logs what happened, or tells it to who is there to hear it.
pub(super) fn log(notice: &Notice, prompter: Option<&dyn Prompter>) {
    match (notice, prompter) {
        (Notice::LoginBanner(text), Some(prompter)) => prompter.tell(Told::Banner(text)),
        (Notice::TrivialLogin, Some(prompter)) => prompter.tell(Told::TrivialLogin),
        (Notice::PeerIdentified(peer), _) => tracing::debug!(%peer, "the server identified itself"),
        (Notice::BannerLine(line) | Notice::LoginBanner(line), _) => tracing::info!("{}", line.trim_end()),
        (Notice::TrivialLogin, None) => tracing::warn!("the server let us in without asking for anything"),
        (notice, _) => tracing::debug!(?notice),
    }
}
