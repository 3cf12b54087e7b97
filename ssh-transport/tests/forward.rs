//! Connections through connections, with OpenSSH on the other side and without: TCP, sockets, the agent, the display, and
//! what else runs beside programs.

mod support;

#[path = "forward/bounds.rs"]
mod bounds;
#[path = "forward/client.rs"]
mod client;
#[path = "forward/server.rs"]
mod server;

use std::net::SocketAddr;
use std::path::Path;

use peers::Failed;
use ssh_transport::forward::{Allow, Forwarding};
use support::{ensure, pattern};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinHandle;

fn main() -> std::process::ExitCode {
    let mut trials = server::trials();
    trials.extend(client::trials());
    trials.extend(bounds::trials());
    peers::run(trials)
}

/// Both directions, of everything.
fn everything() -> Forwarding {
    let mut forwarding = Forwarding::default();
    (forwarding.tcp, forwarding.sockets) = (Allow::Yes, Allow::Yes);
    forwarding
}

/// Answers each connection with what it says, until it says no more.
struct Echo {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Echo {
    async fn start() -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream));
            }
        });
        Ok(Self { address, task })
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    /// The same on a Unix socket.
    fn on_socket(path: &Path) -> Result<Self, Failed> {
        let listener = UnixListener::bind(path)?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream));
            }
        });
        Ok(Self { address: ([127, 0, 0, 1], 0).into(), task })
    }
}

async fn echo(stream: impl AsyncRead + AsyncWrite) -> std::io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    tokio::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await
}

/// Sends `length` bytes to an echo, and compares what comes back, up to the end.
async fn exchange(stream: impl AsyncRead + AsyncWrite + Send + 'static, length: u64) -> Result<(), Failed> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writing = tokio::spawn(async move {
        pattern::write(&mut writer, length).await?;
        writer.shutdown().await?;
        Ok::<_, std::io::Error>(writer)
    });
    pattern::read(&mut reader, length).await?;
    drop(writing.await??);
    Ok(())
}

const MEBIBYTE: u64 = 1 << 20;

/// Much at once, and many at once.
async fn much_and_many(port: u16) -> Result<(), Failed> {
    let connect = || TcpStream::connect(("127.0.0.1", port));
    exchange(connect().await?, 16 * MEBIBYTE).await?;
    let mut connections = tokio::task::JoinSet::new();
    for number in 0..50_u64 {
        let stream = connect().await?;
        connections.spawn(exchange(stream, number * 4099));
    }
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    Ok(())
}

/// Waits until nobody listens on a port any more.
async fn until_closed(port: u16) -> Result<(), Failed> {
    for _ in 0..2000 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    Err(format!("somebody still listens on port {port}").into())
}

/// A web server with one page.
async fn page() -> Result<(SocketAddr, JoinHandle<()>), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => asked.push(byte),
                    Err(_) => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nthe page\n").await;
        }
    });
    Ok((address, task))
}

/// What a program says to a display first: twelve bytes, the protocol's name and a cookie of sixteen bytes, in whole words.
const X11_SETUP: usize = 12 + 20 + 16;

/// A display that takes one program, reads as much from it, and says hello.
async fn display(length: usize) -> Result<(u16, JoinHandle<Result<Vec<u8>, Failed>>), Failed> {
    for number in 60..999 {
        let Ok(listener) = TcpListener::bind(("127.0.0.1", 6000 + number)).await else { continue };
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut setup = vec![0; length];
            stream.read_exact(&mut setup).await?;
            stream.write_all(b"hello from the display").await?;
            stream.shutdown().await?;
            Ok(setup)
        });
        return Ok((number, task));
    }
    Err("no display is free".into())
}

/// A socket's answer in full.
async fn ensure_echo(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Result<(), Failed> {
    exchange(stream, MEBIBYTE).await
}

fn ensure_contains(text: &str, part: &str) -> Result<(), Failed> {
    ensure(text.contains(part), || format!("{part:?} is not in {text:?}"))
}
