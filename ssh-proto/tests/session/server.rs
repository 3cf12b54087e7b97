//! A server that lets in one key, and copies what comes on every channel.

use std::collections::BTreeMap;
use std::sync::Arc;

use ssh_proto::io::InputVec;
use ssh_proto::keys::{PrivateKey, PublicKey, Signature};
use ssh_proto::notice::Notice;
use ssh_proto::server::{self, Method, Step};
use ssh_proto::{ChannelId, ChannelRequest, Connection, Event, Outcome, PeerOpen, Stream, WantReply};

use super::{NOW, Reaction, SOFTWARE, Settings, describe, notice};

pub(crate) struct Server {
    input: InputVec,
    phase: Phase,
    key: PrivateKey,
    user_key: PublicKey,
    copies: BTreeMap<ChannelId, Copy>,
}

enum Phase {
    LoggingIn(Box<Step>),
    LoggedIn(Box<Connection<ssh_proto::Server>>),
    Over,
}

/// What came on a channel and is still to be sent back.
#[derive(Debug, Default)]
struct Copy {
    left: Vec<u8>,
    ended: bool,
}

impl Server {
    pub(super) fn start(settings: &Settings, out: &mut Vec<u8>) -> Self {
        let key = settings.our_key();
        let mut config = server::Config::new(vec![key.public().clone()], settings.algorithms());
        config.software = SOFTWARE.to_owned();
        config.limits.rekey_bytes = settings.number("rekey-bytes");
        let ready = server::start(&Arc::new(config), settings.rng(), NOW, out).unwrap();
        let user_key = vectors::text(&format!("keys/{}.pub", settings.text("their-key")));
        Self {
            input: InputVec::with_capacity(300 * 1024),
            phase: Phase::LoggingIn(Box::new(Step::Ready(ready))),
            key,
            user_key: PublicKey::from_openssh_line(&user_key).unwrap().0,
            copies: BTreeMap::new(),
        }
    }

    fn sign(&self, algorithm: &str, data: &[u8]) -> Signature {
        self.key.sign(algorithm, data, &mut *Settings::blinding()).unwrap()
    }

    pub(super) fn feed(&mut self, theirs: &[u8], reaction: &mut Reaction) {
        self.input.extend(theirs);
        loop {
            self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::LoggingIn(step) => {
                    let mut step = *step;
                    reaction.notice(&mut || poll_notice(&mut step));
                    match step {
                        Step::Ready(ready) => match ready.process(NOW, &mut self.input, &mut reaction.ours) {
                            Ok(Step::Ready(mut ready)) => {
                                reaction.notice(&mut || ready.poll_notice());
                                self.phase = Phase::LoggingIn(Box::new(Step::Ready(ready)));
                                return;
                            }
                            Ok(step) => Phase::LoggingIn(Box::new(step)),
                            Err(error) => return end(reaction, &error.to_string()),
                        },
                        step => self.log_in(step, reaction),
                    }
                }
                Phase::LoggedIn(mut connection) => {
                    if self.serve(&mut connection, reaction) {
                        self.phase = Phase::LoggedIn(connection);
                    }
                    return;
                }
                Phase::Over => return reaction.over = true,
            };
        }
    }

    fn log_in(&self, step: Step, reaction: &mut Reaction) -> Phase {
        let out = &mut reaction.ours;
        Phase::LoggingIn(Box::new(match step {
            Step::Sign(sign) => {
                let signature = self.sign(sign.algorithm(), sign.to_sign());
                Step::Ready(sign.complete(&signature, out).unwrap())
            }
            Step::Offer(offer) => {
                reaction.meant.push(format!("{} offers {}", offer.user(), offer.key().fingerprint()));
                assert_eq!(*offer.key(), self.user_key);
                Step::Ready(offer.would_accept(NOW, out).unwrap())
            }
            Step::Attempt(attempt) => match attempt.method() {
                Method::PublicKey(key) if *key == self.user_key => {
                    reaction.meant.push(format!("{} is let in", attempt.user()));
                    attempt.accept(NOW, out).unwrap()
                }
                _ => {
                    reaction.meant.push(format!("{} asks", attempt.user()));
                    Step::Ready(attempt.reject(NOW, out).unwrap())
                }
            },
            Step::Open(connection) => return Phase::LoggedIn(connection),
            step => step,
        }))
    }

    /// Takes what came; false at the end.
    fn serve(&mut self, connection: &mut Connection<ssh_proto::Server>, reaction: &mut Reaction) -> bool {
        let mut input = std::mem::replace(&mut self.input, InputVec::with_capacity(0));
        let Reaction { ours, meant, .. } = &mut *reaction;
        let mut events = connection.process(NOW, &mut input, ours);
        let mut over = None;
        while let Some(event) = events.next() {
            match event {
                Ok((event, connection, out)) => self.event(event, connection, out, meant),
                Err(error) => {
                    over = Some(error.to_string());
                    break;
                }
            }
        }
        self.input = input;
        if let Some(why) = &over {
            end(reaction, why);
        }
        over.is_none()
    }

    fn event(
        &mut self,
        event: Event<'_, ssh_proto::Server>,
        connection: &mut Connection<ssh_proto::Server>,
        out: &mut Vec<u8>,
        meant: &mut Vec<String>,
    ) {
        match event {
            Event::Open { ticket, kind } => {
                assert_eq!(kind, PeerOpen::Session);
                let id = connection.accept(ticket, NOW, out).unwrap();
                self.copies.insert(id, Copy::default());
            }
            Event::Request { request, ticket, .. } => {
                meant.push(match request {
                    ChannelRequest::Exec { command } => format!("exec {}", describe(command)),
                    request => format!("{request:?}"),
                });
                connection.reply(ticket, Outcome::Success, NOW, out).unwrap();
            }
            Event::Data { channel, data, .. } => {
                meant.push(describe(data));
                let length = u32::try_from(data.len()).unwrap();
                self.copies.entry(channel).or_default().left.extend_from_slice(data);
                connection.channel(channel).consume(length, NOW, out).unwrap();
                self.copy(channel, connection, out);
            }
            Event::Writable(channel) => self.copy(channel, connection, out),
            Event::Eof(channel) => {
                meant.push("eof".to_owned());
                self.copies.entry(channel).or_default().ended = true;
                self.copy(channel, connection, out);
            }
            Event::Closed(channel) => {
                meant.push("closed".to_owned());
                self.copies.remove(&channel);
            }
            Event::Rekey(ask) => {
                let signature = self.sign(ask.algorithm(), ask.to_sign());
                connection.resume_rekey(ask, &signature, out);
            }
            Event::GlobalRequest { ticket, .. } => connection.reply_global(ticket, None, NOW, out).unwrap(),
            Event::Notice(said) => meant.extend(notice(&said)),
            other => panic!("{other:?}"),
        }
    }

    fn copy(&mut self, id: ChannelId, connection: &mut Connection<ssh_proto::Server>, out: &mut Vec<u8>) {
        let copy = self.copies.entry(id).or_default();
        while !copy.left.is_empty() {
            match connection.channel(id).send(Stream::Data, &copy.left, NOW, out) {
                Ok(sent) => drop(copy.left.drain(..sent)),
                Err(_later) => return,
            }
        }
        if copy.ended {
            connection.channel(id).request(&ChannelRequest::ExitStatus(7), WantReply::No, NOW, out).unwrap();
            connection.channel(id).eof(NOW, out).unwrap();
            connection.channel(id).close(NOW, out).unwrap();
        }
    }
}

fn end(reaction: &mut Reaction, why: &str) {
    reaction.meant.push(format!("over: {why}"));
    reaction.over = true;
}

fn poll_notice(step: &mut Step) -> Option<Notice> {
    match step {
        Step::Ready(step) => step.poll_notice(),
        Step::Sign(step) => step.poll_notice(),
        Step::Offer(step) => step.poll_notice(),
        Step::Attempt(step) => step.poll_notice(),
        _ => None,
    }
}
