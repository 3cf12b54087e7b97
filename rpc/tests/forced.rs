//! What a line in authorized_keys makes of a node's answers.
#![cfg(feature = "std")]

#[expect(dead_code, reason = "its node has functions of its own")]
mod pair;

use std::os::unix::fs::PermissionsExt;

use sshrpc::client::Mode;
use sshrpc::{Client, Functions, Node, Term};

/// A client whose key has these options, of a node that can tell what it knows of its caller.
async fn client(options: &str, mode: Mode) -> Client {
    let key = pair::key();
    let directory = peers::temp_dir().unwrap();
    let file = directory.path().join("authorized_keys");
    std::fs::write(&file, format!("{options} {}\n", key.public().to_openssh_line(""))).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut functions = Functions::with_builtins();
    functions.register("caller", "variable", 1, |args, context| {
        let name = args[0].to_string().trim_matches('"').to_owned();
        Ok(context.caller().variable(&name).map_or_else(|| Term::atom("none"), Term::from))
    });
    pair::log_in(Node::builder().functions(functions).authorized_keys_file(&file), key, mode).await
}

async fn variable(client: &Client, name: &str) -> String {
    client.call("caller", "variable", [name]).await.unwrap().to_string()
}

#[tokio::test]
async fn a_forced_command_answers_whatever_is_asked() {
    let client = client("command=\"lists:sum([1,2,3]).\"", Mode::ExecMod).await;
    for (module, function) in [("erlang", "node"), ("os", "cmd")] {
        assert_eq!(client.call::<i64>(module, function, []).await.unwrap(), 6.into());
    }
}

#[tokio::test]
async fn a_forced_command_knows_what_was_asked_for() {
    let options = "restrict,environment=\"ROLE=backup\",command=\"caller:variable(\\\"SSH_ORIGINAL_COMMAND\\\").\"";
    let client = client(options, Mode::ExecMod).await;
    let answer = client.call::<i64>("erlang", "node", []).await.unwrap().to_string();
    assert!(answer.contains("erlang") && answer.contains("node"), "{answer}");
}

#[tokio::test]
async fn the_variables_of_a_line_are_part_of_the_context() {
    let client = client("environment=\"ROLE=backup\"", Mode::Subsystem).await;
    assert_eq!(variable(&client, "ROLE").await, "\"backup\"");
    assert_eq!(variable(&client, "SSH_ORIGINAL_COMMAND").await, "none");
}

#[tokio::test]
async fn a_forced_command_is_all_that_a_subsystem_gets() {
    let client = client("command=\"lists:sum([1,2,3]).\"", Mode::Subsystem).await;
    assert!(client.call::<i64>("erlang", "node", []).await.is_err());
}
