//! What a peer offers: its identification and its KEXINIT, read off the wire before anything is encrypted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use peers::{Failed, LIMIT};

/// What a peer said about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// Its identification, without the end of the line.
    pub identification: String,
    /// Key exchange methods, and what is announced among them.
    pub kex: Vec<String>,
    /// Host key algorithms.
    pub host_keys: Vec<String>,
    /// Ciphers from the client to the server.
    pub ciphers_to_server: Vec<String>,
    /// Ciphers from the server to the client.
    pub ciphers_to_client: Vec<String>,
    /// MACs from the client to the server.
    pub macs_to_server: Vec<String>,
    /// MACs from the server to the client.
    pub macs_to_client: Vec<String>,
    /// Compression from the client to the server.
    pub compression_to_server: Vec<String>,
    /// Compression from the server to the client.
    pub compression_to_client: Vec<String>,
}

/// KEXINIT's number (RFC 4253 §12).
const KEXINIT: u8 = 20;
/// No KEXINIT is longer.
const MAXIMUM: usize = 35_000;

impl Offer {
    /// Says who we are, and reads the peer's identification and KEXINIT, which it sends without having seen ours.
    pub(crate) fn read(mut stream: TcpStream) -> Result<Self, Failed> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(b"SSH-2.0-interop\r\n")?;
        let mut reader = BufReader::new(stream);
        let identification = identification(&mut reader)?;
        let payload = packet(&mut reader)?;
        // The number and the cookie come first.
        let (Some(&KEXINIT), Some(mut rest)) = (payload.first(), payload.get(17..)) else {
            return Err(format!("{identification} sent something else than KEXINIT: {payload:?}").into());
        };
        let mut list = || name_list(&mut rest).ok_or("a KEXINIT that ends too early");
        Ok(Self {
            kex: list()?,
            host_keys: list()?,
            ciphers_to_server: list()?,
            ciphers_to_client: list()?,
            macs_to_server: list()?,
            macs_to_client: list()?,
            compression_to_server: list()?,
            compression_to_client: list()?,
            identification,
        })
    }

    /// Whether the peer announces strict key exchange.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.kex.iter().any(|name| name.starts_with("kex-strict-"))
    }
}

/// The line that starts with `SSH-`; a server may send others before (RFC 4253 §4.2).
fn identification(reader: &mut impl BufRead) -> Result<String, Failed> {
    loop {
        let mut line = Vec::new();
        if reader.take(8192).read_until(b'\n', &mut line)? == 0 {
            return Err("the connection ended before an identification".into());
        }
        if line.starts_with(b"SSH-") {
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    }
}

/// The payload of a packet that is not encrypted yet (RFC 4253 §6).
fn packet(reader: &mut impl Read) -> Result<Vec<u8>, Failed> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if !(2..=MAXIMUM).contains(&length) {
        return Err(format!("a first packet of {length} bytes").into());
    }
    let mut packet = vec![0; length];
    reader.read_exact(&mut packet)?;
    let padding = usize::from(packet.remove(0));
    let payload = packet.len().checked_sub(padding).ok_or("a first packet with more padding than bytes")?;
    packet.truncate(payload);
    Ok(packet)
}

/// RFC 4251 §5.
fn name_list(rest: &mut &[u8]) -> Option<Vec<String>> {
    let (length, after) = rest.split_first_chunk()?;
    let (names, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    let names = String::from_utf8_lossy(names);
    Some(names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}
