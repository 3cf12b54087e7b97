//! A node that can be killed, and started again where it was.

use std::net::SocketAddr;
use std::time::Duration;

use sshrpc::node::NodeBuilder;
use sshrpc::{Connect, Identity, PrivateKey};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// A node with a runtime of its own: when that one ends, all of the node ends at once, in the middle of whatever it did.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    host_key: PrivateKey,
    user_key: PrivateKey,
    node: Box<dyn Fn() -> NodeBuilder + Send + Sync>,
    runtime: Option<Runtime>,
}

/// How long a node that was killed may take to be gone.
const LIMIT: Duration = Duration::from_secs(60);

impl Host {
    /// Starts what `node` describes, which lets in who has this key.
    pub(crate) async fn start(
        user_key: &PrivateKey,
        node: impl Fn() -> NodeBuilder + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let host_key = PrivateKey::generate_ed25519(&mut sshrpc::os_rng()?);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut host = Self { address, host_key, user_key: user_key.clone(), node: Box::new(node), runtime: None };
        host.restart().await?;
        Ok(host)
    }

    /// Kills the node. Nothing of it runs when this returns.
    pub(crate) async fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime must not wait for its end on one of its like.
            let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(LIMIT)).await;
            ended.expect("the end of a runtime does not panic");
        }
    }

    /// Starts the node again, on the same port.
    pub(crate) async fn restart(&mut self) -> Result<(), Error> {
        self.kill().await;
        let node = (self.node)().host_key(self.host_key.clone()).authorized_key(self.user_key.public().clone());
        let node = node.listen(&self.address.to_string());
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (told, listening) = oneshot::channel();
        runtime.spawn(async move {
            match node.bind().await {
                Ok(node) => {
                    // Whoever does not listen any more has given up this node.
                    let _ = told.send(node.local_addr().map_err(Error::from));
                    node.run(std::future::pending()).await;
                }
                Err(error) => drop(told.send(Err(error.into()))),
            }
        });
        self.runtime = Some(runtime);
        self.address = listening.await??;
        Ok(())
    }

    /// Connections to the node, by way of this address.
    pub(crate) fn dial(&self, address: SocketAddr) -> impl Fn() -> Connect + Send + Sync + 'static {
        let (host_key, user_key) = (self.host_key.clone(), self.user_key.clone());
        move || connect(address, &host_key, &user_key)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn connect(address: SocketAddr, host_key: &PrivateKey, user_key: &PrivateKey) -> Connect {
    let to = Connect::to(&address.to_string()).expect("an address is a target");
    to.no_config().host_key(host_key.public().clone()).identity(Identity::from_key(user_key.clone(), ""))
}
