//! BERT-RPC against programs of others: BERT's codec for Python, and Erlang with `{packet,4}`; and as a subsystem.

#[expect(dead_code, reason = "what other files of tests need too")]
#[path = "cli/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use peers::{Child, Failed, LIMIT, Peers, Trial};
use sshrpc::acl::Acl;
use sshrpc::bert::{Access, Answer, AnswerError, Callback, Client, ClientConfig, FaultKind, RequestInfo};
use sshrpc::node::{BertRpc, Keep};
use sshrpc::term::{Term, parse_call, parse_term};
use sshrpc::{Node, PrivateKey, os_rng};
use support::{Done, Home, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn main() -> ExitCode {
    let python = |name: &str, test: fn() -> Result<(), Failed>| {
        let missing = (!python().exists()).then(|| "bert (PyPI) is not installed".to_owned());
        peers::trial_unless(name, missing, test)
    };
    peers::run(vec![
        python("python_calls_a_node", python_calls),
        python("a_client_of_ours_calls_python", calls_python),
        python("python_is_called_back", calls_back),
        Trial::test("nobody_is_called_back_who_is_not_allowed", no_callback),
        Trial::test("what_did_not_change_is_not_sent_again", caching),
        Trial::test("the_access_rules_hold", denied),
        Trial::test("the_last_request_is_answered_when_the_node_stops", stops),
        peers::trial("erlang_calls_with_packet_4", &["erl"], erlang_calls),
        peers::trial("ssh_has_it_as_a_subsystem", &["ssh"], subsystem),
        Trial::test("other_machines_are_refused", other_machines),
    ])
}

fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop/venv/bin/python")
}

fn peer(arguments: &[&str]) -> Command {
    let mut command = Command::new(python());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bert/peer.py")).args(arguments);
    command
}

/// A Python server, and where it listens.
fn python_server() -> Result<(Child, String), Failed> {
    let mut child = Child::spawn(&mut peer(&["serve"]))?;
    child.wait_for("\n", LIMIT)?;
    let printed = String::from_utf8(child.stdout())?;
    let port = printed.trim().strip_prefix("port ").ok_or("a port")?;
    let service = format!("127.0.0.1:{port}");
    Ok((child, service))
}

/// A node in this process, which stops when the sender is dropped.
async fn node(bert: BertRpc, acl: Acl) -> Result<(u16, tokio::sync::oneshot::Sender<()>), Failed> {
    let host = PrivateKey::generate_ed25519(&mut os_rng()?);
    let node = Node::builder().listen("127.0.0.1:0").host_key(host).acl(acl).bert_rpc(bert.listen("127.0.0.1:0"));
    let node = node.bind().await?;
    let port = node.bert_addr()?.ok_or("an address")?.port();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(node.run(async { drop(stopped.await) }));
    Ok((port, stop))
}

/// A client of ours.
struct Connection {
    machine: Client,
    stream: TcpStream,
}

impl Connection {
    async fn to(address: &str) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address).await?;
        Ok(Self { machine: Client::new(ClientConfig::default()), stream })
    }

    async fn call(&mut self, call: &str, about: RequestInfo) -> Result<Result<Answer, AnswerError>, Failed> {
        let mut out = Vec::new();
        self.machine.call(&parse_call(call)?, about, &mut out)?;
        self.answer(&out).await
    }

    async fn cast(&mut self, call: &str, callback: &Callback) -> Result<Result<Answer, AnswerError>, Failed> {
        let mut out = Vec::new();
        self.machine.cast(&parse_call(call)?, Some(callback), &mut out)?;
        self.answer(&out).await
    }

    async fn answer(&mut self, request: &[u8]) -> Result<Result<Answer, AnswerError>, Failed> {
        self.stream.write_all(request).await?;
        let mut input = [0; 4096];
        loop {
            if let Some(answer) = self.machine.next_answer() {
                return Ok(answer);
            }
            match tokio::time::timeout(LIMIT, self.stream.read(&mut input)).await?? {
                0 => self.machine.end(),
                read => self.machine.receive(&input[..read])?,
            }
        }
    }
}

fn python_calls() -> Result<(), Failed> {
    block_on(async {
        let (port, _stop) = node(BertRpc::default(), Acl::allow_all()).await?;
        let mut child = Child::spawn(&mut peer(&["call", &port.to_string()]))?;
        // The node runs on other threads meanwhile.
        let printed = tokio::task::block_in_place(|| child.succeed(LIMIT))?;
        same(&String::from_utf8(printed)?, "all the same\n")
    })
}

fn calls_python() -> Result<(), Failed> {
    let (_child, service) = python_server()?;
    block_on(async {
        let mut client = Connection::to(&service).await?;
        for text in
            ["nil", "true", "#{<<\"k\">> => [1,{2.5,[]}]}", "-123456789012345678901", "<<0,255>>", "{bert,time,1,2,3}"]
        {
            let answer = client.call(&format!("m:echo({text})"), RequestInfo::default()).await?;
            same(&format!("{answer:?}"), &format!("{:?}", Ok::<_, ()>(Answer::from(parse_term(text)?))))?;
        }
        match client.call("m:fail()", RequestInfo::default()).await? {
            Err(AnswerError::Fault(fault)) if fault.kind == FaultKind::User => same(&fault.detail, "no such value"),
            other => Err(format!("no error of the user, but {other:?}").into()),
        }
    })
}

fn calls_back() -> Result<(), Failed> {
    let (mut child, service) = python_server()?;
    block_on(async {
        let allowed = BertRpc::default().allow_callbacks_to(&service);
        let (port, _stop) = node(allowed, Acl::allow_all()).await?;
        let mut client = Connection::to(&format!("127.0.0.1:{port}")).await?;
        let callback = Callback::new(&service, parse_call("calc:done(7)")?);
        let answer = client.cast("lists:sum([1,2,3])", &callback).await?;
        same(&format!("{answer:?}"), "Ok(NoReply)")?;
        // The cast goes on without its connection.
        drop(client);
        tokio::task::block_in_place(|| child.wait_for("cast calc done [7, 6]", LIMIT))
    })
}

fn no_callback() -> Result<(), Failed> {
    block_on(async {
        let allowed = BertRpc::default().allow_callbacks_to("127.0.0.1:9998");
        let (port, _stop) = node(allowed, Acl::allow_all()).await?;
        let mut client = Connection::to(&format!("127.0.0.1:{port}")).await?;
        let callback = Callback::new(format!("127.0.0.1:{port}"), parse_call("m:f()")?);
        match client.cast("lists:sum([1,2,3])", &callback).await? {
            Err(AnswerError::Fault(fault)) => {
                same(&fault.detail, &format!("this node calls nobody back at 127.0.0.1:{port}"))
            }
            other => Err(format!("no error, but {other:?}").into()),
        }
    })
}

fn caching() -> Result<(), Failed> {
    block_on(async {
        let keep = BertRpc::default().keep("lists", "seq", Keep::WhileTheSame { access: Access::Public }).keep(
            "lists",
            "sum",
            Keep::For { access: Access::Private, seconds: 60 },
        );
        let (port, _stop) = node(keep, Acl::allow_all()).await?;
        let mut client = Connection::to(&format!("127.0.0.1:{port}")).await?;
        let Ok(Answer::Value { value, caching: Some(caching), .. }) =
            client.call("lists:seq(1,3)", RequestInfo::default()).await?
        else {
            return Err("a value with a token".into());
        };
        same(&value.to_string(), "[1,2,3]")?;
        let sshrpc::bert::Freshness::Validates { token } = caching.freshness else { return Err("a token".into()) };
        let mut about = RequestInfo::default();
        about.condition = Some(token.clone());
        same(&format!("{:?}", client.call("lists:seq(1,3)", about.clone()).await?), "Ok(Valid)")?;
        let other = client.call("lists:seq(1,4)", about).await?;
        ensure_that(matches!(other, Ok(Answer::Value { caching: Some(_), .. })), &other)?;
        let kept = client.call("lists:sum([1])", RequestInfo::default()).await?;
        ensure_that(format!("{kept:?}").contains("Expires { seconds: 60 }"), &kept)?;
        let unsaid = client.call("lists:reverse([1])", RequestInfo::default()).await?;
        ensure_that(matches!(unsaid, Ok(Answer::Value { caching: None, .. })), &unsaid)
    })
}

fn denied() -> Result<(), Failed> {
    block_on(async {
        let (port, _stop) = node(BertRpc::default(), Acl::deny_all()).await?;
        let mut client = Connection::to(&format!("127.0.0.1:{port}")).await?;
        match client.call("lists:sum([1])", RequestInfo::default()).await? {
            Err(AnswerError::Fault(fault)) if fault.kind == FaultKind::Server => same(&fault.detail, "notsup"),
            other => Err(format!("no error of the server, but {other:?}").into()),
        }
    })
}

fn stops() -> Result<(), Failed> {
    block_on(async {
        let (port, stop) = node(BertRpc::default(), Acl::allow_all()).await?;
        let mut client = Connection::to(&format!("127.0.0.1:{port}")).await?;
        let answer = client.call("lists:sum([1,2])", RequestInfo::default()).await?;
        same(&format!("{answer:?}"), &format!("{:?}", Ok::<_, ()>(Answer::from(Term::from(3)))))?;
        drop(stop);
        let mut rest = Vec::new();
        tokio::time::timeout(LIMIT, client.stream.read_to_end(&mut rest)).await??;
        ensure_that(rest.is_empty(), &rest)
    })
}

fn erlang_calls(peers: &Peers) -> Result<(), Failed> {
    block_on(async {
        let (port, _stop) = node(BertRpc::default(), Acl::allow_all()).await?;
        let script = format!(
            "{{ok,S}} = gen_tcp:connect({{127,0,0,1}}, {port}, [binary, {{packet,4}}, {{active,false}}]),
             Read = fun() -> {{ok,B}} = gen_tcp:recv(S, 0, 20000), binary_to_term(B) end,
             Ask = fun(T) -> ok = gen_tcp:send(S, term_to_binary(T)), Read() end,
             Values = [Ask({{call,sshrpc,echo,[X]}}) || X <- [1.5, 'f\\x{{e9}}', \"ab\", #{{a => true}}, [], {{bert,nil}}]],
             Big = binary:copy(<<7>>, 1000000),
             ok = gen_tcp:send(S, term_to_binary({{info,stream,[]}})),
             ok = gen_tcp:send(S, term_to_binary({{call,erlang,size,[]}})),
             [ok = gen_tcp:send(S, C) || C <- [Big, Big, <<>>]],
             ok = io:setopts([{{encoding,unicode}}]),
             io:format(\"~0tp\", [{{Values, Read(), Ask({{cast,sshrpc,echo,[1]}}),
                                    Ask(binary_to_term(term_to_binary({{call,lists,seq,[1,3]}}))) }}]), halt()."
        );
        let mut erl = peers.command("erl");
        let done = tokio::task::block_in_place(|| Done::of(erl.args(["-noinput", "-eval", &script]), b""))?;
        ensure(done.code == Some(0), "an answer", &done)?;
        same(
            &done.stdout(),
            "{[{reply,1.5},{reply,fé},{reply,\"ab\"},{reply,{bert,dict,[{a,{bert,true}}]}},{reply,[]},{reply,{bert,nil}}],\
             {reply,2000000},{noreply},{reply,[1,2,3]}}",
        )
    })
}

/// The frames of `lists:seq(1,3)` and its reply, through `ssh -s`.
fn subsystem(peers: &Peers) -> Result<(), Failed> {
    let node = support::Node::start()?;
    let mut requests = Vec::new();
    Client::new(ClientConfig::default()).call(&parse_call("lists:seq(1,3)")?, RequestInfo::default(), &mut requests)?;
    let mut ssh = node.home.program(peers.path("ssh"));
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]);
    ssh.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentityAgent=none", "-i", &node.identity]);
    ssh.args(["-p", &node.port.to_string(), "-s", "127.0.0.1", "bert-rpc"]);
    let done = Done::of(&mut ssh, &requests)?;
    ensure(done.code == Some(0), "a reply", &done)?;
    let mut client = Client::new(ClientConfig::default());
    client.call(&parse_call("lists:seq(1,3)")?, RequestInfo::default(), &mut Vec::new())?;
    client.receive(&done.stdout)?;
    same(
        &format!("{:?}", client.next_answer()),
        &format!("{:?}", Some(Ok::<_, ()>(Answer::from(parse_term("[1,2,3]")?)))),
    )
}

fn other_machines() -> Result<(), Failed> {
    let home = Home::new()?;
    let host = home.key("host")?;
    let serve = ["serve", "--listen", "127.0.0.1:0", "--host-key", &host, "--bert"];
    home.run(&[&serve[..], &["0.0.0.0:0"]].concat())?.expect_error(
        8,
        "cannot listen on 0.0.0.0:0 for plain BERT-RPC: it is not an address of this machine alone",
        &["--bert 127.0.0.1:9999", "ssh -s HOST bert-rpc"],
    )?;
    let mut child = Child::spawn(&mut home.sshrpc(&[&serve[..], &["127.0.0.1:0"]].concat()))?;
    child.wait_for("for everybody on this machine", LIMIT)
}

fn same(found: &str, expected: &str) -> Result<(), Failed> {
    if found == expected { Ok(()) } else { Err(format!("expected {expected}\nfound    {found}").into()) }
}

fn ensure_that(holds: bool, found: &dyn std::fmt::Debug) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(format!("not {found:?}").into()) }
}

fn block_on<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
