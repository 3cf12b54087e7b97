//! Names for nodes, and calls of many.

use peers::{Failed, Peers, Trial};
use serde_json::json;

use crate::support::{Done, Home, Node, ensure};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("without_names_nodes_says_how_to_write_one", &[], nothing_yet),
        peers::trial("a_node_is_called_by_its_name", &[], by_name),
        peers::trial("a_group_where_one_node_belongs_is_2_and_says_how", &[], a_group_is_no_node),
        peers::trial("many_nodes_are_called_at_once_and_each_failure_is_told", &[], many),
        peers::trial("nodes_are_listed_and_checked", &[], listed),
    ]
}

/// A node called `local`, and a name for one that is not there. `all` are both, in another order.
fn named() -> Result<Node, Failed> {
    let node = Node::start()?;
    let names = format!(
        "[nodes]\nlocal = \"{}\"\n[nodes.gone]\naddress = \"127.0.0.1:1\"\n[groups]\nall = [\"local\", \"gone\"]\n",
        node.target()
    );
    std::fs::create_dir_all(node.home.path(".config/sshrpc"))?;
    std::fs::write(node.home.path(".config/sshrpc/sshrpc.toml"), names)?;
    Ok(node)
}

fn nothing_yet(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let done = home.run(&["nodes"])?;
    ensure(done.code == Some(0) && done.stderr.is_empty(), "no failure", &done)?;
    let text = done.stdout();
    ensure(text.contains("~/.config/sshrpc/sshrpc.toml does not exist"), "the file", &done)?;
    // What is shown can be written as it stands.
    let example: String =
        text.lines().filter_map(|line| line.strip_prefix("  ")).map(|line| format!("{line}\n")).collect();
    std::fs::create_dir_all(home.path(".config/sshrpc"))?;
    std::fs::write(home.path(".config/sshrpc/sshrpc.toml"), example)?;
    let listed = home.run(&["nodes"])?;
    ensure(listed.code == Some(0) && listed.stdout().starts_with("NODE   ADDRESS "), "a table", &listed)
}

fn by_name(_: &Peers) -> Result<(), Failed> {
    let node = named()?;
    node.call(&["local", "lists", "seq", "[1,3]"])?.expect(0, "[1,2,3]\n", "")?;
    // Elsewhere there are other names.
    std::fs::write(node.home.path("other.toml"), format!("[nodes]\nhere = \"{}\"\n", node.target()))?;
    node.call(&["--config", "other.toml", "here", "lists", "seq", "[1,3]"])?.expect(0, "[1,2,3]\n", "")?;
    node.call(&["gone", "erlang", "now"])?.expect_error(5, "nobody listens on 127.0.0.1:1", &[])
}

fn a_group_is_no_node(_: &Peers) -> Result<(), Failed> {
    let node = named()?;
    node.call(&["all", "erlang", "now"])?.expect_error(
        2,
        "all is a group, and one node is needed here",
        &["it has local, gone; `sshrpc call -H all` calls all of them"],
    )?;
    let done = node.home.run(&["ping", "all"])?;
    ensure(done.code == Some(2), "no group for a ping", &done)
}

fn many(_: &Peers) -> Result<(), Failed> {
    let node = named()?;
    let table = node.call(&["-H", "all", "lists", "seq", "[1,3]"])?;
    let lines: Vec<_> = table.stdout().lines().map(str::to_owned).collect();
    ensure(table.code == Some(5) && table.stderr.is_empty(), "the code of the one that failed", &table)?;
    let expected = ["NODE   VALUE", "local  [1,2,3]", "gone   error: nobody listens on 127.0.0.1:1"];
    ensure(lines == expected, "a row a node, in their order", &table)?;

    let done = node.call(&["--json", "-H", "gone,all", "lists:seq(1,2)"])?;
    let rows = done.json()?;
    ensure(done.code == Some(5) && rows[0]["node"] == "gone" && rows[0]["error"]["code"] == 5, "gone first", &done)?;
    ensure(rows[1] == json!({ "node": "local", "ok": [1, 2], "term": "[1,2]" }), "and the value", &done)?;
    ensure(rows.as_array().map(Vec::len) == Some(2), "each once", &done)?;

    let failed = node.call(&["-H", "local", "lists", "seq", "[1]"])?;
    let term = "{'EXIT',{undef,[{lists,seq,[1],[]}]}}";
    ensure(failed.code == Some(1) && failed.stdout().contains(term), "the term", &failed)?;
    let cast = node.call(&["--cast", "-H", "local", "lists", "seq", "[1,2]"])?;
    ensure(cast.code == Some(0) && cast.stdout().contains("local  ok"), "a cast", &cast)?;
    let extra = node.call(&["-H", "local", "erlang", "node", "[]", "x"])?;
    extra.expect_error(2, "\"x\" is one word too many", &["with -H there is no TARGET"])
}

fn listed(_: &Peers) -> Result<(), Failed> {
    let node = named()?;
    let run = |arguments: &[&str]| -> Result<Done, Failed> { node.home.run(&[&["nodes"], arguments].concat()) };
    let local = format!("local  {}  all", node.target());
    let plain = run(&[])?;
    ensure(plain.code == Some(0) && plain.stdout().contains(&local), "the name, the address, the group", &plain)?;
    let checked = run(&["--check"])?;
    ensure(checked.code == Some(5) && checked.stdout().contains("nobody listens on 127.0.0.1:1"), "gone", &checked)?;
    ensure(checked.stdout().contains(&format!("{local}     after ")), "there", &checked)?;
    let one = run(&["--check", "local", "--json"])?;
    let row = &one.json()?["nodes"][0];
    ensure(one.code == Some(0) && row["name"] == "local" && row["answers"] == true, "an answer", &one)?;
    ensure(row["groups"] == json!(["all"]) && row["ms"].as_f64().is_some(), "what is known of it", &one)
}
