//! Calls `lists:reverse([1,2,3])` on a node: `cargo run --example client -- alice@127.0.0.1:2222`
//!
//! It logs in as `ssh` would, to a host in ~/.ssh/known_hosts.

use sshrpc::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = std::env::args().nth(1).ok_or("name a node: [user@]host[:port]")?;
    let node = Client::connect(&target).await?;
    println!("{}", node.call("lists", "reverse", [vec![1, 2, 3]]).await?);
    node.close().await;
    Ok(())
}
