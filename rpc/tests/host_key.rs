//! A client that knows which key a node has.
#![cfg(feature = "std")]

use ssh_transport::client::ConnectError as SshError;
use sshrpc::client::ConnectError;
use sshrpc::{Connect, Identity, Node, PrivateKey};

#[tokio::test]
async fn a_pinned_key_is_the_one_that_is_asked_for_and_no_other_will_do() {
    let mut rng = sshrpc::os_rng().unwrap();
    let mut new_key = || PrivateKey::generate_ed25519(&mut rng);
    let (ed25519, other, user_key) = (new_key(), new_key(), new_key());
    let rsa = PrivateKey::from_pem(&vectors::bytes("keys/rsa2048"), None).unwrap().key;
    let node = Node::builder().host_key(ed25519.clone()).host_key(rsa.clone());
    let node = node.authorized_key(user_key.public().clone()).listen("127.0.0.1:0").bind().await.unwrap();
    let address = node.local_addr().unwrap().to_string();
    tokio::spawn(node.run(std::future::pending()));
    let connect = async |pinned: &PrivateKey| {
        let to = Connect::to(&address).unwrap().no_config().host_key(pinned.public().clone());
        to.identity(Identity::from_key(user_key.clone(), "")).connect().await
    };
    for pinned in [&ed25519, &rsa] {
        let client = connect(pinned).await.unwrap();
        assert_eq!(client.call("sshrpc", "echo", [1]).await.unwrap(), 1.into());
    }
    let refused = connect(&other).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Ssh(SshError::NotThePinnedKey { .. })), "{refused}");
}
