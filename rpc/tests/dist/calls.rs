//! Calls that a node of the cluster executes.

use std::time::Duration;

use peers::{Failed, LIMIT, Peers, Trial};
use sshrpc::backend::{Backend, BeamDist};
use sshrpc::call::Success;
use sshrpc::term::Term;

use crate::cluster::Cluster;
use crate::{ERL, applied, becomes, block_on, call, context, evaluated, evaluation, same, shown, value};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_cluster_returns_values_of_every_kind", ERL, values),
        peers::trial("a_cluster_fails_with_class_and_stack", ERL, failures),
        peers::trial("a_cluster_executes_1000_calls_at_once", ERL, concurrency),
        peers::trial("a_cluster_kills_what_is_cancelled", ERL, cancel),
        peers::trial("a_cluster_keeps_the_deadline", ERL, deadline),
        peers::trial("a_cluster_takes_and_gives_16_mib", ERL, large),
        peers::trial("a_cluster_gives_no_more_than_may_be", ERL, too_large),
        peers::trial("what_a_called_function_prints_is_seen_where_it_runs", ERL, output),
    ]
}

fn values(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        for term in [
            "ok",
            "'an atom'",
            "'\u{e4}\u{4e2d}'",
            "-1",
            "123456789012345678901234567890",
            "1.5",
            "\"text\"",
            "[1000,a|tail]",
            "<<\"bytes\">>",
            "<<5:3>>",
            "{}",
            "#{a => {1,[]},\"b\" => #{}}",
            "fun lists:map/2",
        ] {
            same(&value(&shop, &format!("lists:last([[{term}]])")).await?, &format!("[{term}]"))?;
        }
        same(&value(&shop, "erlang:node()").await?, "'shop@127.0.0.1'")?;
        // What only a BEAM has, and knows again: the process that evaluates this among it.
        let made = evaluated(&shop, "X = 1, {self(), make_ref(), hd(erlang:ports()), fun() -> X end}.", &[]).await?;
        same(&applied(&shop, "lists", "last", [Term::list([made.clone()])]).await?.to_string(), &made.to_string())?;
        let kinds = made.as_tuple().ok_or("a tuple")?.iter().zip(["is_pid", "is_reference", "is_port", "is_function"]);
        for (term, kind) in kinds {
            same(&applied(&shop, "erlang", kind, [term.clone()]).await?.to_string(), "true")?;
        }
        // Ours is a hidden node.
        let us = shop.processes().node().to_string();
        same(&value(&shop, "erlang:nodes(hidden)").await?, &format!("[{us}]"))?;
        same(&value(&shop, "erlang:nodes()").await?, "[]")
    })
}

fn failures(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        for (call, expected) in [
            ("erlang:throw(foo)", "Throw foo"),
            ("erlang:exit(foo)", "Exit {'EXIT',foo}"),
            ("erlang:'/'(1,0)", "Error {'EXIT',{badarith,[{erlang,'/',[1,0],"),
            ("nomod:f(1)", "Error {'EXIT',{undef,[{nomod,f,[1],[]}]}}"),
            ("lists:nothing()", "Error {'EXIT',{undef,[{lists,nothing,[],[]}]}}"),
            ("lists:map(fun erlang:abs/1,[x])", "Error {'EXIT',{badarg,[{erlang,abs,[x],"),
        ] {
            let found = value(&shop, call).await?;
            if !found.starts_with(expected) || found.contains("erpc") {
                return Err(format!("expected {expected}\nfound    {found}").into());
            }
        }
        for (signal, expected) in [("kill", "killed"), ("{shutdown,now}", "{shutdown,now}")] {
            let code = format!("exit(self(), {signal}), receive never -> ok end.");
            let call = evaluation(&shop, &code, &[]).await?;
            let outcome = tokio::time::timeout(LIMIT, shop.call(call, &context()).outcome()).await?;
            same(&shown(outcome)?, &format!("Exit {{'EXIT',{expected}}}"))?;
        }
        Ok(())
    })
}

/// What was called first never ends, and delays none of the others.
fn concurrency(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let code = "receive go -> ok end.";
        let mut waiting = std::pin::pin!(shop.call(evaluation(&shop, code, &[]).await?, &context()).outcome());
        let mut begun = Vec::new();
        for number in 0..1000 {
            begun.push((number, shop.call(call(&format!("erlang:abs(-{number})"))?, &context())));
        }
        let others = async {
            for (number, execution) in begun {
                same(&shown(execution.outcome().await)?, &number.to_string())?;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            ended = &mut waiting => Err(format!("ended: {ended:?}").into()),
            done = tokio::time::timeout(LIMIT, others) => done?,
        }
    })
}

/// Its process has the name `sleeper`, and never ends by itself.
const SLEEPER: &str = "register(sleeper, self()), receive never -> ok end.";

fn cancel(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let sleeping = shop.call(evaluation(&shop, SLEEPER, &[]).await?, &context());
        let is_there = "whereis(sleeper) =/= undefined.";
        becomes(&shop, is_there, "true").await?;
        drop(sleeping);
        becomes(&shop, is_there, "false").await?;
        // Before the other node has said that it is started at all.
        let marked = "register(marked, spawn(fun() -> receive never -> ok end end)), link(whereis(marked)), receive never -> ok end.";
        drop(shop.call(evaluation(&shop, marked, &[]).await?, &context()));
        becomes(&shop, "whereis(marked) =/= undefined.", "false").await
    })
}

fn deadline(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let call = evaluation(&shop, SLEEPER, &[]).await?;
        let soon = tokio::time::Instant::now() + Duration::from_millis(20);
        let context = context().with_deadline(soon.into_std());
        let outcome = tokio::time::timeout(LIMIT, shop.call(call, &context).outcome()).await?;
        same(&shown(outcome)?, "Error {'EXIT',{{erpc,timeout},[]}}")?;
        becomes(&shop, "whereis(sleeper) =/= undefined.", "false").await
    })
}

fn large(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let octets: Vec<u8> = (0..16_u32 << 20).map(|index| (index % 251) as u8).collect();
        let sent = Term::binary(octets);
        let came = applied(&shop, "erlang", "list_to_tuple", [Term::list([sent.clone()])]).await?;
        if came == Term::tuple([sent]) { Ok(()) } else { Err("other octets came back".into()) }
    })
}

fn too_large(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let mut bounds = sshrpc::backend::beam::Bounds::default();
        bounds.terms.max_bytes = 1 << 20;
        bounds.terms.max_nodes = 1 << 10;
        bounds.pending = 1 << 20;
        let shop: BeamDist = cluster.joining("shop")?.bounds(bounds).start().await?;
        let beyond = "Error {'EXIT',{{erpc,system_limit},[]}}";
        // Longer than a frame may be, longer than a term may be, and of more terms than may be.
        for call in ["binary:copy(<<1>>,4194304)", "binary:copy(<<1>>,1048576)", "lists:seq(1000,3000)"] {
            same(&value(&shop, call).await?, beyond)?;
        }
        let args = [Term::binary(vec![0; 2 << 20])];
        let asked = sshrpc::call::Call::new("erlang".try_into()?, "byte_size".try_into()?, args.to_vec());
        same(&shown(shop.call(asked, &context()).outcome().await)?, beyond)?;
        let outcome =
            tokio::time::timeout(LIMIT, shop.call(call("erlang:byte_size(<<1,2,3>>)")?, &context()).outcome());
        match outcome.await? {
            Ok(Success::Value(value)) => same(&value.to_string(), "3"),
            other => Err(format!("{other:?}").into()),
        }
    })
}

fn output(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let mut erl = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        same(&value(&shop, "io:format(\"~s ~p~n\",[\"seen\",{by,the,cluster}])").await?, "ok")?;
        erl.wait_for("seen {by,the,cluster}", LIMIT)
    })
}
