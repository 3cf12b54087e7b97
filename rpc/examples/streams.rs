//! Moves octets both ways at once through a call, and measures what that costs: `cargo run --release --example streams -- 4`
//!
//! The number is in GiB, for each way. The node is another process, on this machine. What is measured: how fast the octets
//! move, how much memory both processes had at their peak, and how long small calls on the same connection take
//! meanwhile, and while big calls are made, beside how long they take without.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sshrpc::client::StreamCall;
use sshrpc::term::parse_call;
use sshrpc::{Client, Connect, Identity, Node, PrivateKey, PublicKey, Term};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many small calls are made without a stream.
const CALLS: usize = 5000;
/// How many big calls are made beside small ones, and how many octets each of them takes and gives.
const BIG: (usize, usize) = (64, 16 << 20);
/// What is written and read at once.
const PIECE: usize = 256 << 10;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("node") => node(&arguments.next().ok_or("the key of who may log in is missing")?).await,
        gib => measure(gib.unwrap_or("1").parse()?).await,
    }
}

/// The other process: a node until its standard input ends.
async fn node(key: &str) -> Outcome<()> {
    let host_key = PrivateKey::generate_ed25519(&mut sshrpc::os_rng()?);
    let (user_key, _) = PublicKey::from_openssh_line(key)?;
    let node = Node::builder().host_key(host_key.clone()).authorized_key(user_key).listen("127.0.0.1:0").bind().await?;
    println!("{}\n{}", node.local_addr()?, host_key.public().to_openssh_line(""));
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    node.run(async { drop(end.await) }).await;
    Ok(())
}

async fn measure(gib: u64) -> Outcome<()> {
    let octets = gib << 30;
    let user_key = PrivateKey::generate_ed25519(&mut sshrpc::os_rng()?);
    let (mut child, client) = start(user_key).await?;
    let alone = small_calls(&client, |calls| calls < CALLS).await?;
    let (before, node_before) = (peak(std::process::id()), peak(child.id()));

    let (took, beside_stream) = beside(&client, transfer(&client, octets)).await?;
    let (after, node_after) = (peak(std::process::id()), peak(child.id()));
    let (took_big, beside_big) = beside(&client, big_calls(&client)).await?;
    let mut out = std::io::stdout().lock();
    let rate = octets as f64 / (1 << 20) as f64 / took.as_secs_f64();
    writeln!(out, "{gib} GiB each way at once in {:.1} s: {rate:.0} MiB/s each way", took.as_secs_f64())?;
    writeln!(out, "\npeak memory    before    after")?;
    writeln!(out, "client      {:>9} {:>8}", mebibytes(before), mebibytes(after))?;
    writeln!(out, "node        {:>9} {:>8}", mebibytes(node_before), mebibytes(node_after))?;
    let (number, mib) = (BIG.0, BIG.1 >> 20);
    writeln!(out, "\n{number} calls that take and give {mib} MiB in {:.1} s", took_big.as_secs_f64())?;
    writeln!(out, "\nsmall calls         number   median      p99  longest")?;
    writeln!(out, "alone            {alone}")?;
    for (what, beside) in [("beside a stream", &beside_stream), ("beside big calls", &beside_big)] {
        let ratio = |of: fn(&Latencies) -> Duration| of(beside).as_secs_f64() / of(&alone).as_secs_f64();
        writeln!(out, "{what:<17}{beside}")?;
        writeln!(out, "  ratio                    {:>8.1} {:>8.1}", ratio(Latencies::median), ratio(Latencies::p99))?;
    }
    client.close().await;
    drop(child.stdin.take());
    child.wait()?;
    Ok(())
}

/// Starts the node, and logs in.
async fn start(user_key: PrivateKey) -> Outcome<(Child, Client)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("node").arg(user_key.public().to_openssh_line(""));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("the node has no output")?).lines();
    let mut line = || lines.next().ok_or("the node has ended")?.map_err(Box::<dyn Error + Send + Sync>::from);
    let (address, host_key) = (line()?, line()?);
    let (host_key, _) = PublicKey::from_openssh_line(&host_key)?;
    let connect = Connect::to(&address)?.no_config().host_key(host_key).identity(Identity::from_key(user_key, ""));
    Ok((child, connect.connect().await?))
}

/// Makes small calls as long as the work takes: how long that was, and how long they took.
async fn beside(client: &Client, work: impl Future<Output = Outcome<Duration>>) -> Outcome<(Duration, Latencies)> {
    let working = AtomicBool::new(true);
    let work = async {
        let took = work.await;
        working.store(false, Ordering::Relaxed);
        took
    };
    let (took, times) = tokio::join!(work, small_calls(client, |_| working.load(Ordering::Relaxed)));
    Ok((took?, times?))
}

/// Makes big calls, one after the other.
async fn big_calls(client: &Client) -> Outcome<Duration> {
    let start = Instant::now();
    let (number, octets) = BIG;
    let big = Term::binary(vec![7; octets]);
    let mut call = parse_call("sshrpc:echo(0)")?;
    call.args = vec![big.clone()];
    for _ in 0..number {
        if client.apply(&call).await? != big {
            return Err("what came is not what went".into());
        }
    }
    Ok(start.elapsed())
}

/// Has so many octets echoed, and looks at each of them.
async fn transfer(client: &Client, octets: u64) -> Outcome<Duration> {
    let start = Instant::now();
    let StreamCall { mut input, mut output, answer, .. } =
        client.stream_call(&parse_call("sshrpc:stream_echo()")?).await?;
    let pattern: Vec<u8> = (0..=u8::MAX).cycle().take(PIECE + 256).collect();
    let piece = pattern.get(..PIECE).unwrap_or_default();
    let send = async {
        for _ in 0..octets / PIECE as u64 {
            input.write_all(piece).await?;
        }
        input.shutdown().await
    };
    let receive = async {
        let (mut received, mut buffer) = (0_u64, vec![0; PIECE]);
        loop {
            let read = output.read(&mut buffer).await?;
            let expected = pattern.get((received % 256) as usize..).and_then(|rest| rest.get(..read));
            if read == 0 || buffer.get(..read) != expected {
                return Ok::<u64, std::io::Error>(received);
            }
            received += read as u64;
        }
    };
    let (sent, received, answer) = tokio::join!(send, receive, answer);
    sent?;
    let (received, echoed) = (received?, answer?.as_u64());
    if received != octets || echoed != Some(octets) {
        return Err(format!("{octets} octets went, {echoed:?} were echoed, and {received} came as they should").into());
    }
    Ok(start.elapsed())
}

/// Makes small calls, one after the other, and takes their times.
async fn small_calls(client: &Client, go_on: impl Fn(usize) -> bool) -> Outcome<Latencies> {
    let call = parse_call("erlang:abs(-1)")?;
    let mut times = Vec::new();
    while go_on(times.len()) {
        let start = Instant::now();
        client.apply(&call).await?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    if times.is_empty() { Err("the stream was over before a call was".into()) } else { Ok(Latencies(times)) }
}

/// The times of calls, in order.
struct Latencies(Vec<Duration>);

impl Latencies {
    fn at(&self, percent: usize) -> Duration {
        self.0.get((self.0.len() - 1) * percent / 100).copied().unwrap_or_default()
    }

    fn median(&self) -> Duration {
        self.at(50)
    }

    fn p99(&self) -> Duration {
        self.at(99)
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        write!(f, "{:>9} {:>8} {:>8} {:>8}", self.0.len(), ms(self.median()), ms(self.p99()), ms(self.at(100)))
    }
}

/// The most memory that a process had so far, in octets, where the system says so (Linux: `VmHWM`).
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

fn mebibytes(octets: Option<u64>) -> String {
    octets.map_or_else(|| "unknown".to_owned(), |octets| format!("{:.1} MiB", octets as f64 / f64::from(1 << 20)))
}
