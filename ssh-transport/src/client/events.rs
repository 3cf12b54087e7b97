//! What a client does with a server's wishes: channels that it asked for are handed on, all else is refused.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use ssh_proto::keys::PublicKey;
use ssh_proto::notice::Notice;
use ssh_proto::{
    BoundPort, ChannelId, Client as ClientSide, Event, GlobalRequest, GlobalRequestId, OpenFailureReason, OpenTicket,
    WantReply,
};
use tokio::sync::{mpsc, oneshot};

use super::host_keys::HostKeyUpdates;
use super::prompter::{Prompter, Told};
use crate::forward::{Bound, Incoming};
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
    /// To a request to listen: channels may come right behind it. What is told is what was bound.
    Forward { asked: Bound, taker: Taker, answer: oneshot::Sender<Bound> },
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

    /// Passes an answer on. Who asked may have gone: what was bound for nobody comes back, to be cancelled.
    fn answered(&mut self, request: GlobalRequestId, data: Option<&[u8]>) -> Option<Bound> {
        let index = self.asked.iter().position(|(id, _)| *id == request)?;
        match self.asked.swap_remove(index).1 {
            Answer::Plain(answer) => {
                let _ = answer.send(data.map(<[u8]>::to_vec));
                None
            }
            Answer::Forward { asked, taker, answer } => {
                let bound = match (asked, data?) {
                    // Only who left the port to the server is told one.
                    (Bound::Tcp(address, 0), data) => Bound::Tcp(address, BoundPort::decode(data).ok()?.0),
                    (asked, _) => asked,
                };
                let unwanted = answer.send(bound.clone()).err();
                if unwanted.is_none() {
                    self.put(bound, taker);
                }
                unwanted
            }
        }
    }

    fn put(&mut self, bound: Bound, taker: Taker) {
        match bound {
            Bound::Tcp(address, port) => drop(self.tcp.insert((address, port), taker)),
            Bound::Socket(path) => drop(self.sockets.insert(path, taker)),
        }
    }

    /// Nobody takes its channels any more.
    pub(super) fn remove(&mut self, bound: &Bound) {
        match bound {
            Bound::Tcp(address, port) => drop(self.tcp.remove(&(address.clone(), *port))),
            Bound::Socket(path) => drop(self.sockets.remove(path)),
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
    announcement: Announcement,
}

/// What the server says about its keys. Only the first time counts: each is work, and there may be no end of them.
#[derive(Debug)]
enum Announcement {
    Expected,
    Heard(Vec<PublicKey>),
    Handled,
}

impl ClientEvents {
    pub(super) fn new(expected: Arc<Expected>, host_keys: HostKeyUpdates, prompter: Option<Arc<dyn Prompter>>) -> Self {
        Self { expected, host_keys, prompter, offers: Vec::new(), announcement: Announcement::Expected }
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
                if let (GlobalRequest::HostKeys(blobs), Announcement::Expected) = (request, &self.announcement) {
                    // Keys of types that we do not know are none of ours.
                    let keys: Vec<_> = blobs
                        .iter()
                        .filter_map(|blob| PublicKey::from_blob(blob).ok())
                        .filter(|key| !key.is_certificate())
                        .collect();
                    self.expected.lock().host_keys.clone_from(&keys);
                    self.announcement = Announcement::Heard(keys);
                }
                let _ = link.connection.reply_global(ticket, None, now, out);
            }
            Event::GlobalReply { request, data } => {
                let unwanted = self.expected.lock().answered(request, data);
                if let Some(bound) = unwanted {
                    let _ = link.connection.global_request(&bound.cancel(), WantReply::No, now, out);
                }
            }
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
        if let Announcement::Heard(_) = self.announcement
            && let Announcement::Heard(keys) = std::mem::replace(&mut self.announcement, Announcement::Handled)
        {
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
