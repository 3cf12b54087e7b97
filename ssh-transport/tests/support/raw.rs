//! A client without manners: it logs in, and then sends what it likes and reads what it wants. And such a server.

use std::net::SocketAddr;

use peers::Failed;
use ssh_proto::io::InputVec;
use ssh_proto::keys::PrivateKey;
use ssh_proto::raw::{Config, Endpoint, Signer};
use ssh_proto::wire::{Put, number};
use ssh_transport::identity::Identity;
use ssh_transport::rng::os_rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{USER, algorithms, ensure};

/// Our end of a connection.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    endpoint: Endpoint,
    input: InputVec,
    /// What is sent with the next [`flush`](Self::flush).
    out: Vec<u8>,
}

impl Raw {
    /// Connects and exchanges keys.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address).await?;
        let mut out = Vec::new();
        let endpoint = Endpoint::client(Config::new(algorithms()), Box::new(os_rng()?), &mut out);
        let mut raw = Self { stream, endpoint, input: InputVec::with_capacity(1 << 20), out };
        raw.flush().await?;
        raw.expect(number::NEWKEYS).await?;
        Ok(raw)
    }

    /// The other side: a server that shows `host_key`, and lets everybody in who logs in over `stream`.
    pub(crate) async fn serve(stream: TcpStream, host_key: PrivateKey) -> Result<Self, Failed> {
        let mut out = Vec::new();
        let public = host_key.public().clone();
        let mut random = os_rng()?;
        let signer: Signer = Box::new(move |_key, algorithm, hash| host_key.sign(algorithm, hash, &mut random).ok());
        let config = Config::new(algorithms());
        let endpoint = Endpoint::server(config, vec![public], signer, Box::new(os_rng()?), &mut out);
        let mut raw = Self { stream, endpoint, input: InputVec::with_capacity(1 << 20), out };
        raw.flush().await?;
        raw.expect(number::SERVICE_REQUEST).await?;
        let mut accepted = vec![number::SERVICE_ACCEPT];
        accepted.put_string(b"ssh-userauth");
        raw.send(&accepted);
        raw.flush().await?;
        raw.expect(number::USERAUTH_REQUEST).await?;
        raw.send(&[number::USERAUTH_SUCCESS]);
        raw.flush().await?;
        Ok(raw)
    }

    /// Appends a message.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        self.endpoint.send(payload, &mut self.out);
    }

    /// Writes all messages at once.
    pub(crate) async fn flush(&mut self) -> Result<(), Failed> {
        self.stream.write_all(&self.out).await?;
        self.out.clear();
        Ok(())
    }

    /// The next message; `None` at the end of the stream.
    pub(crate) async fn receive(&mut self) -> Result<Option<Vec<u8>>, Failed> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let received = self.endpoint.receive(&mut self.input, &mut self.out);
            self.flush().await?;
            if let Some(message) = received.map_err(|error| error.to_string())? {
                return Ok(Some(message.payload));
            }
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(length) => self.input.extend(&buffer[..length]),
            }
        }
    }

    /// Reads until a message with this number comes.
    pub(crate) async fn expect(&mut self, number: u8) -> Result<Vec<u8>, Failed> {
        let mut seen = Vec::new();
        while let Some(message) = self.receive().await? {
            seen.push(message[0]);
            if message[0] == number {
                return Ok(message);
            }
        }
        Err(format!("no message {number} came, but {seen:?}").into())
    }

    /// The numbers of all messages up to the end of the stream.
    pub(crate) async fn numbers(&mut self) -> Result<Vec<u8>, Failed> {
        let mut numbers = Vec::new();
        while let Some(message) = self.receive().await? {
            numbers.push(message[0]);
        }
        Ok(numbers)
    }

    /// A USERAUTH_REQUEST that `identity` signs, without having asked whether it would do.
    pub(crate) async fn attempt(&self, identity: &Identity) -> Result<Vec<u8>, Failed> {
        let session = self.endpoint.session_id().ok_or("no keys yet")?;
        let algorithm = identity.algorithms()[0].to_owned();
        let mut request = userauth("publickey");
        request.put_bool(true);
        request.put_string(algorithm.as_bytes());
        request.put_string(identity.public().blob());
        let mut signed = Vec::new();
        signed.put_string(session.as_bytes());
        signed.put_bytes(&request);
        let signature = identity.sign(&algorithm, &signed).await?;
        request.put_nested(|field| signature.to_wire(field));
        Ok(request)
    }

    /// Connects and logs in.
    pub(crate) async fn log_in(address: SocketAddr, identity: &Identity) -> Result<Self, Failed> {
        let mut raw = Self::connect(address).await?;
        raw.send(&service_request());
        let attempt = raw.attempt(identity).await?;
        raw.send(&attempt);
        raw.flush().await?;
        raw.expect(number::USERAUTH_SUCCESS).await?;
        Ok(raw)
    }

    /// Sends as much as goes, in messages of `payload` over and over; says how much went before the peer took no more,
    /// or `enough` of it did.
    pub(crate) async fn flood(&mut self, payload: &[u8], enough: usize) -> Result<usize, Failed> {
        let mut sent = 0;
        while sent < enough {
            while self.out.len() < 64 * 1024 {
                self.endpoint.send(payload, &mut self.out);
            }
            // Nobody can prove that a peer will never read on: one that took nothing for so long has stopped.
            match tokio::time::timeout(std::time::Duration::from_secs(2), self.stream.write(&self.out)).await {
                Ok(written) => {
                    let written = written?;
                    ensure(written > 0, || "the stream is closed".to_owned())?;
                    self.out.drain(..written);
                    sent += written;
                }
                Err(_elapsed) => return Ok(sent),
            }
        }
        Ok(sent)
    }
}

/// SERVICE_REQUEST for the login.
pub(crate) fn service_request() -> Vec<u8> {
    let mut payload = vec![number::SERVICE_REQUEST];
    payload.put_string(b"ssh-userauth");
    payload
}

/// The start of a USERAUTH_REQUEST, and all of it for `none`.
pub(crate) fn userauth(method: &str) -> Vec<u8> {
    let mut payload = vec![number::USERAUTH_REQUEST];
    payload.put_string(USER.as_bytes());
    payload.put_string(b"ssh-connection");
    payload.put_string(method.as_bytes());
    payload
}

/// CHANNEL_OPEN of a session with this window.
pub(crate) fn open_session(window: u32) -> Vec<u8> {
    let mut payload = vec![number::CHANNEL_OPEN];
    payload.put_string(b"session");
    payload.put_u32(0);
    payload.put_u32(window);
    payload.put_u32(32 * 1024);
    payload
}

/// `exec` on the server's first channel.
pub(crate) fn exec(command: &str) -> Vec<u8> {
    let mut payload = vec![number::CHANNEL_REQUEST];
    payload.put_u32(0);
    payload.put_string(b"exec");
    payload.put_bool(true);
    payload.put_string(command.as_bytes());
    payload
}

/// A global request that nobody knows, and that wants an answer.
pub(crate) fn global_request() -> Vec<u8> {
    let mut payload = vec![number::GLOBAL_REQUEST];
    payload.put_string(b"no-such-request@example.com");
    payload.put_bool(true);
    payload
}
