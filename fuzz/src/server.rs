//! A hostile client against our server.

use ssh_proto::io::InputVec;
use ssh_proto::raw::{self, Endpoint, KexHandling};
use ssh_proto::server::{self, MethodName, Step};
use ssh_proto::time::Instant;
use ssh_proto::wire::{Put, number};
use ssh_proto::{Error, Server};
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::script::{Script, Stage};
use crate::toy;
use crate::world::{Real, World, limit, rng};

/// Packets and other bytes to a server, before and after login.
pub fn packets_to_server(data: &[u8]) {
    let (stage, suite, pieces, script) = Script::new(data);
    let mut config = server::Config::new(vec![toy::key()], toy::algorithms(suite));
    config.methods = vec![MethodName::PublicKey, MethodName::Password];
    config.failure_delay = Duration::from_secs(u64::from(suite % 2));
    config.banner = (suite % 3 == 0).then(|| "welcome".to_owned());
    limit(&mut config.limits);
    let (mut first, mut out) = (Vec::new(), Vec::new());
    let start = Instant(Duration::ZERO);
    let ready = server::start(&Arc::new(config), rng(1), start, &mut first).expect("the configuration is whole");
    let handling = if stage == Stage::Nothing { KexHandling::Manual } else { KexHandling::Automatic };
    let mut raw = Endpoint::client(raw::Config::new(toy::algorithms(suite)).kex(handling), rng(2), &mut out);
    raw.set_kex_handling(KexHandling::Automatic);
    let real = RealServer::Login(Box::new(Step::Ready(ready)));
    let mut world = World::new(raw, real, &first, out, pieces, suite);
    world.run();
    let steps = [(Stage::Login, service()), (Stage::Connection, login()), (Stage::Channel, open())];
    for (reached, payload) in steps.into_iter().filter(|(reached, _)| stage >= *reached) {
        world.send(&payload);
        world.run();
        if reached == Stage::Connection {
            world.logged_in();
        }
    }
    if stage == Stage::Channel {
        world.act(0, 0);
    }
    assert_eq!(stage >= Stage::Connection, matches!(world.real, RealServer::Open(_)));
    world.perform(script);
    world.finish();
}

fn service() -> Vec<u8> {
    let mut payload = vec![number::SERVICE_REQUEST];
    payload.put_string(b"ssh-userauth");
    payload
}

fn login() -> Vec<u8> {
    let mut payload = vec![number::USERAUTH_REQUEST];
    for field in ["alice", "ssh-connection", "publickey"] {
        payload.put_string(field.as_bytes());
    }
    payload.put_bool(true);
    payload.put_string(b"toy-sig");
    payload.put_string(toy::key().blob());
    payload.put_nested(|nested| toy::signature().to_wire(nested));
    payload
}

fn open() -> Vec<u8> {
    let mut payload = vec![number::CHANNEL_OPEN];
    payload.put_string(b"session");
    payload.put_u32(0);
    payload.put_u32(1 << 16);
    payload.put_u32(1 << 15);
    payload
}

/// Our server, with an application that lets in who says "ok", one way or the other.
enum RealServer {
    Login(Box<Step>),
    Open(Box<App<Server>>),
    Ended(Error),
}

impl RealServer {
    fn step(step: Step, now: Instant, input: &mut InputVec, out: &mut Vec<u8>) -> Result<Self, Error> {
        let mut step = step;
        loop {
            let ready = match step {
                Step::Ready(ready) => ready,
                Step::Sign(sign) => sign.complete(&toy::signature(), out)?,
                Step::Offer(offer) if *offer.key() == toy::key() => offer.would_accept(now, out)?,
                Step::Offer(offer) => offer.reject(now, out)?,
                Step::Attempt(attempt) => match attempt.method() {
                    server::Method::PublicKey(key) if *key == toy::key() => {
                        step = attempt.accept(now, out)?;
                        continue;
                    }
                    server::Method::Password(b"ok") => {
                        step = attempt.accept(now, out)?;
                        continue;
                    }
                    server::Method::Password(b"old") => attempt.ask_for_new_password("another", now, out)?,
                    server::Method::PasswordChange { old: b"old", new: b"ok" } => {
                        step = attempt.accept(now, out)?;
                        continue;
                    }
                    server::Method::Password(b"half") => attempt.partial(vec![MethodName::PublicKey], now, out)?,
                    _ => attempt.reject(now, out)?,
                },
                Step::Exchange(exchange) => {
                    match exchange.answers().map(|answers| answers.first().map(|one| one.to_vec())) {
                        None => exchange.ask(&server::Questions::new().hidden("a").shown("b"), now, out)?,
                        Some(Some(answer)) if answer == b"ok" => {
                            step = exchange.accept(now, out)?;
                            continue;
                        }
                        Some(Some(answer)) if answer == b"half" => {
                            exchange.partial(vec![MethodName::PublicKey], now, out)?
                        }
                        Some(Some(answer)) if answer == b"more" => exchange.ask(&server::Questions::new(), now, out)?,
                        Some(_) => exchange.reject(now, out)?,
                    }
                }
                Step::Open(connection) => return Ok(Self::Open(Box::new(App::new(*connection)))),
                other => unreachable!("{other:?}"),
            };
            step = ready.process(now, input, out)?;
            if matches!(step, Step::Ready(_)) {
                return Ok(Self::Login(Box::new(step)));
            }
        }
    }

    /// Remembers how it ended, as every caller must.
    fn become_or_end(&mut self, next: Result<Self, Error>) -> Result<(), Error> {
        match next {
            Ok(next) => {
                *self = next;
                Ok(())
            }
            Err(error) => {
                *self = Self::Ended(error.clone());
                Err(error)
            }
        }
    }

    fn take(&mut self) -> Result<Option<Step>, Error> {
        match self {
            Self::Open(_) => Ok(None),
            Self::Ended(error) => Err(error.clone()),
            Self::Login(_) => match core::mem::replace(self, Self::Ended(Error::HostKeyRefused)) {
                Self::Login(step) => Ok(Some(*step)),
                _ => unreachable!("matched above"),
            },
        }
    }
}

impl Real for RealServer {
    fn process(&mut self, now: Instant, input: &mut InputVec, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Some(step) = self.take()? {
            self.become_or_end(Self::step(step, now, input, out))?;
        }
        if let Self::Open(app) = self { app.process(now, input, out) } else { Ok(()) }
    }

    fn pass(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Self::Open(app) = self {
            return app.pass(now, out);
        }
        let Some(Step::Ready(ready)) = self.take()? else { return Ok(()) };
        self.become_or_end(ready.handle_timeout(now, out).map(|ready| Self::Login(Box::new(Step::Ready(ready)))))
    }

    fn act(&mut self, kind: u8, argument: u8, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Open(app) => app.act(kind, argument, now, out),
            Self::Login(_) => Ok(()),
            Self::Ended(error) => Err(error.clone()),
        }
    }
}
