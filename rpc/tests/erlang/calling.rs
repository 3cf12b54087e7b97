//! Erlang calls our node.

use peers::{Child, Failed, Peers, Trial};

use crate::support::{Done, Home, ensure, listening};
use crate::{ERLANG, compile, only, rsa_key, same, script};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("erlang_calls_by_subsystem", ERLANG, subsystem),
        peers::trial("erlang_calls_by_shell", ERLANG, shell),
        peers::trial("erlang_calls_by_exec", ERLANG, exec),
        peers::trial("erlang_has_many_calls_in_flight", ERLANG, pipelined),
        peers::trial("erlang_gets_64_mib", ERLANG, large),
        peers::trial("erlang_sends_what_is_no_call", ERLANG, garbage),
        peers::trial("erlang_calls_by_the_algorithms_of_2009", ERLANG, algorithms),
    ]
}

/// A node of ours that offers everything, and a user of Erlang's whom it lets in.
struct Node {
    home: Home,
    modules: String,
    port: u16,
    _child: Child,
}

impl Node {
    fn start() -> Result<Self, Failed> {
        let home = Home::new()?;
        let modules = compile(&home)?.to_string_lossy().into_owned();
        let (host, user) = (rsa_key(&home, "host")?, rsa_key(&home, "id_rsa")?);
        let child = Child::spawn(&mut home.sshrpc(&[
            "serve",
            "--json",
            "--tier",
            "legacy",
            "--listen",
            "127.0.0.1:0",
            "--host-key",
            &host,
            "--authorized-keys",
            &format!("{user}.pub"),
        ]))?;
        let (child, port) = listening(child)?;
        Ok(Self { home, modules, port, _child: child })
    }

    /// What Erlang prints as the value of `expression`, in which `Cm` is the connection.
    fn value(&self, options: &str, expression: &str) -> Result<String, Failed> {
        let mut escript = self.home.program("escript");
        escript.arg(script("client.escript")).arg(&self.modules).arg(self.port.to_string());
        let done = Done::of(escript.arg(self.home.path("")).arg(options).arg(expression), b"")?;
        ensure(done.code == Some(0), "a value", &done)?;
        Ok(done.stdout().trim_end().to_owned())
    }

    /// The same for several calls of one channel, in Erlang's syntax.
    fn expect(&self, options: &str, open: &str, calls: &[(&str, &str)]) -> Result<(), Failed> {
        let mfas: Vec<&str> = calls.iter().map(|(mfa, _)| *mfa).collect();
        let results: Vec<&str> = calls.iter().map(|(_, result)| *result).collect();
        let expression =
            format!("{{ok,S}} = rpc_peer_client:{open}(Cm), [rpc_peer_client:call(S, X) || X <- [{}]]", mfas.join(","));
        same(&self.value(options, &expression)?, &format!("[{}]", results.join(",")))
    }
}

fn subsystem(_: &Peers) -> Result<(), Failed> {
    Node::start()?.expect("[]", "open", ANSWERS)
}

fn shell(_: &Peers) -> Result<(), Failed> {
    Node::start()?.expect("[]", "open_shell", ANSWERS)
}

/// Values, and every kind of failure, as the original answers them.
const ANSWERS: &[(&str, &str)] = &[
    ("{lists,reverse,[[1,2,3]]}", "{ok,[3,2,1]}"),
    ("{lists,seq,[1,5]}", "{ok,[1,2,3,4,5]}"),
    ("{sshrpc,echo,[{a,\"b\",<<\"c\">>,#{d => 1.5},[]}]}", "{ok,{a,\"b\",<<\"c\">>,#{d => 1.5},[]}}"),
    ("{erlang,'/',[1,0]}", "{error,{exec_badrpc,{'EXIT',{badarith,[{erlang,'/',2,[]}]}}}}"),
    ("{erlang,exit,[foo]}", "{error,{exec_badrpc,{'EXIT',foo}}}"),
    ("{erlang,throw,[foo]}", "{ok,foo}"),
    ("{nomod,f,[]}", "{error,{exec_badrpc,{'EXIT',{undef,[{nomod,f,[],[]}]}}}}"),
];

fn exec(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let expression = "[rpc_peer_client:exec(Cm, X) || X <- [\"lists:seq(1,3).\", \"{mfa,{lists,seq,[1,3]}}\", \
                      \"erlang:throw(foo).\", \"erlang:exit(foo).\"]]";
    let failed = "{{answer,{{exec_badrpc,{'EXIT',foo}},-1}},4294967295}";
    same(
        &node.value("[]", expression)?,
        &format!("[{{{{answer,{{[1,2,3],0}}}},0}},{{{{answer,{{[1,2,3],0}}}},0}},{{{{answer,{{foo,0}}}},0}},{failed}]"),
    )
}

fn pipelined(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    for open in ["open", "open_shell"] {
        let expression = format!(
            "{{ok,S}} = rpc_peer_client:{open}(Cm), N = 2000,
             R = rpc_peer_client:pipeline(S, [{{sshrpc,echo,[X]}} || X <- lists:seq(1, N)], 60000),
             R =:= [{{ok,X}} || X <- lists:seq(1, N)]"
        );
        same(&node.value("[]", &expression)?, "true")?;
    }
    Ok(())
}

fn large(_: &Peers) -> Result<(), Failed> {
    let expression = "{ok,S} = rpc_peer_client:open(Cm), Big = binary:copy(<<\"y\">>, 16*1024*1024),
         {ok, B} = rpc_peer_client:call(S, {binary,copy,[<<\"x\">>,64*1024*1024]}, 60000),
         {B =:= binary:copy(<<\"x\">>, 64*1024*1024), rpc_peer_client:call(S, {erlang,size,[Big]}, 60000)}";
    same(&Node::start()?.value("[]", expression)?, "{true,{ok,16777216}}")
}

/// What is no call is answered, and what is no term as well; a frame that is longer than any ends its channel alone.
fn garbage(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let unknown = "{ok,S} = rpc_peer_client:open(Cm), B = term_to_binary({foo,1}),
         {data,_,0,<<_:32,R/binary>>} = rpc_peer_client:raw(S, <<(size(B)):32,B/binary>>, 10000), binary_to_term(R)";
    same(&node.value("[]", unknown)?, "{answer,{{exec_error,{foo,1}},-1}}")?;
    let compressed = "{ok,S} = rpc_peer_client:open(Cm),
         B = term_to_binary({mfa,{erlang,length,[lists:duplicate(10000,a)]}}, [compressed]),
         {data,_,0,<<_:32,R/binary>>} = rpc_peer_client:raw(S, <<(size(B)):32,B/binary>>, 10000), binary_to_term(R)";
    same(&node.value("[]", compressed)?, "{answer,{10000,0}}")?;
    let pieces = "{ok,{Cm,Ch,_} = S} = rpc_peer_client:open(Cm), B = term_to_binary({mfa,{lists,seq,[1,5]}}),
         [ok = ssh_connection:send(Cm, Ch, <<Byte>>) || <<Byte>> <= <<(size(B)):32,B/binary>>],
         {data,_,0,<<_:32,R/binary>>} = rpc_peer_client:raw(S, <<>>, 10000), binary_to_term(R)";
    same(&node.value("[]", pieces)?, "{answer,{[1,2,3,4,5],0}}")?;
    let nonsense = "{ok,S} = rpc_peer_client:open(Cm),
         {data,_,0,<<_:32,R/binary>>} = rpc_peer_client:raw(S, <<0,0,0,3,1,2,3>>, 10000),
         {binary_to_term(R), rpc_peer_client:call(S, {lists,seq,[1,3]})}";
    same(&node.value("[]", nonsense)?, "{{answer,{{exec_error,badarg},-1}},{ok,[1,2,3]}}")?;
    let endless = "{ok,{_,Ch,_} = S} = rpc_peer_client:open(Cm),
         Wait = fun Wait({closed,C}) when C =:= Ch -> closed;
                    Wait(timeout) -> timeout;
                    Wait(_) -> Wait(receive {ssh_cm,_,M} -> M after 10000 -> timeout end) end,
         First = rpc_peer_client:raw(S, <<255,255,255,255,131>>, 10000),
         {ok,S2} = rpc_peer_client:open(Cm), {Wait(First), rpc_peer_client:call(S2, {lists,seq,[1,3]})}";
    same(&node.value("[]", endless)?, "{closed,{ok,[1,2,3]}}")
}

/// Those of the paper, and what came after; a server of ours has no group 1.
fn algorithms(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    for (kex, host_key) in [
        ("diffie-hellman-group14-sha1", "ssh-rsa"),
        ("diffie-hellman-group14-sha256", "rsa-sha2-256"),
        ("curve25519-sha256", "rsa-sha2-512"),
    ] {
        for cipher in ["aes128-cbc", "aes128-ctr"] {
            for mac in ["hmac-sha1", "hmac-sha2-256"] {
                let options = only(kex, host_key, cipher, mac);
                node.expect(&options, "open", &ANSWERS[..1])?;
            }
        }
    }
    Ok(())
}
