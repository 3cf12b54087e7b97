//! The server's side of SOCKS 4, 4a and 5 (RFC 1928), as far as `ssh -D` goes: CONNECT, without authentication.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::target::Target;
use crate::client::ProgramError;
use crate::io::Duplex;

/// A SOCKS client's wish.
#[derive(Debug)]
pub(super) struct Request {
    version: Version,
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Four,
    Five,
}

/// The longest name of a host, and the longest user that anybody sends.
const MAXIMUM: usize = 255;
const CONNECT: u8 = 1;
const LIMIT: Duration = Duration::from_secs(10);

impl Request {
    pub(super) fn target(&self) -> Target {
        Target::tcp(self.host.clone(), self.port)
    }

    /// Tells the client how it went.
    pub(super) async fn answer(&self, stream: &mut impl Duplex, error: Option<&ProgramError>) -> io::Result<()> {
        let answer: &[u8] = match (self.version, error) {
            (Version::Four, None) => &[0, 90, 0, 0, 0, 0, 0, 0],
            (Version::Four, Some(_)) => &[0, 91, 0, 0, 0, 0, 0, 0],
            (Version::Five, None) => &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
            // "connection not allowed by ruleset", "Host unreachable", "general SOCKS server failure".
            (Version::Five, Some(ProgramError::ChannelRefused(1, _))) => &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0],
            (Version::Five, Some(ProgramError::ChannelRefused(2, _))) => &[5, 4, 0, 1, 0, 0, 0, 0, 0, 0],
            (Version::Five, Some(_)) => &[5, 1, 0, 1, 0, 0, 0, 0, 0, 0],
        };
        stream.write_all(answer).await
    }
}

/// Reads what the client wants, which may take it ten seconds.
pub(super) async fn negotiate(stream: &mut impl Duplex) -> io::Result<Request> {
    match tokio::time::timeout(LIMIT, request(stream)).await {
        Ok(request) => request,
        Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn request(stream: &mut impl Duplex) -> io::Result<Request> {
    match stream.read_u8().await? {
        4 => four(stream).await,
        5 => five(stream).await,
        _ => Err(invalid("not SOCKS 4 or 5")),
    }
}

async fn four(stream: &mut impl Duplex) -> io::Result<Request> {
    let command = stream.read_u8().await?;
    let port = stream.read_u16().await?;
    let address = Ipv4Addr::from(stream.read_u32().await?);
    until_null(stream).await?;
    // 4a: an address that is none, 0.0.0.x, stands for the name behind the user.
    let host = match address.octets() {
        [0, 0, 0, 1..=255] => text(until_null(stream).await?)?,
        _ => address.to_string(),
    };
    if command != CONNECT {
        stream.write_all(&[0, 91, 0, 0, 0, 0, 0, 0]).await?;
        return Err(invalid("SOCKS asks for something else than a connection"));
    }
    Ok(Request { version: Version::Four, host, port })
}

async fn five(stream: &mut impl Duplex) -> io::Result<Request> {
    let mut methods = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut methods).await?;
    if !methods.contains(&0) {
        stream.write_all(&[5, 0xff]).await?;
        return Err(invalid("SOCKS without a method that needs no password"));
    }
    stream.write_all(&[5, 0]).await?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [5, command, _, kind] = head else { return Err(invalid("not a request of SOCKS 5")) };
    let host = match kind {
        1 => Ipv4Addr::from(stream.read_u32().await?).to_string(),
        3 => {
            let mut name = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut name).await?;
            text(name)?
        }
        4 => Ipv6Addr::from(stream.read_u128().await?).to_string(),
        _ => {
            stream.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
            return Err(invalid("SOCKS names an address of an unknown kind"));
        }
    };
    let port = stream.read_u16().await?;
    if command != CONNECT {
        stream.write_all(&[5, 7, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        return Err(invalid("SOCKS asks for something else than a connection"));
    }
    Ok(Request { version: Version::Five, host, port })
}

async fn until_null(stream: &mut impl Duplex) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        match stream.read_u8().await? {
            0 => return Ok(bytes),
            byte if bytes.len() < MAXIMUM => bytes.push(byte),
            _ => return Err(invalid("SOCKS sends a name without end")),
        }
    }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_other| invalid("SOCKS names a host that is not text"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(bytes: &[u8]) -> (io::Result<Request>, Vec<u8>) {
        let (mut here, mut there) = tokio::io::duplex(1024);
        here.write_all(bytes).await.unwrap();
        here.shutdown().await.unwrap();
        let request = negotiate(&mut there).await;
        drop(there);
        let mut said = Vec::new();
        here.read_to_end(&mut said).await.unwrap();
        (request, said)
    }

    #[tokio::test]
    async fn versions_4_4a_and_5_name_addresses_and_hosts() {
        let mut long = vec![4, 1, 0, 80, 127, 0, 0, 1];
        long.extend([b'u'; 255]);
        long.push(0);
        for (bytes, host, said) in [
            (&b"\x04\x01\0\x50\x7f\0\0\x01\0"[..], "127.0.0.1", &b""[..]),
            (&long, "127.0.0.1", b""),
            (b"\x04\x01\0\x50\0\0\0\x01me\0example.com\0", "example.com", b""),
            (b"\x05\x02\0\x02\x05\x01\0\x01\x7f\0\0\x01\0\x50", "127.0.0.1", b"\x05\0"),
            (b"\x05\x01\0\x05\x01\0\x03\x0bexample.com\0\x50", "example.com", b"\x05\0"),
            (b"\x05\x01\0\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50", "::1", b"\x05\0"),
        ] {
            let (request, answer) = ask(bytes).await;
            assert_eq!((request.unwrap().target(), &answer[..]), (Target::tcp(host, 80), said), "{bytes:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_say_what_it_wants_is_not_waited_for() {
        for some in [&b""[..], b"\x04\x01", b"\x05\x01\0\x05\x01\0\x03\x0bexample"] {
            let (mut here, mut there) = tokio::io::duplex(1024);
            here.write_all(some).await.unwrap();
            let asked = tokio::time::timeout(2 * LIMIT, negotiate(&mut there)).await;
            assert_eq!(asked.expect("it ends by itself").unwrap_err().kind(), io::ErrorKind::TimedOut, "{some:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_done_is_refused_in_its_version() {
        let mut endless = vec![4, 1, 0, 80, 0, 0, 0, 1, 0];
        endless.extend([b'h'; 300]);
        for (bytes, said) in [
            (&b"GET / HTTP/1.0\r\n"[..], &b""[..]),
            (b"\x04\x02\0\x50\x7f\0\0\x01\0", b"\0\x5b\0\0\0\0\0\0"),
            (&endless, b""),
            (b"\x05\x01\x02", b"\x05\xff"),
            (b"\x05\x01\0\x05\x02\0\x01\x7f\0\0\x01\0\x50", b"\x05\0\x05\x07\0\x01\0\0\0\0\0\0"),
            (b"\x05\x01\0\x05\x01\0\x09\x7f\0\0\x01\0\x50", b"\x05\0\x05\x08\0\x01\0\0\0\0\0\0"),
            (b"\x05\x01\0\x05\x01\0\x03\x02\xff\xfe\0\x50", b"\x05\0"),
            (b"\x05\x01\0\x05\x01\0\x03\x02", b"\x05\0"),
        ] {
            let (request, answer) = ask(bytes).await;
            assert!(request.is_err());
            assert_eq!(answer, said, "{bytes:?}");
        }
    }
}
