//! A node with a function of its own, on 127.0.0.1:2222, for the keys in an authorized_keys file:
//! `cargo run --example node -- ~/.ssh/id_ed25519.pub`

use sshrpc::{Functions, Node, PrivateKey};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let authorized = std::env::args().nth(1).ok_or("name a file with public keys")?;
    let host_key = PrivateKey::generate_ed25519(&mut sshrpc::os_rng()?);
    println!("host key: {}", host_key.public().fingerprint());

    let mut functions = Functions::with_builtins();
    functions.add("math", "double", |x: i64| x * 2);
    let node = Node::builder().functions(functions).host_key(host_key).authorized_keys_file(authorized).bind().await?;
    node.run(async { drop(tokio::signal::ctrl_c().await) }).await;
    Ok(())
}
