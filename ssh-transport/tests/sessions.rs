//! Sessions of the bare core with OpenSSH, by the scripts that `ssh-proto/tests/replay.rs` plays again without it. With
//! `SSHRPC_RECORD=1` in the environment they are recorded into `vectors/sessions`.

#[path = "../../ssh-proto/tests/session/mod.rs"]
mod session;
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use peers::{Child, Failed, LIMIT, Peers, trial};
use session::{Player, Session, Settings, Step};
use support::sshd::Sshd;
use support::{ensure, equal, vector_key};

fn main() -> std::process::ExitCode {
    let mut trials = Vec::new();
    for (name, settings) in CLIENTS {
        trials.push(trial(name, &["sshd"], move |peers| as_client(peers, name, settings)));
    }
    for (name, options, settings) in SERVERS {
        trials.push(trial(name, &["ssh"], move |peers| as_server(peers, name, options, settings)));
    }
    peers::run(trials)
}

const CLIENTS: [(&str, &str); 3] = [
    (
        "client_curve25519_chacha20",
        "seed: 1
kex: curve25519-sha256
host-key: ssh-ed25519
cipher: chacha20-poly1305@openssh.com
mac: hmac-sha2-256-etm@openssh.com
user-key: ssh-ed25519
our-key: ed25519
rekey-bytes: 1000000000
run: exec echo hello; echo oops >&2; exit 7 | echo 1000 | exec kill -TERM $$",
    ),
    (
        "client_group14_rsa_ctr",
        "seed: 2
kex: diffie-hellman-group14-sha256
host-key: rsa-sha2-512
cipher: aes128-ctr
mac: hmac-sha2-256
user-key: rsa-sha2-256
our-key: rsa2048
rekey-bytes: 1000000000
run: exec exit 0 | echo 10000",
    ),
    (
        "client_rekeys_gcm",
        "seed: 3
kex: curve25519-sha256,curve25519-sha256@libssh.org
host-key: ssh-ed25519
cipher: aes256-gcm@openssh.com
mac: hmac-sha2-512-etm@openssh.com
user-key: ssh-ed25519
our-key: ed25519
rekey-bytes: 8000
run: echo 30000",
    ),
];

const SERVERS: [(&str, &[&str], &str); 3] = [
    (
        "server_curve25519_gcm",
        &["-s", "echo"],
        "seed: 4
kex: curve25519-sha256
host-key: ssh-ed25519
cipher: aes128-gcm@openssh.com
mac: hmac-sha2-256-etm@openssh.com
user-key: ssh-ed25519,rsa-sha2-512,rsa-sha2-256
our-key: ed25519
their-key: ed25519
rekey-bytes: 1000000000
write: 5000",
    ),
    (
        "server_legacy_cbc",
        &[
            "-oKexAlgorithms=diffie-hellman-group14-sha1",
            "-oHostKeyAlgorithms=ssh-rsa",
            "-oCiphers=aes128-cbc",
            "-oMACs=hmac-sha1",
            "-oPubkeyAcceptedAlgorithms=ssh-rsa",
            "-tt",
            "anything",
        ],
        "seed: 5
kex: diffie-hellman-group14-sha1
host-key: ssh-rsa
cipher: aes128-cbc
mac: hmac-sha1
user-key: ssh-rsa
our-key: rsa2048
their-key: rsa2048
rekey-bytes: 1000000000
write: 3000",
    ),
    (
        "server_rekeys_ctr",
        &["-oRekeyLimit=16K", "anything"],
        "seed: 6
kex: curve25519-sha256
host-key: ssh-ed25519
cipher: aes256-ctr
mac: hmac-sha2-512-etm@openssh.com
user-key: ssh-ed25519
our-key: ed25519
their-key: ed25519
rekey-bytes: 10000
write: 40000",
    ),
];

fn as_client(peers: &Peers, name: &str, settings: &str) -> Result<(), Failed> {
    let sshd = Sshd::start(peers, "")?;
    let mut settings = Settings::parse(settings);
    settings.0.insert("role".to_owned(), "client".to_owned());
    settings.0.insert("user".to_owned(), sshd.user.clone());
    let session = play(settings, TcpStream::connect(("127.0.0.1", sshd.port))?)?;
    ensure(session.meant().any(|meant| meant == "logged in"), || format!("{:?}", session.meant().collect::<Vec<_>>()))?;
    equal(session.meant().last(), Some("over: we leave"))?;
    record(name, &session)
}

fn as_server(peers: &Peers, name: &str, options: &[&str], settings: &str) -> Result<(), Failed> {
    let mut settings = Settings::parse(settings);
    settings.0.insert("role".to_owned(), "server".to_owned());
    let directory = peers::temp_dir()?;
    let key = vector_key(directory.path(), settings.text("their-key"))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut ssh = peers.command("ssh");
    ssh.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]);
    ssh.args(["-o", "UserKnownHostsFile=/dev/null", "-l", support::USER, "-i"]).arg(key);
    let (program, options) = options.split_last().ok_or("no command")?;
    ssh.args(options).args(["-p", &listener.local_addr()?.port().to_string(), "127.0.0.1", program]);
    let (mut child, mut stdin) = Child::spawn_with_input(&mut ssh)?;
    let line = [&vec![b'x'; usize::try_from(settings.number("write"))? - 1][..], b"\n"].concat();
    let (stream, _) = listener.accept()?;
    let session = std::thread::scope(|scope| {
        let playing = scope.spawn(|| play(settings, stream));
        stdin.write_all(&line)?;
        drop(stdin);
        playing.join().map_err(|_panic| "the server panicked")?
    })
    .map_err(|failed| child.failed(&format!("{failed:?}")))?;
    equal(child.wait(LIMIT)?.code(), Some(7))?;
    ensure(child.stdout() == line, || child.stderr())?;
    record(name, &session)
}

/// A session to its end.
fn play(settings: Settings, mut stream: TcpStream) -> Result<Session, Failed> {
    stream.set_read_timeout(Some(LIMIT))?;
    let (mut player, ours) = Player::start(&settings);
    stream.write_all(&ours)?;
    let mut steps = vec![Step::Ours(ours)];
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        let reaction = player.feed(&buffer[..length]);
        steps.push(Step::Theirs(buffer[..length].to_vec()));
        steps.extend(reaction.meant.into_iter().map(Step::Meant));
        if !reaction.ours.is_empty() {
            stream.write_all(&reaction.ours)?;
            steps.push(Step::Ours(reaction.ours));
        }
        if reaction.over {
            break;
        }
    }
    Ok(Session { settings, steps })
}

fn record(name: &str, session: &Session) -> Result<(), Failed> {
    equal(&Session::parse(&session.to_text()), session)?;
    match std::env::var("SSHRPC_RECORD") {
        Ok(yes) if yes == "1" => Ok(std::fs::write(vectors::path(&format!("sessions/{name}")), session.to_text())?),
        _ => Ok(()),
    }
}
