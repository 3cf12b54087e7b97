//! A hostile server against our client.

use ssh_proto::client::{self, Step};
use ssh_proto::io::InputVec;
use ssh_proto::raw::{self, Endpoint, KexHandling};
use ssh_proto::time::Instant;
use ssh_proto::wire::{Put, number};
use ssh_proto::{Client, Error, KexGuess};
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::script::{Script, Stage};
use crate::toy;
use crate::world::{Real, World, limit, rng};

/// Packets and other bytes to a client, before and after login.
pub fn packets_to_client(data: &[u8]) {
    let (stage, suite, pieces, script) = Script::new(data);
    let mut config = client::Config::new("alice", toy::algorithms(suite));
    config.guess = if suite % 2 == 1 { KexGuess::Send } else { KexGuess::Wait };
    limit(&mut config.limits);
    let (mut first, mut out) = (Vec::new(), Vec::new());
    let start = Instant(Duration::ZERO);
    let ready = client::start(&Arc::new(config), rng(1), start, &mut first).expect("the configuration is whole");
    let handling = if stage == Stage::Nothing { KexHandling::Manual } else { KexHandling::Automatic };
    let signer: raw::Signer = Box::new(|_key, _algorithm, _hash| Some(toy::signature()));
    let config = raw::Config::new(toy::algorithms(suite)).kex(handling);
    let mut raw = Endpoint::server(config, vec![toy::key()], signer, rng(2), &mut out);
    raw.set_kex_handling(KexHandling::Automatic);
    let real = RealClient::Login(Box::new(Step::Ready(ready)), 0);
    let mut world = World::new(raw, real, &first, out, pieces, suite);
    world.run();
    if stage >= Stage::Login {
        let mut accept = vec![number::SERVICE_ACCEPT];
        accept.put_string(b"ssh-userauth");
        world.send(&accept);
        world.run();
    }
    if stage >= Stage::Connection {
        world.send(&[number::USERAUTH_SUCCESS]);
        world.run();
        world.logged_in();
    }
    assert_eq!(stage >= Stage::Connection, matches!(world.real, RealClient::Open(_)));
    if stage >= Stage::Channel {
        world.act(10, 0);
        let mut confirmation = vec![number::CHANNEL_OPEN_CONFIRMATION];
        for value in [0, 0, 1 << 16, 1 << 15] {
            confirmation.put_u32(value);
        }
        world.send(&confirmation);
        world.run();
    }
    world.perform(script);
    world.finish();
}

/// Our client, with an application that tries every method in turn.
enum RealClient {
    /// With the number of tries so far.
    Login(Box<Step>, u8),
    Open(Box<App<Client>>),
    Ended(Error),
}

impl RealClient {
    fn step(step: Step, mut tries: u8, now: Instant, input: &mut InputVec, out: &mut Vec<u8>) -> Result<Self, Error> {
        let mut step = step;
        loop {
            let ready = match step {
                Step::Ready(ready) => ready,
                Step::HostKey(verify) => {
                    step = verify.accept(now, out)?;
                    continue;
                }
                Step::Login(login) => {
                    let _ = (login.choose_algorithm(&["toy-sig"]), login.server_sig_algs());
                    tries = tries.wrapping_add(1);
                    match tries % 5 {
                        1 => login.query("toy-sig", &toy::key(), now, out)?,
                        2 => {
                            step = Step::Sign(login.public_key("toy-sig", &toy::key()));
                            continue;
                        }
                        3 => login.password(&b"ok".to_vec().into(), now, out)?,
                        4 => login.keyboard_interactive("", now, out)?,
                        _ => login.none(now, out)?,
                    }
                }
                Step::Sign(sign) => sign.complete(&toy::signature(), now, out)?,
                Step::Prompt(prompt) => {
                    let answers = vec![b"ok".to_vec().into(); prompt.questions().questions.len()];
                    prompt.answer(&answers, now, out)?
                }
                Step::NewPassword(change) => {
                    change.change(&b"old".to_vec().into(), &b"ok".to_vec().into(), now, out)?
                }
                Step::Open(connection) => return Ok(Self::Open(Box::new(App::new(connection)))),
                other => unreachable!("{other:?}"),
            };
            step = ready.process(now, input, out)?;
            if matches!(step, Step::Ready(_)) {
                return Ok(Self::Login(Box::new(step), tries));
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

    fn take(&mut self) -> Result<Option<(Step, u8)>, Error> {
        match self {
            Self::Open(_) => Ok(None),
            Self::Ended(error) => Err(error.clone()),
            Self::Login(..) => match core::mem::replace(self, Self::Ended(Error::HostKeyRefused)) {
                Self::Login(step, tries) => Ok(Some((*step, tries))),
                _ => unreachable!("matched above"),
            },
        }
    }
}

impl Real for RealClient {
    fn process(&mut self, now: Instant, input: &mut InputVec, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Some((step, tries)) = self.take()? {
            self.become_or_end(Self::step(step, tries, now, input, out))?;
        }
        if let Self::Open(app) = self { app.process(now, input, out) } else { Ok(()) }
    }

    fn pass(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Self::Open(app) = self {
            return app.pass(now, out);
        }
        let Some((Step::Ready(ready), tries)) = self.take()? else { return Ok(()) };
        let ready = ready.handle_timeout(now, out);
        self.become_or_end(ready.map(|ready| Self::Login(Box::new(Step::Ready(ready)), tries)))
    }

    fn act(&mut self, kind: u8, argument: u8, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Open(app) => app.act(kind, argument, now, out),
            Self::Login(..) => Ok(()),
            Self::Ended(error) => Err(error.clone()),
        }
    }
}
