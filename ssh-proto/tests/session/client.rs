//! A client that logs in, runs programs one after the other, and leaves.

use std::sync::Arc;

use ssh_proto::client::{self, Step};
use ssh_proto::connected::ClientOpen;
use ssh_proto::io::InputVec;
use ssh_proto::keys::PrivateKey;
use ssh_proto::notice::Notice;
use ssh_proto::{ChannelId, ChannelRequest, Connection, DisconnectReason, Event, Outcome, Stream, WantReply};

use super::{NOW, Reaction, SOFTWARE, Settings, describe, filler, notice};

pub(crate) struct Client {
    input: InputVec,
    phase: Phase,
    key: PrivateKey,
    programs: Programs,
}

enum Phase {
    LoggingIn(Box<Step>),
    LoggedIn(Box<Connection<ssh_proto::Client>>),
    Over,
}

/// What is to be run, the next one first.
struct Programs {
    left: std::vec::IntoIter<String>,
    command: String,
    /// What is still to be written into the one that runs.
    to_write: Vec<u8>,
    done: bool,
}

impl Client {
    pub(super) fn start(settings: &Settings, out: &mut Vec<u8>) -> Self {
        let mut config = client::Config::new(settings.text("user"), settings.algorithms());
        config.software = SOFTWARE.to_owned();
        config.limits.rekey_bytes = settings.number("rekey-bytes");
        let ready = client::start(&Arc::new(config), settings.rng(), NOW, out).unwrap();
        let left: Vec<String> = settings.text("run").split(" | ").map(str::to_owned).collect();
        Self {
            input: InputVec::with_capacity(300 * 1024),
            phase: Phase::LoggingIn(Box::new(Step::Ready(ready))),
            key: settings.our_key(),
            programs: Programs { left: left.into_iter(), command: String::new(), to_write: Vec::new(), done: false },
        }
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
                            Err(error) => return self.end(reaction, &error.to_string()),
                        },
                        step => self.log_in(step, reaction),
                    }
                }
                Phase::LoggedIn(connection) => {
                    if let Some(connection) = self.programs.run(*connection, &mut self.input, reaction) {
                        self.phase = Phase::LoggedIn(Box::new(connection));
                        return;
                    }
                    return self.end(reaction, "we leave");
                }
                Phase::Over => return reaction.over = true,
            };
        }
    }

    fn end(&mut self, reaction: &mut Reaction, why: &str) {
        reaction.meant.push(format!("over: {why}"));
        reaction.over = true;
        self.phase = Phase::Over;
    }

    fn log_in(&mut self, step: Step, reaction: &mut Reaction) -> Phase {
        let out = &mut reaction.ours;
        Phase::LoggingIn(Box::new(match step {
            Step::HostKey(verify) => {
                reaction.meant.push(format!("the host key is {}", verify.key().fingerprint()));
                verify.accept(NOW, out).unwrap()
            }
            Step::Login(login) => {
                assert!(login.refused().is_none(), "{:?}", login.refused());
                let algorithm = login.choose_algorithm(self.key.algorithms()).expect("a common algorithm");
                Step::Ready(login.query(algorithm, self.key.public(), NOW, out).unwrap())
            }
            Step::Sign(sign) => {
                reaction.meant.push(format!("signs by {}", sign.algorithm()));
                let signature = self.key.sign(sign.algorithm(), sign.to_sign(), &mut *Settings::blinding()).unwrap();
                Step::Ready(sign.complete(&signature, NOW, out).unwrap())
            }
            Step::Open(mut connection) => {
                reaction.meant.push("logged in".to_owned());
                self.programs.next(&mut connection, out);
                return Phase::LoggedIn(Box::new(connection));
            }
            step => step,
        }))
    }
}

impl Programs {
    /// Opens a channel for the next one.
    fn next(&mut self, connection: &mut Connection<ssh_proto::Client>, out: &mut Vec<u8>) {
        match self.left.next() {
            Some(command) => {
                self.command = command;
                connection.open(ClientOpen::Session, NOW, out).unwrap();
            }
            None => self.done = true,
        }
    }

    /// Takes what came; gives the connection back while it is of use.
    fn run(
        &mut self,
        mut connection: Connection<ssh_proto::Client>,
        input: &mut InputVec,
        reaction: &mut Reaction,
    ) -> Option<Connection<ssh_proto::Client>> {
        let Reaction { ours, meant, .. } = reaction;
        let mut events = connection.process(NOW, input, ours);
        while let Some(event) = events.next() {
            match event {
                Ok((event, connection, out)) => self.event(event, connection, out, meant),
                Err(error) => {
                    meant.push(format!("over: {error}"));
                    return None;
                }
            }
        }
        if self.done {
            connection.disconnect(DisconnectReason::ByApplication, "done", ours);
            return None;
        }
        Some(connection)
    }

    fn event(
        &mut self,
        event: Event<'_, ssh_proto::Client>,
        connection: &mut Connection<ssh_proto::Client>,
        out: &mut Vec<u8>,
        meant: &mut Vec<String>,
    ) {
        match event {
            Event::Opened(id) => {
                meant.push(format!("runs {}", self.command));
                let (kind, what) = self.command.split_once(' ').expect("a kind of program");
                let what = what.to_owned();
                let request = match kind {
                    "exec" => ChannelRequest::Exec { command: what.as_bytes() },
                    // With this many bytes to write into it.
                    "echo" => ChannelRequest::Subsystem { name: "echo" },
                    other => panic!("there is no way to run {other}"),
                };
                self.to_write = if kind == "echo" { filler(what.parse().expect("a number")) } else { Vec::new() };
                connection.channel(id).request(&request, WantReply::Yes, NOW, out).unwrap();
            }
            Event::Reply { channel, outcome, .. } => {
                meant.push(format!("{outcome:?}"));
                assert_eq!(outcome, Outcome::Success);
                self.write(channel, connection, out);
            }
            Event::Writable(channel) => self.write(channel, connection, out),
            Event::Data { channel, stream, data } => {
                let name = if stream == Stream::Stderr { "stderr" } else { "stdout" };
                meant.push(format!("{name} {}", describe(data)));
                let length = u32::try_from(data.len()).unwrap();
                connection.channel(channel).consume(length, NOW, out).unwrap();
            }
            Event::Request { request, ticket, .. } => {
                meant.push(format!("{request:?}"));
                let _ = connection.reply(ticket, Outcome::Failure, NOW, out);
            }
            Event::Eof(_) => meant.push("eof".to_owned()),
            Event::Closed(_) => {
                meant.push("closed".to_owned());
                self.next(connection, out);
            }
            Event::GlobalRequest { ticket, .. } => connection.reply_global(ticket, None, NOW, out).unwrap(),
            Event::Notice(said) => meant.extend(notice(&said)),
            other => panic!("{other:?}"),
        }
    }

    /// Writes what goes, and ends the program's input when that was all.
    fn write(&mut self, id: ChannelId, connection: &mut Connection<ssh_proto::Client>, out: &mut Vec<u8>) {
        while !self.to_write.is_empty() {
            match connection.channel(id).send(Stream::Data, &self.to_write, NOW, out) {
                Ok(sent) => drop(self.to_write.drain(..sent)),
                Err(_later) => return,
            }
        }
        connection.channel(id).eof(NOW, out).unwrap();
    }
}

fn poll_notice(step: &mut Step) -> Option<Notice> {
    match step {
        Step::Ready(step) => step.poll_notice(),
        Step::HostKey(step) => step.poll_notice(),
        Step::Login(step) => step.poll_notice(),
        Step::Sign(step) => step.poll_notice(),
        _ => None,
    }
}
