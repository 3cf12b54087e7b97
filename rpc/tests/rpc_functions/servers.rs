//! Servers that are asked by `{From,Message}` and reply by `{Wrapper,Node,Reply}`.

use sshrpc::Term;
use sshrpc::call::Failure;
use sshrpc::process::{Processes, SpawnOptions};
use sshrpc::rpc::{self, NamedNode, NoReply};

use crate::cluster::{Cluster, LIMIT, atom, term};

/// Starts a server `echo` that replies under this wrapper, after something that is no reply; it ends when it is asked to stop,
/// and never replies to `wait`.
fn start(processes: &Processes, wrapper: &Term) {
    let wrapper = wrapper.clone();
    let options = SpawnOptions::new().name(atom("echo"));
    let started = processes.spawn_with(options, |mut mailbox| async move {
        while let Some(message) = mailbox.recv().await {
            let Some([Term::Pid(from), message]) = message.as_tuple() else { continue };
            if message.is_atom("stop") {
                return Err(Failure::exit(Term::atom("stopped")));
            }
            let (processes, from) = (mailbox.processes(), from.clone().into());
            let node = Term::from(processes.node().clone());
            processes.send(&from, Term::tuple([Term::atom("other"), node.clone(), Term::atom("noise")]))?;
            if !message.is_atom("wait") {
                processes.send(&from, Term::tuple([wrapper.clone(), node, message.clone()]))?;
            }
        }
        Ok(())
    });
    started.unwrap();
}

#[tokio::test]
async fn server_call_gets_the_reply_or_says_why_not() {
    let cluster = Cluster::start(1).await;
    let (node, wrapper) = (cluster.client(0), term("{reply,to,me}"));
    start(&cluster.processes[0], &wrapper);
    for number in 0..10 {
        let reply = rpc::server_call(node, &atom("echo"), &wrapper, number.into()).await;
        assert_eq!(reply.unwrap(), number.into());
    }
    let nobody = rpc::server_call(node, &atom("nobody"), &wrapper, 1.into()).await.unwrap_err();
    assert!(matches!(&nobody, NoReply::Down(reason) if reason.is_atom("noproc")), "{nobody:?}");
    assert_eq!(nobody.to_term(), term("{error,nodedown}"));
    let stopped = rpc::server_call(node, &atom("echo"), &wrapper, Term::atom("stop")).await.unwrap_err();
    assert!(matches!(&stopped, NoReply::Down(reason) if reason.is_atom("stopped")), "{stopped:?}");

    start(&cluster.processes[0], &wrapper);
    let name = atom("echo");
    let waiting = rpc::server_call(node, &name, &wrapper, Term::atom("wait"));
    let closing = async {
        // Once the server has a message more to reply to, it is asked no more.
        while cluster.processes[0].processes().len() < 3 {
            tokio::task::yield_now().await;
        }
        node.close().await;
    };
    let (lost, ()) = tokio::time::timeout(LIMIT, async { tokio::join!(waiting, closing) }).await.expect("it hangs");
    assert_eq!(lost.unwrap_err().to_term(), term("{error,nodedown}"));
}

#[tokio::test]
async fn multi_server_call_has_replies_and_bad_nodes() {
    let mut cluster = Cluster::start(3).await;
    cluster.nodes.push(NamedNode::down(atom("n4@test")));
    for node in [0, 2] {
        start(&cluster.processes[node], &Term::atom("echo"));
    }
    let (replies, bad) = rpc::multi_server_call(&cluster.nodes, &atom("echo"), term("{hello}")).await;
    assert_eq!((replies, bad), (vec![term("{hello}"), term("{hello}")], vec![atom("n2@test"), atom("n4@test")]));
}
