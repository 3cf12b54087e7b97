//! A raw endpoint, a real peer, and the wire between them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use ssh_proto::io::{InputBuffer, InputVec};
use ssh_proto::raw::{Endpoint, Flaw, Received};
use ssh_proto::time::Instant;
use ssh_proto::{Error, Limits, Rng};
use std::time::Duration;

use crate::script::{Command, Script};
use crate::toy::compresses;

/// The largest output that one call may leave behind: the high-water mark, and what one event may add to it.
const MAXIMUM_OUTPUT: usize = (1 << 16) + (1 << 15);

/// Every bound, small enough to be reached by a script.
pub fn limit(limits: &mut Limits) {
    limits.window = WINDOW;
    limits.maximum_packet = 1024;
    limits.channels = 4;
    limits.pending_requests = 4;
    limits.held_output = 4096;
    limits.output_high_water = 1 << 16;
    limits.rekey_bytes = 1 << 15;
    limits.rekey_packets = 100;
    limits.keepalive_interval = Some(Duration::from_secs(20));
}

/// The window of every channel.
pub const WINDOW: u32 = 4096;

/// The real side, with an application that does everything that it is asked to.
pub trait Real {
    /// Takes what has come.
    fn process(&mut self, now: Instant, input: &mut InputVec, out: &mut Vec<u8>) -> Result<(), Error>;
    /// Does what is due.
    fn pass(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Error>;
    /// The application does something by itself.
    fn act(&mut self, kind: u8, argument: u8, now: Instant, out: &mut Vec<u8>) -> Result<(), Error>;
}

pub struct World<R> {
    pub raw: Endpoint,
    pub real: R,
    to_real: InputVec,
    to_raw: InputVec,
    /// What our side has written and the wire has not carried yet.
    pub out: Vec<u8>,
    pub now: Instant,
    pieces: usize,
    /// Our side has kept the protocol of packets and key exchange so far: it must be able to read every answer.
    in_step: bool,
    stream: Stream,
    ended: Option<Error>,
}

/// What a payload of ours has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Plain,
    /// Plain as long as nobody has logged in.
    WillBeCompressed,
    /// The next part of a zlib stream: the first one, or a later one.
    Begins,
    GoesOn,
}

pub fn rng(seed: u64) -> Rng {
    Box::new(ChaCha8Rng::seed_from_u64(seed))
}

impl<R: Real> World<R> {
    /// `first` is what the real side has sent already.
    pub fn new(raw: Endpoint, real: R, first: &[u8], out: Vec<u8>, pieces: usize, suite: u8) -> Self {
        let mut to_raw = InputVec::with_capacity(usize::MAX);
        to_raw.extend(first);
        let to_real = InputVec::with_capacity(300 * 1024);
        let now = Instant(Duration::ZERO);
        // Our side compresses nothing and expands nothing: it cannot read what is said behind a login.
        let (in_step, stream) =
            if compresses(suite) { (false, Stream::WillBeCompressed) } else { (true, Stream::Plain) };
        Self { raw, real, to_real, to_raw, out, now, pieces, in_step, stream, ended: None }
    }

    /// The login went through.
    pub fn logged_in(&mut self) {
        if self.stream == Stream::WillBeCompressed {
            self.stream = Stream::Begins;
        }
    }

    /// Carries out the commands of `script`.
    pub fn perform(&mut self, script: Script<'_>) {
        for command in script.take(64) {
            if self.ended.is_some() {
                break;
            }
            self.command(&command);
            self.run();
        }
    }

    fn command(&mut self, command: &Command<'_>) {
        match command {
            Command::Bytes(bytes) => {
                self.in_step = false;
                self.out.extend_from_slice(bytes);
            }
            Command::Payload(payload) => self.send_as_it_is(payload),
            Command::Fields(payload) => self.send(payload),
            Command::Flawed(kind, argument, payload) => {
                self.in_step = false;
                let wide = u32::from(*argument);
                let flaw = match kind % 6 {
                    0 => Flaw::PacketLength(wide),
                    1 => Flaw::PacketLength(wide << 24 | wide),
                    2 => Flaw::PacketLength(wide << 10),
                    3 => Flaw::PaddingLength(*argument),
                    4 => Flaw::Padding(*argument),
                    _ => Flaw::Tag,
                };
                self.raw.send_flawed(payload, flaw, &mut self.out);
            }
            Command::Rekey => self.raw.exchange_keys(&mut self.out),
            Command::Kexinit(payload) => {
                self.in_step = false;
                self.raw.exchange_keys_with(payload, &mut self.out);
            }
            Command::Act(kind, argument) => {
                self.on_real(|real, now, _input, out| real.act(*kind, *argument, now, out));
            }
            Command::Pass(seconds) => {
                self.now = self.now.plus(Duration::from_secs(u64::from(*seconds)));
                self.on_real(|real, now, _input, out| real.pass(now, out));
            }
        }
    }

    /// Lets the real side's application do something.
    pub fn act(&mut self, kind: u8, argument: u8) {
        self.command(&Command::Act(kind, argument));
        self.run();
    }

    /// Sends a message of our side, in blocks that are stored where payloads are compressed (RFC 1950, RFC 1951 §3.2.4).
    pub fn send(&mut self, payload: &[u8]) {
        let header: &[u8] = match self.stream {
            Stream::Plain | Stream::WillBeCompressed => return self.send_as_it_is(payload),
            Stream::Begins => &[0x78, 0x01],
            Stream::GoesOn => &[],
        };
        self.stream = Stream::GoesOn;
        let mut blocks = header.to_vec();
        for part in payload.chunks(usize::from(u16::MAX)) {
            let length = u16::try_from(part.len()).expect("no longer than that");
            blocks.extend([&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), part].concat());
        }
        self.send_as_it_is(&blocks);
    }

    fn send_as_it_is(&mut self, payload: &[u8]) {
        // Messages of key exchange out of place put the two engines out of step, and so may a message in its middle.
        if payload.first().is_none_or(|number| (20..50).contains(number)) {
            self.in_step = false;
        }
        self.raw.send(payload, &mut self.out);
    }

    fn on_real(&mut self, act: impl FnOnce(&mut R, Instant, &mut InputVec, &mut Vec<u8>) -> Result<(), Error>) {
        let mut answer = Vec::new();
        let result = act(&mut self.real, self.now, &mut self.to_real, &mut answer);
        assert!(answer.len() <= MAXIMUM_OUTPUT, "{} bytes of output", answer.len());
        self.to_raw.extend(&answer);
        match (&self.ended, result) {
            (None, result) => self.ended = result.err(),
            (Some(ended), result) => assert_eq!(result.as_ref(), Err(ended), "an error is for ever"),
        }
    }

    /// Carries everything both ways, until nothing moves.
    pub fn run(&mut self) {
        loop {
            self.read();
            if self.out.is_empty() || self.ended.is_some() {
                return;
            }
            let out = core::mem::take(&mut self.out);
            let mut rest = &out[..];
            while !rest.is_empty() && self.ended.is_none() {
                // Without room nothing would ever come of it: the real side left a whole buffer unread.
                let room = self.to_real.room();
                if room == 0 {
                    return;
                }
                let (piece, later) = rest.split_at(self.pieces.min(rest.len()).min(room));
                rest = later;
                self.to_real.extend(piece);
                let before = self.to_real.filled().len();
                self.on_real(|real, now, input, out| real.process(now, input, out));
                assert!(self.to_real.filled().len() <= before);
            }
        }
    }

    fn read(&mut self) {
        loop {
            match self.raw.receive(&mut self.to_raw, &mut self.out) {
                Ok(Some(received)) if self.stream == Stream::Plain => check(&received),
                Ok(Some(_compressed)) => {}
                Ok(None) => return,
                Err(error) => {
                    assert!(!self.in_step, "what the real side said cannot be read: {error}");
                    // Nothing more can be understood; what is there is thrown away.
                    let unread = self.to_raw.filled().len();
                    self.to_raw.discard(unread);
                    return;
                }
            }
        }
    }

    /// Nothing is heard of the connection any more once it has ended.
    pub fn finish(mut self) {
        self.run();
        if self.ended.is_some() {
            self.on_real(|real, now, input, out| {
                let result = real.process(now, input, out);
                assert!(out.is_empty(), "nothing is sent after the end");
                result
            });
        }
    }
}

/// What our code sends is what RFC 4250 knows, and OpenSSH's pings and their answers.
fn check(received: &Received) {
    let number = received.number().expect("no message of ours is empty");
    assert!(
        matches!(number, 1..=7 | 20 | 21 | 30..=34 | 50..=53 | 60 | 80..=82 | 90..=100 | 192 | 193),
        "message {number}"
    );
}
