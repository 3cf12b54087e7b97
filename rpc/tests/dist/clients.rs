//! A client of a node that has joined a cluster: its mailbox is a process there as any other.

use std::sync::Arc;

use peers::{Failed, LIMIT, Peers, Trial};
use sshrpc::Node;
use sshrpc::acl::Acl;
use sshrpc::client::{Mailbox, Mode};
use sshrpc::term::Term;

use crate::cluster::Cluster;
use crate::pair::{key, log_in};
use crate::{ERL, block_on, evaluated, same};

pub(crate) fn trials() -> Vec<Trial> {
    vec![peers::trial("a_client_of_a_node_has_its_mailbox_in_the_cluster", ERL, mailbox)]
}

async fn next(mailbox: &mut Mailbox) -> Result<String, Failed> {
    Ok(tokio::time::timeout(LIMIT, mailbox.recv()).await??.to_string())
}

fn mailbox(peers: &Peers) -> Result<(), Failed> {
    let cluster = Cluster::new(peers)?;
    let _shop = cluster.node("shop", &[])?;
    block_on(async {
        let shop = Arc::new(cluster.joining("shop")?.start().await?);
        let key = key();
        let node = Node::builder().processes(shop.processes().clone()).backend(shop.clone()).acl(Acl::allow_all());
        let client = log_in(node.authorized_key(key.public().clone()), key, Mode::Subsystem).await;
        let mut mailbox = client.mailbox().await?;
        let code = "spawn(fun() -> process_flag(trap_exit, true), Us ! {me, self()},
            (fun Loop() -> receive {stop, Why} -> exit(Why); What -> Us ! {got, What}, Loop() end end)() end).";
        let us = [("Us", Term::from(mailbox.pid().clone()))];
        let Term::Pid(echo) = evaluated(&*shop, code, &us).await? else { return Err("no pid".into()) };
        same(&next(&mut mailbox).await?, &format!("{{me,{echo}}}"))?;
        client.send(echo.clone(), Term::atom("hello")).await?;
        same(&next(&mut mailbox).await?, "{got,hello}")?;
        // Its exit signal comes as one of its own, and links as those of a process.
        mailbox.exit(&echo, Term::atom("now")).await?;
        same(&next(&mut mailbox).await?, &format!("{{got,{{'EXIT',{},now}}}}", mailbox.pid()))?;
        mailbox.link(&echo).await?;
        client.send(echo.clone(), "{stop,{its,own}}".parse::<Term>()?).await?;
        same(&next(&mut mailbox).await?, &format!("{{'EXIT',{echo},{{its,own}}}}"))?;
        // What is left of a client that goes is told to those who watch it.
        let code = "R = monitor(process, Us), Us ! go, receive {'DOWN', R, process, Us, Why} -> Why end.";
        let gone = async {
            same(&next(&mut mailbox).await?, "go")?;
            Ok::<_, Failed>(mailbox.close(Term::atom("bye")).await?)
        };
        let (why, closed) = tokio::join!(evaluated(&*shop, code, &us), gone);
        closed?;
        same(&why?.to_string(), "bye")
    })
}
