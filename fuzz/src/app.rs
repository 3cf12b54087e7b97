//! An application on a connection: it takes part in everything, at times that the fuzzer chooses.

use ssh_proto::io::InputVec;
use ssh_proto::time::Instant;
use ssh_proto::{
    ChannelId, ChannelRequest, Client, Connection, Error, Event, GlobalRequest, GlobalTicket, OpenFailureReason,
    OpenTicket, Outcome, ReplyTicket, Server, Side, Stream, TcpChannel, WantReply, connected,
};
use std::collections::BTreeMap;

use crate::toy;
use crate::world::WINDOW;

/// What the two sides do differently.
pub trait Role: Side {
    fn channel(argument: u8) -> Self::Open<'static>;
    fn sign(connection: &mut Connection<Self>, ask: Self::Ask, out: &mut Vec<u8>);
}

const TCP: TcpChannel<'static> = TcpChannel { host: "here", port: 1, originator: "there", originator_port: 2 };

impl Role for Client {
    fn channel(argument: u8) -> Self::Open<'static> {
        match argument % 3 {
            0 => connected::ClientOpen::Session,
            1 => connected::ClientOpen::DirectTcpip(TCP),
            _ => connected::ClientOpen::Other { channel_type: "other", data: b"data" },
        }
    }

    fn sign(_connection: &mut Connection<Self>, ask: Self::Ask, _out: &mut Vec<u8>) {
        match ask {}
    }
}

impl Role for Server {
    fn channel(argument: u8) -> Self::Open<'static> {
        match argument % 2 {
            0 => connected::ServerOpen::ForwardedTcpip(TCP),
            _ => connected::ServerOpen::Other { channel_type: "other", data: b"data" },
        }
    }

    fn sign(connection: &mut Connection<Self>, ask: Self::Ask, out: &mut Vec<u8>) {
        connection.resume_rekey(ask, &toy::signature(), out);
    }
}

pub struct App<S: Role> {
    connection: Connection<S>,
    opens: Vec<OpenTicket>,
    requests: Vec<ReplyTicket>,
    globals: Vec<GlobalTicket>,
    /// Open channels, and how many bytes of each wait to be consumed.
    channels: BTreeMap<ChannelId, u32>,
    ended: bool,
}

impl<S: Role> App<S> {
    pub fn new(connection: Connection<S>) -> Self {
        let (opens, requests, globals) = (Vec::new(), Vec::new(), Vec::new());
        Self { connection, opens, requests, globals, channels: BTreeMap::new(), ended: false }
    }

    pub fn process(&mut self, now: Instant, input: &mut InputVec, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut events = self.connection.process(now, input, out);
        while let Some(event) = events.next() {
            let (event, connection, out) = event.inspect_err(|_| self.ended = true)?;
            assert!(!self.ended, "an event after the end");
            match event {
                Event::Open { ticket, .. } => self.opens.push(ticket),
                Event::Opened(id) => {
                    let request = ChannelRequest::Subsystem { name: "sshrpc@k2r.org" };
                    let _ = connection.channel(id).request(&request, WantReply::Yes, now, out);
                    self.channels.insert(id, 0);
                }
                Event::Data { channel, data, .. } => {
                    let waiting = self.channels.get_mut(&channel).expect("data on open channels only");
                    *waiting += u32::try_from(data.len()).expect("less than a window");
                    assert!(*waiting <= WINDOW, "more than the window");
                }
                Event::Request { ticket, channel, .. } => {
                    assert!(self.channels.contains_key(&channel));
                    self.requests.push(ticket);
                }
                Event::GlobalRequest { ticket, .. } => self.globals.push(ticket),
                Event::Closed(id) => {
                    self.channels.remove(&id);
                }
                Event::Rekey(ask) => S::sign(connection, ask, out),
                _ => {}
            }
        }
        Ok(())
    }

    pub fn pass(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        self.connection.handle_timeout(now, out)?;
        assert!(self.connection.poll_timeout().is_none_or(|due| due > now), "a deadline that stays due");
        Ok(())
    }

    pub fn act(&mut self, kind: u8, argument: u8, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        let connection = &mut self.connection;
        let place = usize::from(argument);
        let channel = self.channels.keys().nth(place % self.channels.len().max(1)).copied();
        match kind % 14 {
            0 => {
                if let Some(ticket) = remove(&mut self.opens, place)
                    && let Ok(id) = connection.accept(ticket, now, out)
                {
                    self.channels.insert(id, 0);
                }
            }
            1 => {
                if let Some(ticket) = remove(&mut self.opens, place) {
                    let _ = connection.reject(ticket, OpenFailureReason::CONNECT_FAILED, "no", now, out);
                }
            }
            2 | 3 => {
                if let Some(ticket) = remove(&mut self.requests, place) {
                    let outcome = if kind % 14 == 2 { Outcome::Success } else { Outcome::Failure };
                    let _ = connection.reply(ticket, outcome, now, out);
                }
            }
            4 => {
                if let Some(ticket) = remove(&mut self.globals, place) {
                    connection.reply_global(ticket, (argument < 128).then_some(b"data"), now, out)?;
                }
            }
            5 => {
                if let Some(id) = channel {
                    let waiting = self.channels.get_mut(&id).expect("it is there");
                    let length = *waiting / (u32::from(argument) / 128 + 1);
                    connection.channel(id).consume(length, now, out)?;
                    *waiting -= length;
                }
            }
            6 | 7 => {
                if let Some(id) = channel {
                    let data = vec![argument; 1 << (argument % 20)];
                    let stream = if kind % 14 == 6 { Stream::Data } else { Stream::Stderr };
                    if let Ok(sent) = connection.channel(id).send(stream, &data, now, out) {
                        assert!(sent <= data.len());
                    }
                }
            }
            8 => {
                if let Some(id) = channel {
                    connection.channel(id).eof(now, out)?;
                }
            }
            9 => {
                if let Some(id) = channel {
                    connection.channel(id).close(now, out)?;
                }
            }
            10 => {
                let _ = connection.open(S::channel(argument), now, out);
            }
            11 => {
                if let Some(id) = channel {
                    let request = ChannelRequest::ExitStatus(argument.into());
                    let reply = if argument < 128 { WantReply::Yes } else { WantReply::No };
                    let _ = connection.channel(id).request(&request, reply, now, out);
                }
            }
            12 => {
                connection.global_request(
                    &GlobalRequest::Other { name: "ask@example.com", data: b"data" },
                    WantReply::Yes,
                    now,
                    out,
                )?;
            }
            _ => connection.rekey(now, out),
        }
        Ok(())
    }
}

fn remove<T>(tickets: &mut Vec<T>, place: usize) -> Option<T> {
    if tickets.is_empty() { None } else { Some(tickets.remove(place % tickets.len())) }
}
