//! A node and a client in one process, whatever the configuration of who runs the tests says.

use sshrpc::client::Mode;
use sshrpc::node::NodeBuilder;
use sshrpc::{Client, Connect, Functions, Identity, Node, PrivateKey};

/// A new key.
pub(crate) fn key() -> PrivateKey {
    PrivateKey::generate_ed25519(&mut sshrpc::os_rng().unwrap())
}

/// A client of a node with the functions that are built in.
pub(crate) async fn client(mode: Mode) -> Client {
    client_of(Node::builder(), mode).await
}

/// A client of this node, which gets the functions that are built in.
pub(crate) async fn client_of(node: NodeBuilder, mode: Mode) -> Client {
    let key = key();
    let node = node.functions(Functions::with_builtins()).authorized_key(key.public().clone());
    log_in(node, key, mode).await
}

/// Who has this key, logged in to a node that lets it in.
pub(crate) async fn log_in(node: NodeBuilder, user_key: PrivateKey, mode: Mode) -> Client {
    log_in_with(node, user_key, |connect| connect.mode(mode)).await
}

/// The same, in another way.
pub(crate) async fn log_in_with(
    node: NodeBuilder,
    user_key: PrivateKey,
    how: impl FnOnce(Connect) -> Connect,
) -> Client {
    let host_key = key();
    let node = node.host_key(host_key.clone()).listen("127.0.0.1:0").bind().await.unwrap();
    let address = node.local_addr().unwrap().to_string();
    tokio::spawn(node.run(std::future::pending()));
    let to = Connect::to(&address).unwrap().no_config().host_key(host_key.public().clone());
    how(to).identity(Identity::from_key(user_key, "")).connect().await.unwrap()
}
