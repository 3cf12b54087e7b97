//! Processes of the cluster and of ours: messages, monitors, links and exit signals both ways.

use std::sync::Arc;
use std::time::Duration;

use peers::{Failed, LIMIT, Peers, Trial};
use sshrpc::acl::Acl;
use sshrpc::audit::Audit;
use sshrpc::backend::{Backend, BeamDist, Functions};
use sshrpc::call::Failure;
use sshrpc::extended::Destination;
use sshrpc::process::{Called, GenServer, Mailbox, OpenMailbox, Processes, ReplyTo, SpawnOptions};
use sshrpc::term::{Atom, Pid, Term};

use crate::cluster::Cluster;
use crate::{ERL, becomes, block_on, context, evaluated, evaluation, same, shown};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_cluster_gets_messages_in_order", ERL, sends),
        peers::trial("a_cluster_sends_to_our_names_and_pids", ERL, receives),
        peers::trial("a_cluster_has_its_processes_watched", ERL, watches),
        peers::trial("a_cluster_watches_our_processes", ERL, watched),
        peers::trial("links_end_both_ways", ERL, links),
        peers::trial("links_are_removed_both_ways", ERL, unlinks),
        peers::trial("exit_signals_go_both_ways", ERL, exits),
        peers::trial("a_lost_connection_ends_links_and_monitors", ERL, lost),
        peers::trial("other_nodes_of_a_cluster_are_reached_when_needed", ERL, others),
        peers::trial("servers_are_called_both_ways", ERL, servers),
        peers::trial("a_cluster_pings_and_calls_us", ERL, called),
    ]
}

fn name(text: &str) -> Result<Atom, Failed> {
    Ok(Atom::new(text)?)
}

/// A process that waits to be told to exit: `{stop, Reason}`.
const WAITER: &str = "spawn(fun() -> receive {stop, Reason} -> exit(Reason) end end).";

async fn pid(shop: &BeamDist, expressions: &str, variables: &[(&str, Term)]) -> Result<Pid, Failed> {
    match evaluated(shop, expressions, variables).await? {
        Term::Pid(pid) => Ok(pid),
        other => Err(format!("{other} is no pid").into()),
    }
}

fn stop(reason: &str) -> Result<Term, Failed> {
    Ok(format!("{{stop,{reason}}}").parse()?)
}

async fn next(mailbox: &mut OpenMailbox) -> Result<Term, Failed> {
    Ok(tokio::time::timeout(LIMIT, mailbox.recv()).await??)
}

fn sends(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let code = "register(taker, self()), [receive {N, M} -> M end || N <- lists:seq(1, 300)].";
        let taken = shop.call(evaluation(&shop, code, &[]).await?, &context());
        becomes(&shop, "whereis(taker) =/= undefined.", "true").await?;
        let taker = Destination::Pid(pid(&shop, "whereis(taker).", &[]).await?);
        let by_name = Destination::Name(name("taker")?);
        let message = |number: i64| Term::tuple([number.into(), number.into()]);
        for number in 1..=300 {
            // By name and by pid, from outside and from a process of ours.
            match number % 3 {
                0 => drop(shop.send(&by_name, message(number), &context()).outcome().await?),
                1 => drop(shop.send(&taker, message(number), &context()).outcome().await?),
                _ => shop.processes().send(&taker, message(number))?,
            }
        }
        let outcome = shown(tokio::time::timeout(LIMIT, taken.outcome()).await?)?;
        let all: Vec<String> = (1..=300).map(|number| number.to_string()).collect();
        same(&outcome, &format!("{{value,[{}],[]}}", all.join(",")))?;
        // Nobody is there: nobody says so.
        same(&shown(shop.send(&Destination::Name(name("nobody")?), Term::NIL, &context()).outcome().await)?, "ok")?;
        same(&shown(shop.send(&taker, Term::NIL, &context()).outcome().await)?, "ok")
    })
}

fn receives(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let mut us = shop.processes().open_mailbox();
        shop.processes().register(name("us")?, us.pid())?;
        let code =
            "[begin {us, Node} ! {name, N}, Pid ! {pid, N} end || N <- lists:seq(1, 100)], {nobody, Node} ! lost.";
        let variables = [("Node", shop.processes().node().clone().into()), ("Pid", us.pid().clone().into())];
        same(&evaluated(&shop, code, &variables).await?.to_string(), "lost")?;
        for number in 1..=100 {
            same(&next(&mut us).await?.to_string(), &format!("{{name,{number}}}"))?;
            same(&next(&mut us).await?.to_string(), &format!("{{pid,{number}}}"))?;
        }
        // There and back, with what only Rust has made.
        let reference = shop.processes().make_ref();
        let echo = pid(&shop, "spawn(fun() -> receive {From, What} -> From ! {echo, What} end end).", &[]).await?;
        let message = Term::tuple([us.pid().clone().into(), reference.clone().into()]);
        shop.processes().send(&echo.into(), message)?;
        same(&next(&mut us).await?.to_string(), &format!("{{echo,{reference}}}"))
    })
}

fn watches(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let ended = async |watch: sshrpc::backend::Watch| -> Result<String, Failed> {
            Ok(tokio::time::timeout(LIMIT, watch).await?.to_string())
        };
        let nobody = shop.monitor(&Destination::Name(name("nobody")?), &context())?;
        same(&ended(nobody).await?, "noproc")?;
        let waiter = pid(&shop, WAITER, &[]).await?;
        let registered = [("Pid", waiter.clone().into())];
        evaluated(&shop, "register(waiter, Pid).", &registered).await?;
        let of = Destination::Pid(waiter.clone());
        let by_pid = shop.monitor(&of, &context())?;
        let by_name = shop.monitor(&Destination::Name(name("waiter")?), &context())?;
        let given_up = shop.monitor(&of, &context())?;
        let mut us = shop.processes().open_mailbox();
        let reference = us.mailbox().monitor(&of);
        let other = us.mailbox().monitor(&of);
        let watchers = "length(element(2, process_info(Pid, monitored_by))).";
        same(&evaluated(&shop, watchers, &registered).await?.to_string(), "5")?;
        drop(given_up);
        us.mailbox().demonitor(&other);
        same(&evaluated(&shop, watchers, &registered).await?.to_string(), "3")?;
        shop.processes().send(&of, stop("{shutdown,done}")?)?;
        same(&ended(by_pid).await?, "{shutdown,done}")?;
        same(&ended(by_name).await?, "{shutdown,done}")?;
        let down = format!("{{'DOWN',{reference},process,{waiter},{{shutdown,done}}}}");
        same(&next(&mut us).await?.to_string(), &down)?;
        // One that is gone.
        same(&ended(shop.monitor(&of, &context())?).await?, "noproc")
    })
}

fn watched(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let processes = shop.processes();
        let us = processes.open_mailbox();
        processes.register(name("us")?, us.pid())?;
        let node = Term::from(processes.node().clone());
        let variables = [("Pid", us.pid().clone().into()), ("Node", node.clone())];
        let code = "By = monitor(process, Pid), Named = monitor(process, {us, Node}), demonitor(monitor(process, Pid)),
            register(watcher, self()),
            [receive {'DOWN', R, process, What, Why} -> {What, Why} end || R <- [By, Named]].";
        let downs = shop.call(evaluation(&shop, code, &variables).await?, &context());
        becomes(&shop, "whereis(watcher) =/= undefined.", "true").await?;
        let monitored_by = || processes.info(us.pid()).map_or(0, |info| info.monitored_by.len());
        let watchers = async {
            while monitored_by() != 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, watchers).await?;
        let pid = us.pid().clone();
        us.close("{shutdown,done}".parse()?);
        let found = shown(tokio::time::timeout(LIMIT, downs.outcome()).await?)?;
        let expected = format!("{{value,[{{{pid},{{shutdown,done}}}},{{{{us,{node}}},{{shutdown,done}}}}],");
        if !found.starts_with(&expected) {
            return Err(format!("expected {expected}\nfound    {found}").into());
        }
        let code = "R = monitor(process, Pid), S = monitor(process, {us, Node}),
            [receive {'DOWN', M, process, _, Why} -> Why end || M <- [R, S]].";
        same(&evaluated(&shop, code, &variables).await?.to_string(), "[noproc,noproc]")
    })
}

/// A process there that traps exits, links to ours, and tells what it receives.
const TRAPPER: &str = "spawn(fun() ->
    process_flag(trap_exit, true), link(Us), Us ! linked,
    receive {'EXIT', Us, Why} -> Teller ! {seen, Why} end
end).";

fn links(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let mut teller = shop.processes().open_mailbox();
        // Theirs ends: ours is told, or ends as well.
        let mut us = shop.processes().open_mailbox();
        let waiter = pid(&shop, WAITER, &[]).await?;
        us.link(&waiter);
        shop.processes().send(&waiter.clone().into(), stop("bye")?)?;
        same(&next(&mut us).await?.to_string(), &format!("{{'EXIT',{waiter},bye}}"))?;
        us.link(&waiter);
        same(&next(&mut us).await?.to_string(), &format!("{{'EXIT',{waiter},noproc}}"))?;
        let waiter = pid(&shop, WAITER, &[]).await?;
        let ours = shop.processes().spawn(|_mailbox| core::future::pending());
        shop.processes().link(&ours, &waiter);
        let end = shop.processes().monitor(&ours.into());
        shop.processes().send(&waiter.into(), stop("{together,1}")?)?;
        same(&tokio::time::timeout(LIMIT, end).await?.to_string(), "{together,1}")?;
        // Ours ends, which the other end had linked.
        let variables = [("Us", us.pid().clone().into()), ("Teller", teller.pid().clone().into())];
        pid(&shop, TRAPPER, &variables).await?;
        same(&next(&mut us).await?.to_string(), "linked")?;
        us.close("{ours,[1]}".parse()?);
        same(&next(&mut teller).await?.to_string(), "{seen,{ours,[1]}}")?;
        pid(&shop, TRAPPER, &variables).await?;
        same(&next(&mut teller).await?.to_string(), "{seen,noproc}")
    })
}

fn unlinks(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let mut us = shop.processes().open_mailbox();
        // By us, and linked again, which counts although the first end of it is still on its way.
        let waiter = pid(&shop, WAITER, &[]).await?;
        us.link(&waiter);
        us.unlink(&waiter);
        let watched = us.mailbox().monitor(&waiter.clone().into());
        shop.processes().send(&waiter.clone().into(), stop("bye")?)?;
        same(&next(&mut us).await?.to_string(), &format!("{{'DOWN',{watched},process,{waiter},bye}}"))?;
        let waiter = pid(&shop, WAITER, &[]).await?;
        us.link(&waiter);
        us.unlink(&waiter);
        us.link(&waiter);
        shop.processes().send(&waiter.clone().into(), stop("again")?)?;
        same(&next(&mut us).await?.to_string(), &format!("{{'EXIT',{waiter},again}}"))?;
        // By the other end: the acknowledgement lets it go on, and its own end means nothing to us.
        let code =
            "spawn(fun() -> link(Us), unlink(Us), Us ! {unlinked, self()}, receive {stop, Why} -> exit(Why) end end).";
        let waiter = pid(&shop, code, &[("Us", us.pid().clone().into())]).await?;
        same(&next(&mut us).await?.to_string(), &format!("{{unlinked,{waiter}}}"))?;
        let info = shop.processes().info(us.pid()).ok_or("alive")?;
        same(&format!("{:?}", info.links), "[]")?;
        let watched = us.mailbox().monitor(&waiter.clone().into());
        shop.processes().send(&waiter.clone().into(), stop("bye")?)?;
        same(&next(&mut us).await?.to_string(), &format!("{{'DOWN',{watched},process,{waiter},bye}}"))
    })
}

fn exits(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let processes = shop.processes();
        let mut us = processes.open_mailbox();
        for (reason, seen) in [("{because,1}", "{because,1}"), ("kill", "killed")] {
            let waiter = pid(&shop, WAITER, &[]).await?;
            let end = processes.monitor(&waiter.clone().into());
            us.exit(&waiter, reason.parse()?);
            same(&tokio::time::timeout(LIMIT, end).await?.to_string(), seen)?;
        }
        let ours = processes.spawn(|_mailbox| core::future::pending());
        let end = processes.monitor(&ours.clone().into());
        let variables = [("Ours", ours.into()), ("Us", us.pid().clone().into())];
        evaluated(&shop, "exit(Ours, {by, them}), exit(Us, trapped).", &variables).await?;
        same(&tokio::time::timeout(LIMIT, end).await?.to_string(), "{by,them}")?;
        let trapped = next(&mut us).await?.to_string();
        if trapped.starts_with("{'EXIT',<") && trapped.ends_with(",trapped}") { Ok(()) } else { Err(trapped.into()) }
    })
}

fn lost(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let erl = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let mut us = shop.processes().open_mailbox();
        let waiter = pid(&shop, WAITER, &[]).await?;
        us.link(&waiter);
        let reference = us.mailbox().monitor(&waiter.clone().into());
        // The other end watches, too, and is forgotten.
        evaluated(
            &shop,
            "spawn(fun() -> monitor(process, Us), link(Us), Us ! here, receive never -> ok end end).",
            &[("Us", us.pid().clone().into())],
        )
        .await?;
        same(&next(&mut us).await?.to_string(), "here")?;
        crate::cluster::signal(&erl, "KILL")?;
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(next(&mut us).await?.to_string());
        }
        for message in [
            format!("{{'EXIT',{waiter},noconnection}}"),
            format!("{{'DOWN',{reference},process,{waiter},noconnection}}"),
        ] {
            if !seen.contains(&message) {
                return Err(format!("expected {message}\nfound    {seen:?}").into());
            }
        }
        let info = shop.processes().info(us.pid()).ok_or("alive")?;
        same(&format!("{:?} {:?} {:?}", info.links, info.monitors, info.monitored_by), "[] [] []")?;
        // As one of a node that was never connected.
        us.link(&waiter);
        same(&next(&mut us).await?.to_string(), &format!("{{'EXIT',{waiter},noconnection}}"))
    })
}

/// A node that was not named to us, by a pid that the first one tells.
fn others(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    let store = cluster.node("store", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let code = "rpc:call('store@127.0.0.1', erlang, spawn, [fun() -> register(keeper, self()),
            receive {From, What} -> From ! {echo, What, self()} end, receive {stop, Why} -> exit(Why) end end]).";
        let keeper = pid(&shop, code, &[]).await?;
        same(keeper.node().as_str(), "store@127.0.0.1")?;
        let nodes = "rpc:call('store@127.0.0.1', erlang, nodes, [hidden]).";
        same(&evaluated(&shop, nodes, &[]).await?.to_string(), "[]")?;
        let mut us = shop.processes().open_mailbox();
        // In this order, while the connection is still being made.
        us.link(&keeper);
        let hello = Term::tuple([us.pid().clone().into(), Term::atom("hello")]);
        same(&shown(shop.send(&keeper.clone().into(), hello, &context()).outcome().await)?, "ok")?;
        let watch = shop.monitor(&keeper.clone().into(), &context())?;
        same(&next(&mut us).await?.to_string(), &format!("{{echo,hello,{keeper}}}"))?;
        same(&evaluated(&shop, nodes, &[]).await?.to_string(), &format!("[{}]", shop.processes().node()))?;
        shop.processes().send(&keeper.clone().into(), stop("done")?)?;
        same(&tokio::time::timeout(LIMIT, watch).await?.to_string(), "done")?;
        same(&next(&mut us).await?.to_string(), &format!("{{'EXIT',{keeper},done}}"))?;
        // Gone, and what waits for it with it; the first node is still there.
        let init = pid(&shop, "rpc:call('store@127.0.0.1', erlang, whereis, [init]).", &[]).await?;
        let watch = shop.monitor(&init.clone().into(), &context())?;
        drop(store);
        same(&tokio::time::timeout(LIMIT, watch).await?.to_string(), "noconnection")?;
        let again = shop.monitor(&init.into(), &context())?;
        same(&tokio::time::timeout(LIMIT, again).await?.to_string(), "noconnection")?;
        // One on another machine is not dialled.
        let far = Pid::new(name("store@192.0.2.1")?, 1, 0, 1);
        let watch = shop.monitor(&far.clone().into(), &context())?;
        same(&tokio::time::timeout(LIMIT, watch).await?.to_string(), "noconnection")?;
        let sent = shown(shop.send(&far.into(), Term::NIL, &context()).outcome().await)?;
        same(&sent, "Error {'EXIT',{{erpc,noconnection},[]}}")?;
        same(&evaluated(&shop, "abs(-1).", &[]).await?.to_string(), "1")
    })
}

struct Counter(u64);

impl GenServer for Counter {
    async fn handle_call(&mut self, request: Term, _from: ReplyTo, _me: &Mailbox) -> Result<Called, Failure> {
        self.0 += request.as_u64().ok_or(Failure::of("badarg"))?;
        Ok(Called::Reply(self.0.into()))
    }
}

fn servers(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let processes = shop.processes();
        let counter = processes.start_server(Counter(0), SpawnOptions::new().name(name("counter")?))?;
        let variables = [("Node", processes.node().clone().into()), ("Pid", counter.into())];
        let code = "lists:last([gen_server:call({counter, Node}, N) || N <- lists:seq(1, 100)])
            + gen_server:call(Pid, 0, infinity).";
        let counted = evaluated(&shop, code, &variables).await?;
        same(&counted.to_string(), "10100")?;
        // One that fails says so, and is gone.
        let code = "catch gen_server:call({counter, Node}, what).";
        let failed = evaluated(&shop, code, &variables).await?.to_string();
        if !failed.starts_with("{'EXIT',{{badarg,[]},{gen_server,call,[") {
            return Err(failed.into());
        }
        let code = "element(1, element(2, catch gen_server:call({counter, Node}, 1))).";
        same(&evaluated(&shop, code, &variables).await?.to_string(), "noproc")?;
        // Ours calls one of theirs: the server of error_logger's successor, by its pid.
        let server = pid(&shop, "whereis(kernel_sup).", &[]).await?;
        let children = processes.gen_call(&server.into(), Term::atom("count_children"), Some(LIMIT)).await;
        let children = children?.to_string();
        if children.starts_with("[{specs,") { Ok(()) } else { Err(children.into()) }
    })
}

/// Functions that the cluster may call, and one that it may not.
fn functions() -> Functions {
    let mut functions = Functions::with_builtins();
    functions.add("shop", "double", |x: i64| x * 2);
    functions.register("shop", "fail", 1, |args, _context| match args {
        [class] if class.is_atom("throw") => Err(Failure::throw(Term::atom("ball"))),
        [class] if class.is_atom("exit") => Err(Failure::exit(Term::atom("bye"))),
        _ => Err(Failure::of("badarith")),
    });
    functions.register_async("shop", "never", 0, |_args, _context| core::future::pending());
    functions.register("shop", "who", 0, |_args, context| Ok(Term::from(context.caller().user.as_str())));
    functions
}

fn called(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let processes = Processes::new(name("us@127.0.0.1")?);
        let joining = cluster.joining("shop")?.processes(processes);
        let shop = joining.serve(Arc::new(functions()), Acl::default(), Audit::off()).start().await?;
        for (code, expected) in [
            ("net_adm:ping(N).", "pong"),
            ("rpc:call(N, shop, double, [21]).", "42"),
            ("erpc:call(N, shop, double, [21]).", "42"),
            ("rpc:block_call(N, shop, double, [21]).", "42"),
            ("rpc:call(N, shop, who, []).", "\"shop@127.0.0.1\""),
            ("rpc:call(N, erlang, node, []).", "'us@127.0.0.1'"),
            ("rpc:call(N, nomod, f, [1]).", "{badrpc,{'EXIT',{undef,[{nomod,f,[1],[]}]}}}"),
            ("rpc:block_call(N, nomod, f, [1]).", "{badrpc,{'EXIT',{undef,[{nomod,f,[1],[]}]}}}"),
            ("rpc:multicall([N, node()], lists, sum, [[1,2]]).", "{[3,3],[]}"),
            ("rpc:sbcast([N], nobody, hello).", "{[],['us@127.0.0.1']}"),
            ("rpc:cast(N, shop, double, [21]).", "true"),
            ("erpc:cast(N, shop, double, [21]).", "ok"),
            ("try erpc:call(N, shop, fail, [throw]) catch C:R -> {C, R} end.", "{throw,ball}"),
            ("try erpc:call(N, shop, fail, [exit]) catch C:R -> {C, R} end.", "{exit,{exception,bye}}"),
            (
                "try erpc:call(N, shop, fail, [error]) catch C:R -> {C, R} end.",
                "{error,{exception,badarith,[{shop,fail,1,[]}]}}",
            ),
            ("try erpc:call(N, shop, never, [], 20) catch C:R -> {C, R} end.", "{error,{erpc,timeout}}"),
            ("catch spawn(N, shop, double, [21]), receive after 0 -> ok end.", "ok"),
            (
                "try erlang:spawn_request(N, shop, double, [1], []) of R -> receive {spawn_reply, R, E, W} -> {E, W} end catch _:W -> W end.",
                "{error,notsup}",
            ),
            ("catch gen_server:call({net_kernel, N}, {what, ever}).", "{error,notsup}"),
            ("length([X || X <- erpc:multicall(lists:duplicate(200, N), shop, double, [1]), X =:= {ok, 2}]).", "200"),
        ] {
            let variables = [("N", shop.processes().node().clone().into())];
            let found = evaluated(&shop, code, &variables).await?;
            same(&format!("{code} {found}"), &format!("{code} {expected}"))?;
        }
        // Without an executor nothing is called, and who asks is told.
        let deaf = cluster.joining("shop")?.start().await?;
        let variables = [("N", deaf.processes().node().clone().into())];
        same(&evaluated(&deaf, "rpc:call(N, shop, double, [21]).", &variables).await?.to_string(), "{badrpc,notsup}")?;
        same(
            &evaluated(&deaf, "rpc:block_call(N, shop, double, [21]).", &variables).await?.to_string(),
            "{badrpc,notsup}",
        )
    })
}
