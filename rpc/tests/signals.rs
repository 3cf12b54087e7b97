//! A client's signals reach the call that runs.
#![cfg(feature = "std")]

mod pair;

use std::time::Duration;

use pair::client;
use ssh_proto::ChannelRequest;
use ssh_transport::Exit;
use sshrpc::client::Mode;

/// Long enough for anything on a busy machine, and much shorter than the calls that are ended.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn rfc4254_s6_9_a_fatal_signal_ends_the_call_and_others_do_not() {
    let client = client(Mode::ExecMod).await;
    let ssh = client.ssh().unwrap();
    for name in ["INT", "TERM", "KILL"] {
        let channel = ssh.exec("text timer:sleep(600000).").await.unwrap();
        channel.notify(&ChannelRequest::Signal { name: "INFO@openssh.com" }).unwrap();
        channel.notify(&ChannelRequest::Signal { name }).unwrap();
        let exit = tokio::time::timeout(LIMIT, channel.exit()).await.expect("the call goes on");
        assert_eq!(exit, Some(Exit::Signal(name.to_owned(), String::new())));
    }
    let channel = ssh.exec("text timer:sleep(50).").await.unwrap();
    channel.notify(&ChannelRequest::Signal { name: "USR1" }).unwrap();
    assert_eq!(channel.exit().await, Some(Exit::Status(0)));
}

#[tokio::test]
async fn a_fatal_signal_ends_the_subsystem_too() {
    let client = client(Mode::ExecMod).await;
    let channel = client.ssh().unwrap().subsystem(sshrpc::client::SUBSYSTEM).await.unwrap();
    channel.notify(&ChannelRequest::Signal { name: "HUP" }).unwrap();
    let exit = tokio::time::timeout(LIMIT, channel.exit()).await.expect("the channel stays");
    assert_eq!(exit, Some(Exit::Signal("HUP".to_owned(), String::new())));
}
