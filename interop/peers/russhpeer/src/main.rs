//! russh as a client and a server with everything that it has.
//!
//! ```text
//! russhpeer client HOST PORT USER KEY COMMAND...
//! russhpeer server PORT KEYS
//! ```
//!
//! `SUBSYSTEM` and `REKEY`: see ../README.md.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, process};

use anyhow::{Context, Result, bail};
use russh::keys::{
    Algorithm, EcdsaCurve, HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, load_secret_key,
};
use russh::{
    Channel, ChannelId, ChannelMsg, Disconnect, Limits, Preferred, cipher, client, compression, kex, mac, server,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

fn preferred() -> Preferred {
    let mut kexes: Vec<kex::Name> =
        kex::ALL_KEX_ALGORITHMS.iter().map(|name| **name).filter(|name| name.as_ref() != "none").collect();
    kexes.extend([
        kex::EXTENSION_SUPPORT_AS_CLIENT,
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ]);
    let ciphers =
        cipher::ALL_CIPHERS.iter().map(|name| **name).filter(|name| !["none", "clear"].contains(&name.as_ref()));
    let macs = mac::ALL_MAC_ALGORITHMS.iter().map(|name| **name).filter(|name| name.as_ref() != "none");
    let keys = [
        Algorithm::Ed25519,
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
        Algorithm::Rsa { hash: None },
    ];
    let compressions: Vec<compression::Name> =
        compression::ALL_COMPRESSION_ALGORITHMS.iter().map(|name| **name).collect();
    Preferred {
        kex: Cow::Owned(kexes),
        key: Cow::Owned(keys.to_vec()),
        cipher: Cow::Owned(ciphers.collect()),
        mac: Cow::Owned(macs.collect()),
        compression: Cow::Owned(compressions),
        ..Preferred::default()
    }
}

fn limits() -> Result<Limits> {
    Ok(match env::var("REKEY") {
        Ok(text) => Limits::new(text.parse()?, text.parse()?, Duration::from_secs(3600)),
        Err(_absent) => Limits::default(),
    })
}

struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

async fn client(arguments: &[String]) -> Result<i32> {
    let [host, port, user, key, command @ ..] = arguments else { bail!("HOST PORT USER KEY COMMAND") };
    let config = client::Config { preferred: preferred(), limits: limits()?, ..Default::default() };
    let mut session = client::connect(Arc::new(config), (host.as_str(), port.parse()?), Trusting).await?;
    let hash = session.best_supported_rsa_hash().await?.flatten();
    let key = PrivateKeyWithHashAlg::new(Arc::new(load_secret_key(key, None)?), hash);
    if !session.authenticate_publickey(user, key).await?.success() {
        bail!("not let in");
    }
    let channel = session.channel_open_session().await?;
    let command = command.join(" ");
    match env::var("SUBSYSTEM") {
        Ok(_set) => channel.request_subsystem(true, command).await?,
        Err(_absent) => channel.exec(true, command).await?,
    }
    let (mut reading, writing) = channel.split();
    let sending = tokio::spawn(async move {
        writing.data(tokio::io::stdin()).await?;
        writing.eof().await
    });
    let (mut status, mut stdout) = (255, tokio::io::stdout());
    while let Some(message) = reading.wait().await {
        match message {
            ChannelMsg::Data { data } => stdout.write_all(&data).await?,
            ChannelMsg::ExitStatus { exit_status } => status = exit_status,
            ChannelMsg::Failure => bail!("refused"),
            _ => {}
        }
    }
    stdout.flush().await?;
    // The program may have ended before it read everything.
    sending.abort();
    session.disconnect(Disconnect::ByApplication, "", "").await?;
    Ok(status.try_into()?)
}

struct Node {
    known: Arc<Vec<PublicKey>>,
    channels: HashMap<ChannelId, Channel<server::Msg>>,
}

impl server::Handler for Node {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _user: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<server::Auth, Self::Error> {
        let known = self.known.iter().any(|known| known.key_data() == key.public_key.key_data());
        Ok(if known { server::Auth::Accept } else { server::Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<server::Msg>,
        reply: server::ChannelOpenHandle,
        _session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        let Some(channel) = self.channels.remove(&id) else { return session.channel_failure(id) };
        let command = String::from_utf8_lossy(command).into_owned();
        tokio::spawn(run(channel, command));
        session.channel_success(id)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        match self.channels.remove(&id) {
            Some(channel) if name == "echo" => {
                tokio::spawn(run(channel, "cat".to_owned()));
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }
}

async fn run(channel: Channel<server::Msg>, command: String) -> Result<()> {
    let (mut reading, writing) = channel.split();
    let mut program =
        Command::new("/bin/sh").args(["-c", &command]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (stdin, stdout) = (program.stdin.take(), program.stdout.take());
    let feeding = tokio::spawn(async move {
        let mut stdin = stdin.context("a pipe")?;
        while let Some(message) = reading.wait().await {
            match message {
                ChannelMsg::Data { data } => stdin.write_all(&data).await?,
                ChannelMsg::Eof => break,
                _ => {}
            }
        }
        drop(stdin);
        // Messages must be read on, or the connection stands still.
        while reading.wait().await.is_some() {}
        anyhow::Ok(())
    });
    let mut stdout = stdout.context("a pipe")?;
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let length = stdout.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        writing.data(&buffer[..length]).await?;
    }
    let status = program.wait().await?.code().unwrap_or(255);
    writing.exit_status(status.try_into()?).await?;
    writing.eof().await?;
    writing.close().await?;
    feeding.await?
}

async fn server(arguments: &[String]) -> Result<()> {
    let [port, keys] = arguments else { bail!("PORT KEYS") };
    let keys = Path::new(keys);
    let known = fs::read_to_string(keys.join("authorized_keys"))?;
    let known = Arc::new(known.lines().map(PublicKey::from_openssh).collect::<Result<Vec<_>, _>>()?);
    let mut host_keys = Vec::new();
    for entry in fs::read_dir(keys)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("host_") && !name.ends_with(".pub") {
            host_keys.push(load_secret_key(&path, None)?);
        }
    }
    let config = Arc::new(server::Config {
        keys: host_keys,
        preferred: preferred(),
        limits: limits()?,
        auth_rejection_time: Duration::from_millis(10),
        ..Default::default()
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    loop {
        let (stream, _source) = listener.accept().await?;
        let node = Node { known: known.clone(), channels: HashMap::new() };
        let session = server::run_stream(config.clone(), stream, node);
        tokio::spawn(async move {
            if let Err(error) = async { session.await?.await }.await {
                eprintln!("{error}");
            }
        });
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((role, rest)) if role == "client" => process::exit(client(rest).await?),
        Some((role, rest)) if role == "server" => server(rest).await,
        _ => bail!("client or server"),
    }
}
