//! `rpc` and `erpc`, live: what Erlang's functions give, ours give for the same. `docs/rpc.md` names what differs.

#[expect(dead_code, reason = "nothing is recorded here")]
#[path = "rpc_functions/cluster.rs"]
mod cluster;
#[expect(dead_code, reason = "its clients are logged in with the functions of these tests")]
mod pair;

use std::process::ExitCode;

use cluster::{Cluster, LIMIT, args, atom, term};
use peers::{Child, Failed, Peers};
use sshrpc::call::Call;
use sshrpc::erpc::{self, Exception, Timeout};
use sshrpc::rpc::{self, BadRpc, NamedNode};
use sshrpc::term::parse_call;
use sshrpc::{Client, Term};

fn main() -> ExitCode {
    peers::run(vec![
        peers::trial("the_functions_give_what_erlangs_give", &["erl"], same),
        peers::trial("erlang_has_the_functions_of_the_table", &["erl"], exported),
    ])
}

/// Calls that end in every way there is.
const CALLS: [&str; 12] = [
    "lists:sum([1,2])",
    "erlang:throw(ball)",
    "erlang:throw({'EXIT',ball})",
    "erlang:exit(x)",
    "erlang:exit({'EXIT',x})",
    "erlang:exit(normal)",
    "erlang:error(x)",
    "erlang:error({badmatch,{a,[b]}})",
    "erlang:'+'(1,a)",
    "lists:seq(1,a)",
    "nothing:here(1)",
    "lists:nothing()",
];

/// What it gives for each call by each function; a stack is written as Erlang has it.
const PROGRAM: &str = r#"
    Nodes = [node(), 'gone@test', node()],
    Erpc = fun(Call) -> try {ok, Call()} catch Class:Reason -> {Class, Reason} end end,
    Each = fun({M, F, A}) -> [
        rpc:call(node(), M, F, A),
        Erpc(fun() -> erpc:call(node(), M, F, A) end),
        rpc:multicall(Nodes, M, F, A),
        erpc:multicall(Nodes, M, F, A),
        rpc:block_call(node(), M, F, A),
        rpc:yield(rpc:async_call(node(), M, F, A)),
        rpc:nb_yield(rpc:async_call(node(), M, F, A), 60000),
        Erpc(fun() -> erpc:receive_response(erpc:send_request(node(), M, F, A)) end)
    ] end,
    Late = [
        rpc:call(node(), timer, sleep, [infinity], 20),
        Erpc(fun() -> erpc:call(node(), timer, sleep, [infinity], 20) end),
        rpc:multicall(Nodes, timer, sleep, [infinity], 20),
        erpc:multicall(Nodes, timer, sleep, [infinity], 20),
        rpc:nb_yield(rpc:async_call(node(), timer, sleep, [infinity]), 20),
        erpc:wait_response(erpc:send_request(node(), timer, sleep, [infinity]), 20)
    ],
    Print = fun(Term) -> io:format("~0tp~n", [Term]) end,
    lists:foreach(Print, lists:map(Each, CALLS)),
    Print(rpc:parallel_eval(CALLS)),
    Print(rpc:pmap({erlang, '-'}, [1], [3, 2, 1])),
    Print(Late),
    halt().
"#;

/// The lines that Erlang prints.
fn erlang(peers: &Peers, program: &str) -> Result<Vec<Term>, Failed> {
    let mut command = peers.command("erl");
    let mut child = Child::spawn(command.args(["-noshell", "-noinput", "-eval", program]))?;
    let lines = String::from_utf8(child.succeed(LIMIT)?)?;
    lines.lines().map(|line| line.parse().map_err(|error| format!("{line}: {error}").into())).collect()
}

fn same(peers: &Peers) -> Result<(), Failed> {
    let calls: Vec<Call> = CALLS.iter().map(|text| parse_call(text)).collect::<Result<_, _>>()?;
    let mfa =
        |call: &Call| Term::tuple([call.module.clone().into(), call.function.clone().into(), call.args.clone().into()]);
    let list = calls.iter().map(mfa).collect::<Term>().to_string();
    let theirs = erlang(peers, &PROGRAM.replace("CALLS", &list))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ours = runtime.block_on(ours(&calls));
    for (what, (theirs, ours)) in CALLS.iter().chain(&["parallel_eval", "pmap", "late"]).zip(theirs.iter().zip(&ours)) {
        let (theirs, ours) = (without_stacks(theirs), without_stacks(ours));
        if theirs != ours {
            return Err(format!("{what}\nErlang: {theirs}\nhere:   {ours}").into());
        }
    }
    if theirs.len() == ours.len() { Ok(()) } else { Err(format!("Erlang gave {theirs:?}").into()) }
}

async fn ours(calls: &[Call]) -> Vec<Term> {
    let one = Cluster::start(1).await;
    let client = one.client(0);
    let node = || NamedNode::new(atom("nonode@nohost"), client.clone());
    let nodes = [node(), NamedNode::down(atom("gone@test")), node()].into_iter().collect();
    let mut given = Vec::new();
    for call in calls {
        given.push(each(client, &nodes, call).await);
    }
    let evaluated = rpc::parallel_eval(&nodes, calls.iter().cloned()).await;
    given.push(evaluated.into_iter().map(of_rpc).collect());
    given.push(rpc::pmap(&nodes, "erlang", "-", &[1.into()], [3, 2, 1]).await.unwrap().into());
    given.push(late(client, &nodes).await);
    given
}

/// What each function gives for a call, as Erlang writes it.
async fn each(client: &Client, nodes: &rpc::Nodes, call: &Call) -> Term {
    let (m, f, a) = (call.module.as_str(), call.function.as_str(), || call.args.clone());
    let key = || rpc::async_call(client, m, f, a()).unwrap();
    let value = match rpc::nb_yield(key(), LIMIT).await {
        rpc::Yielded::Value(value) => Term::tuple([Term::atom("value"), of_rpc(value)]),
        _ => Term::atom("timeout"),
    };
    Term::list([
        of_rpc(rpc::call(client, m, f, a(), Timeout::Infinity).await),
        of_erpc(erpc::call(client, m, f, a(), Timeout::Infinity).await),
        of_multicall(rpc::multicall(nodes, m, f, a(), Timeout::Infinity).await),
        erpc::multicall(nodes, m, f, a(), Timeout::Infinity).await.unwrap().into_iter().map(of_erpc).collect(),
        of_rpc(rpc::block_call(client, m, f, a(), Timeout::Infinity).await),
        of_rpc(rpc::r#yield(key()).await),
        value,
        of_erpc(erpc::receive_response(erpc::send_request(client, m, f, a()).unwrap(), Timeout::Infinity).await),
    ])
}

/// What the functions give for what takes longer.
async fn late(client: &Client, nodes: &rpc::Nodes) -> Term {
    let (limit, forever) = (cluster::SHORT, || args("[infinity]"));
    let key = rpc::async_call(client, "timer", "sleep", forever()).unwrap();
    let yielded = match rpc::nb_yield(key, limit).await {
        rpc::Yielded::Timeout(_) => "timeout",
        _ => "value",
    };
    let request = erpc::send_request(client, "timer", "sleep", forever()).unwrap();
    let waited = match erpc::wait_response(request, limit).await {
        erpc::Checked::NoResponse(_) => "no_response",
        _ => "response",
    };
    Term::list([
        of_rpc(rpc::call(client, "timer", "sleep", forever(), limit).await),
        of_erpc(erpc::call(client, "timer", "sleep", forever(), limit).await),
        of_multicall(rpc::multicall(nodes, "timer", "sleep", forever(), limit).await),
        erpc::multicall(nodes, "timer", "sleep", forever(), limit).await.unwrap().into_iter().map(of_erpc).collect(),
        Term::atom(yielded),
        Term::atom(waited),
    ])
}

fn of_rpc(result: Result<Term, BadRpc>) -> Term {
    result.unwrap_or_else(|error| error.to_term())
}

fn of_erpc(result: Result<Term, Exception>) -> Term {
    result.map_or_else(|exception| exception.to_term(), |value| Term::tuple([Term::atom("ok"), value]))
}

type Multicall = Result<(Vec<Result<Term, BadRpc>>, Vec<sshrpc::term::Atom>), BadRpc>;

fn of_multicall(answer: Multicall) -> Term {
    let (results, bad_nodes) = answer.unwrap();
    Term::tuple([results.into_iter().map(of_rpc).collect(), bad_nodes.into()])
}

/// The same with `stack` for each stack: its functions are those of who executes.
fn without_stacks(term: &Term) -> Term {
    let is_frame = |term: &Term| matches!(term.as_tuple(), Some([Term::Atom(_), Term::Atom(_), _, Term::List(_)]));
    match term {
        Term::List(_) => match term.as_list() {
            Some(elements) if elements.len() > 0 && elements.clone().all(is_frame) => Term::atom("stack"),
            Some(elements) => elements.map(without_stacks).collect(),
            None => term.clone(),
        },
        Term::Tuple(tuple) => Term::tuple(tuple.as_slice().iter().map(without_stacks)),
        other => other.clone(),
    }
}

fn exported(peers: &Peers) -> Result<(), Failed> {
    let document = include_str!("../../docs/rpc.md");
    for module in ["rpc", "erpc"] {
        let program = format!("io:format(\"~0p~n\", [{module}:module_info(exports)]), halt().");
        let [exports] = &erlang(peers, &program)?[..] else { return Err("one line".into()) };
        let (_, section) = document.split_once(&format!("\n## {module}\n")).ok_or("a section")?;
        let rows = section.split("\n## ").next().unwrap_or_default().lines();
        for function in rows.filter_map(|line| line.strip_prefix("| `")?.split('`').next()) {
            let (name, arity) = function.split_once('/').ok_or("an arity")?;
            let entry = term(&format!("{{{name},{arity}}}"));
            if !exports.as_list().ok_or("a list")?.any(|export| *export == entry) {
                return Err(format!("Erlang has no {module}:{function}").into());
            }
        }
    }
    Ok(())
}
