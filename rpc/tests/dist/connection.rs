//! Connections that do not come about, that end, and that come again.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use peers::{Failed, LIMIT, Peers, Trial};
use sshrpc::backend::Backend;
use sshrpc::backend::dist::{BeamDist, Cookie, CookieError, DistProblem, EpmdError, HandshakeError};
use sshrpc::extended::Destination;
use sshrpc::process::Processes;
use sshrpc::term::Atom;

use crate::cluster::{Cluster, signal, write_cookie};
use crate::{ERL, becomes, block_on, call, context, evaluated, same, shown, value};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_node_that_cannot_be_joined_says_why", ERL, refused),
        peers::trial("a_cookie_is_its_owners_alone", &[], cookie),
        peers::trial("a_fixed_port_needs_no_port_mapper", ERL, fixed_port),
        peers::trial("a_killed_node_ends_what_is_under_way_and_is_joined_again", ERL, killed),
        peers::trial("a_node_that_falls_silent_is_gone", ERL, silent),
        peers::trial("ticks_keep_an_idle_connection", ERL, ticks),
        peers::trial("a_name_that_is_taken_over_goes_on", ERL, again),
    ]
}

const GONE: &str = "Error {'EXIT',{{erpc,noconnection},[]}}";

fn refused(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let allow = "net_kernel:allow(['other@127.0.0.1']).";
    let _shop = cluster.node("shop", &[])?;
    let _strict = cluster.node("strict", &["-eval", allow])?;
    block_on(async {
        let wrong = Cookie::new(b"another_cookie")?;
        let error = BeamDist::builder("shop@127.0.0.1".parse()?, wrong).epmd_port(cluster.epmd_port).start().await;
        let error = error.expect_err("not joined");
        same(&error.to_string(), "cannot connect to the node shop@127.0.0.1: the cookies differ")?;
        let problem = |error: sshrpc::backend::dist::DistError| format!("{:?}", error.problem);
        let strict = cluster.joining("strict")?.start().await.expect_err("not joined");
        same(&problem(strict), &format!("{:?}", DistProblem::Handshake(HandshakeError::NotAllowed)))?;
        let nobody = cluster.joining("nobody")?.start().await.expect_err("not joined");
        same(&problem(nobody), &format!("{:?}", DistProblem::Epmd(EpmdError::NoNode)))?;
        let unmapped = cluster.joining("shop")?.epmd_port(peers::free_port()?).start().await.expect_err("not joined");
        let DistProblem::Epmd(EpmdError::Absent(..)) = unmapped.problem else { return Err(unmapped.into()) };
        let absent = cluster.joining("shop")?.port(peers::free_port()?).start().await.expect_err("not joined");
        let DistProblem::Connect(..) = absent.problem else { return Err(absent.into()) };
        let far = cluster.joining("shop")?.address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))).start().await;
        let far = far.expect_err("not joined");
        let DistProblem::NotLoopback(_) = far.problem else { return Err(far.into()) };
        let unnamed = cluster.joining("shop")?.processes(Processes::new(Atom::new("nobody")?)).start().await;
        let unnamed = unnamed.expect_err("not joined");
        let DistProblem::Unnamed(_) = unnamed.problem else { return Err(unnamed.into()) };
        Ok(())
    })
}

fn cookie(_: &Peers) -> Result<(), Failed> {
    let home = peers::temp_dir()?;
    let path = home.path().join("cookie");
    let Err(CookieError::Unreadable(..)) = Cookie::from_file(&path) else { return Err("there is none".into()) };
    write_cookie(&path, "a_cookie")?;
    Cookie::from_file(&path)?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640))?;
    let Err(CookieError::Exposed(_, 0o640)) = Cookie::from_file(&path) else { return Err("it is exposed".into()) };
    std::fs::remove_file(&path)?;
    write_cookie(&path, "two words")?;
    let Err(CookieError::NoCookie(_)) = Cookie::from_file(&path) else { return Err("it is no cookie".into()) };
    Ok(())
}

fn fixed_port(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let port = peers::free_port()?;
    let range = port.to_string();
    let _shop = cluster.node("shop", &["-kernel", "inet_dist_listen_min", &range, "inet_dist_listen_max", &range])?;
    block_on(async {
        let shop = cluster.joining("shop")?.port(port).epmd_port(0).start().await?;
        same(&value(&shop, "erlang:abs(-1)").await?, "1")?;
        // The one that listens there is not this one.
        let other = cluster.joining("other")?.port(port).start().await.expect_err("another node");
        let DistProblem::Handshake(HandshakeError::OtherNode(name)) = other.problem else { return Err(other.into()) };
        same(&name, "shop@127.0.0.1")
    })
}

fn killed(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let first = cluster.node("shop", &[])?;
    block_on(async {
        let shop = cluster.joining("shop")?.start().await?;
        let waiting = shop.call(call("timer:sleep(infinity)")?, &context());
        let watch = shop.monitor(&Destination::Name(Atom::new("init")?), &context())?;
        let init = evaluated(&shop, "whereis(init).", &[]).await?;
        let sshrpc::term::Term::Pid(init) = init else { return Err("no pid".into()) };
        let watch_pid = shop.monitor(&Destination::Pid(init.clone()), &context())?;
        signal(&first, "KILL")?;
        same(&shown(tokio::time::timeout(LIMIT, waiting.outcome()).await?)?, GONE)?;
        same(&tokio::time::timeout(LIMIT, watch).await?.to_string(), "noconnection")?;
        same(&tokio::time::timeout(LIMIT, watch_pid).await?.to_string(), "noconnection")?;
        // At once, while there is nobody.
        same(&value(&shop, "erlang:abs(-1)").await?, GONE)?;
        let sent = shop.send(&Destination::Pid(init), sshrpc::term::Term::NIL, &context()).outcome().await;
        same(&shown(sent)?, GONE)?;
        drop(first);
        let _second = cluster.node("shop", &[])?;
        becomes(&shop, "abs(-1).", "1").await?;
        // By itself, too.
        same(&value(&shop, "erlang:halt()").await?, GONE)
    })
}

/// One that is stopped keeps its connection open, and says nothing. Before, it is idle for longer than it may be silent.
fn silent(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let erl = cluster.node("shop", &["-kernel", "net_ticktime", "2"])?;
    block_on(async {
        let shop = cluster.joining("shop")?.net_ticktime(Duration::from_secs(2)).start().await?;
        same(&value(&shop, "timer:sleep(4000)").await?, "ok")?;
        let waiting = shop.call(call("timer:sleep(infinity)")?, &context());
        signal(&erl, "STOP")?;
        let outcome = tokio::time::timeout(LIMIT, waiting.outcome()).await;
        signal(&erl, "CONT")?;
        same(&shown(outcome?)?, GONE)
    })
}

/// The other node takes us for gone when nothing comes for two seconds, and this one says nothing of its own for a quarter of a
/// minute. What it waits for is longer than the one and shorter than the other.
fn ticks(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &["-kernel", "net_ticktime", "2"])?;
    block_on(async {
        let shop = cluster.joining("shop")?.net_ticktime(Duration::from_secs(60)).start().await?;
        same(&value(&shop, "timer:sleep(5000)").await?, "ok")
    })
}

/// A node of our name that the other one still takes for connected.
fn again(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    let named = || Ok::<_, Failed>(Processes::new(Atom::new("us@127.0.0.1")?));
    // One whose runtime stands still, as a machine that was suspended: its connection stays open, and it dials nobody.
    let still = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let first =
        still.block_on(async { Ok::<_, Failed>(cluster.joining("shop")?.processes(named()?).start().await?) })?;
    let waiting = first.call(call("timer:sleep(infinity)")?, &context());
    block_on(async {
        let second = cluster.joining("shop")?.processes(named()?).start().await?;
        same(&value(&second, "erlang:nodes(hidden)").await?, "['us@127.0.0.1']")
    })?;
    same(&shown(still.block_on(async { tokio::time::timeout(LIMIT, waiting.outcome()).await })?)?, GONE)
}
