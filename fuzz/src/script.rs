//! What the packet targets make of their bytes: a little language that is easy to mutate and easy to write by hand.
//!
//! ```text
//! byte 0  how far the peers are when the script begins: see `Stage`
//! byte 1  what protects packets: 0 is nothing, everything else a real cipher with a real MAC; from 240 on it is nothing,
//!         and payloads are compressed from the login on: those of the script are what the decompressor gets
//! byte 2  how many bytes at a time arrive; 0 is all of them
//! then    commands, each a byte and what it takes; a blob is a length (uint16) and its bytes, cut where the input ends
//! ```
//!
//! Every input means something.

/// How far the peers are when the script begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Stage {
    /// Nothing but the real side's first bytes: the script writes the identification too.
    Nothing,
    Keys,
    Login,
    Connection,
    Channel,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Bytes that are no packet.
    Bytes(&'a [u8]),
    /// A packet with this payload.
    Payload(&'a [u8]),
    /// A packet whose payload is put together from fields.
    Fields(Vec<u8>),
    /// A packet that is wrong in one respect: which, a parameter, and the payload.
    Flawed(u8, u8, &'a [u8]),
    /// Our side starts a key exchange.
    Rekey,
    /// Our side starts a key exchange with this KEXINIT.
    Kexinit(&'a [u8]),
    /// The real side's application does something.
    Act(u8, u8),
    /// So many seconds pass.
    Pass(u8),
}

/// The commands of a script.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    rest: &'a [u8],
}

/// Names that matter somewhere; a field of a script is one of them by its number.
pub const NAMES: &[&str] = &[
    "ssh-userauth",
    "ssh-connection",
    "none",
    "publickey",
    "password",
    "toy-sig",
    "toy-key",
    "ssh-ed25519",
    "ssh-rsa",
    "rsa-sha2-256",
    "session",
    "direct-tcpip",
    "forwarded-tcpip",
    "pty-req",
    "env",
    "shell",
    "exec",
    "subsystem",
    "window-change",
    "signal",
    "exit-status",
    "exit-signal",
    "tcpip-forward",
    "cancel-tcpip-forward",
    "keepalive@openssh.com",
    "server-sig-algs",
    "sshrpc@k2r.org",
    "alice",
    "ok",
];

/// Numbers that matter somewhere.
pub const NUMBERS: &[u32] =
    &[0, 1, 2, 3, 7, 127, 128, 255, 4096, 0x7fff, 0x8000, 0x1f_ffff, 0x20_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX];

impl<'a> Script<'a> {
    /// The stage, the suite, the size of pieces, and the commands behind them.
    #[must_use]
    pub fn new(data: &'a [u8]) -> (Stage, u8, usize, Self) {
        let mut script = Self { rest: data };
        let stage = match script.byte() % 5 {
            0 => Stage::Nothing,
            1 => Stage::Keys,
            2 => Stage::Login,
            3 => Stage::Connection,
            _ => Stage::Channel,
        };
        let (suite, pieces) = (script.byte(), script.byte());
        let pieces = if pieces == 0 { usize::MAX } else { usize::from(pieces) };
        (stage, suite, pieces, script)
    }

    fn byte(&mut self) -> u8 {
        self.rest.split_off_first().copied().unwrap_or_default()
    }

    fn bytes(&mut self, length: usize) -> &'a [u8] {
        self.rest.split_off(..length.min(self.rest.len())).unwrap_or_default()
    }

    fn blob(&mut self) -> &'a [u8] {
        let length = u16::from_be_bytes([self.byte(), self.byte()]);
        self.bytes(usize::from(length))
    }

    /// A number of fields, each a byte that says what it is: a byte, a number as it is or from the table, a string of
    /// up to 255 bytes, a name from the table as a string, or all that is left of the blob.
    fn fields(mut self) -> Vec<u8> {
        let mut payload = Vec::new();
        while !self.rest.is_empty() {
            match self.byte() % 6 {
                0 => payload.push(self.byte()),
                1 => payload.extend_from_slice(self.bytes(4)),
                2 => payload.extend(NUMBERS[usize::from(self.byte()) % NUMBERS.len()].to_be_bytes()),
                3 => {
                    let length = usize::from(self.byte());
                    string(&mut payload, self.bytes(length));
                }
                4 => string(&mut payload, NAMES[usize::from(self.byte()) % NAMES.len()].as_bytes()),
                _ => payload.extend_from_slice(self.bytes(usize::MAX)),
            }
        }
        payload
    }
}

fn string(payload: &mut Vec<u8>, bytes: &[u8]) {
    payload.extend(u32::try_from(bytes.len()).expect("short").to_be_bytes());
    payload.extend_from_slice(bytes);
}

impl<'a> Iterator for Script<'a> {
    type Item = Command<'a>;

    fn next(&mut self) -> Option<Command<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        Some(match self.byte() % 8 {
            0 => Command::Bytes(self.blob()),
            1 => Command::Payload(self.blob()),
            2 => Command::Fields(Self { rest: self.blob() }.fields()),
            3 => Command::Flawed(self.byte(), self.byte(), self.blob()),
            4 => Command::Rekey,
            5 => Command::Kexinit(self.blob()),
            6 => Command::Act(self.byte(), self.byte()),
            _ => Command::Pass(self.byte()),
        })
    }
}
