//! What goes wrong is told in one clear line, with what to do next and the documented exit code.

use std::io::Write;
use std::net::TcpListener;
use std::thread;

use peers::{Failed, Peers, Trial};

use crate::support::{Home, Node, ensure};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_failed_function_is_1_with_the_term_beneath", &[], failed_functions),
        peers::trial("arguments_that_make_no_sense_are_2", &[], usage),
        peers::trial("a_host_key_that_is_unknown_or_changed_is_3", &[], host_keys),
        peers::trial("a_refused_login_is_4_and_names_the_keys", &[], denied),
        peers::trial("nobody_there_is_5", &[], connection),
        peers::trial("no_answer_in_time_is_6", &[], timeout),
        peers::trial("another_protocol_is_7", &[], protocol),
        peers::trial("something_here_is_8", &[], local),
        peers::trial("colours_come_on_request", &[], colours),
    ]
}

fn failed_functions(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let target = node.target();
    for mode in ["subsystem", "shell", "exec-mod", "exec"] {
        let done = node.call(&["--mode", mode, &target, "lists", "revers", "[[1,2,3]]"])?;
        let term = "\n  {'EXIT',{undef,[{lists,revers,[[1,2,3]],[]}]}}\n";
        done.expect_error(1, "undef: lists:revers/1 is not defined on the node", &[term])?;
    }
    node.call(&[&target, "erlang", "exit", "[foo]"])?.expect_error(
        1,
        "exit: the function exited with foo",
        &["\n  {'EXIT',foo}\n"],
    )?;
    let spread = node.call(&[&target, "lists", "reverse", "[1,2,3]"])?;
    let hint = "'[[1,2,3]]' passes one list";
    spread.expect_error(1, "undef: lists:reverse/3 is not defined on the node", &[hint])
}

fn usage(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let call = |arguments: &[&str]| home.run(&[&["call", "127.0.0.1:1"], arguments].concat());
    call(&["lists", "reverse", "[[1,2,3]"])?.expect_error(
        2,
        "syntax error in ARGS, line 1, column 9: ',', '|' or ']' is expected, and the text ends",
        &["\n  | [[1,2,3]\n  |         ^\n"],
    )?;
    let long = format!("[\n  [{}],\n  Variable]", vec!["1"; 500].join(","));
    let long = call(&["lists", "reverse", &long])?;
    ensure(long.stderr.contains("line 3, column 3: Variable is a variable"), "the place", &long)?;
    ensure(long.stderr.contains("\n  |   Variable]\n  |   ^\n"), "the line", &long)?;
    call(&["lists", "reverse", "{1}"])?.expect_error(2, "ARGS is no list", &["'[{1}]'"])?;
    call(&["lists", "reverse", "[1|2]"])?.expect_error(2, "ARGS is no list", &[])?;
    call(&["lists"])?.expect_error(2, "the FUNCTION is missing", &["sshrpc call 127.0.0.1:1 lists FUNCTION"])?;
    let cipher = call(&["--cipher", "rot13", "erlang", "now"])?;
    ensure(cipher.code == Some(2) && cipher.stderr.contains("aes128-ctr"), "the ciphers that there are", &cipher)?;
    let json = home.run(&["call", "--json", "--mode", "fast", "h", "erlang", "now"])?;
    ensure(json.code == Some(2) && json.json()?["error"]["kind"] == "usage", "an error in JSON", &json)?;
    for arguments in [
        &["call", "a b", "erlang", "now"][..],
        &["call", "h", "erlang", "now", "--mode", "fast"],
        &["cal"],
        &["serve", "-l", "x"],
    ] {
        let done = home.run(arguments)?;
        ensure(done.code == Some(2) && done.stderr.starts_with("error: "), "a usage error", &done)?;
    }
    Ok(())
}

fn host_keys(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let (target, hosts) = (node.target(), node.home.path("hosts").to_string_lossy().into_owned());
    let call = |options: &[&str]| {
        node.call(&[&["--known-hosts", &hosts], options, &[&target, "lists", "reverse", "[[1,2]]"]].concat())
    };
    let again = format!("\n       sshrpc call --accept-new --known-hosts {hosts} {target} lists reverse '[[1,2]]'\n");
    let unknown = format!("the host {target} is not known");
    call(&[])?.expect_error(3, &unknown, &["its ssh-ed25519 key is SHA256:", &again])?;
    call(&[])?.expect_error(3, &unknown, &[])?;
    call(&["--accept-new"])?.expect(0, "[2,1]\n", "")?;
    call(&[])?.expect(0, "[2,1]\n", "")?;

    let other = std::fs::read_to_string(format!("{}.pub", node.home.key("other")?))?;
    std::fs::write(&hosts, format!("[127.0.0.1]:{} {other}", node.port))?;
    let changed = format!("the host key of {target} has changed: somebody may be listening in");
    let forget = format!("ssh-keygen -f ~/hosts -R '[127.0.0.1]:{}'", node.port);
    for options in [&[][..], &["--accept-new"]] {
        call(options)?.expect_error(3, &changed, &["hosts:1 has SHA256:", &forget])?;
    }
    Ok(())
}

fn denied(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let (other, target) = (node.home.key("other")?, format!("alice@{}", node.target()));
    let line = format!("{} refused the login of \"alice\"", node.target());
    let done = node.call(&["--identity", &other, &target, "erlang", "now"])?;
    done.expect_error(
        4,
        &line,
        &["tried SHA256:", " ~/other\n", "cat ~/other.pub >> ~/.config/sshrpc/authorized_keys"],
    )?;
    let none = Home::new()?;
    let done = none.run(&["call", "--accept-new", &target, "erlang", "now"])?;
    done.expect_error(4, &line, &["there was no key to try", "sshrpc keygen && cat ~/.config/sshrpc/id_ed25519.pub"])
}

fn connection(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    // A port that the system gives to nobody who does not ask for it.
    let done = home.run(&["call", "127.0.0.1:1", "erlang", "now"])?;
    done.expect_error(5, "nobody listens on 127.0.0.1:1", &["sshrpc serve --listen 127.0.0.1:1"])?;

    let (port, server) = speaks_once(b"")?;
    let done = home.run(&["call", &format!("127.0.0.1:{port}"), "erlang", "now"])?;
    join(server)?;
    ensure(done.code == Some(5) && done.stderr.lines().count() == 1, "the connection was closed", &done)
}

fn timeout(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    for mode in ["subsystem", "exec"] {
        let done = node.call(&["--timeout", "2s", "--mode", mode, &node.target(), "timer", "sleep", "[infinity]"])?;
        ensure(done.code == Some(6) && done.stderr.contains("within 2s"), "no answer", &done)?;
    }
    // It listens and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let target = silent.local_addr()?.to_string();
    let done = node.call(&["--timeout", "200ms", &target, "erlang", "now"])?;
    done.expect_error(6, &format!("no connection to {target} within 200ms"), &[])
}

fn protocol(_: &Peers) -> Result<(), Failed> {
    let node = Node::start()?;
    let done = node.call(&["--cipher", "aes128-cbc", &node.target(), "erlang", "now"])?;
    let line = "the peer cannot work with us: no common cipher (client to server)";
    done.expect_error(7, line, &["--cipher", "--tier legacy"])?;
    let (port, server) = speaks_once(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
    let done = node.call(&[&format!("127.0.0.1:{port}"), "erlang", "now"])?;
    join(server)?;
    ensure(matches!(done.code, Some(5 | 7)) && done.stderr.starts_with("error: "), "no SSH there", &done)
}

fn local(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let done = home.run(&["call", "--identity", "missing", "127.0.0.1:1", "erlang", "now"])?;
    done.expect_error(8, "missing: entity not found", &[])
}

fn colours(_: &Peers) -> Result<(), Failed> {
    let home = Home::new()?;
    let fails = ["call", "127.0.0.1:1", "lists", "f", "{"];
    for (options, variable, coloured) in [
        (&[][..], None, false),
        (&["--color", "always"], None, true),
        (&["--color=always"], Some("NO_COLOR"), true),
        (&["--color=never"], None, false),
        (&[], Some("NO_COLOR"), false),
    ] {
        let mut command = home.sshrpc(&[&fails[..], options].concat());
        if let Some(variable) = variable {
            command.env(variable, "1");
        }
        let done = crate::support::Done::of(&mut command, b"")?;
        ensure(done.stderr.contains('\u{1b}') == coloured, &format!("{options:?}: {coloured}"), &done)?;
    }
    Ok(())
}

type Server = thread::JoinHandle<std::io::Result<()>>;

/// A server that greets one client with this, and closes.
fn speaks_once(greeting: &'static [u8]) -> Result<(u16, Server), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        stream.write_all(greeting)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        // Until the client has read it and gone.
        std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
    });
    Ok((port, server))
}

fn join(server: Server) -> Result<(), Failed> {
    // The client may have gone in a hurry.
    let _ = server.join().map_err(|_panicked| "the server panicked")?;
    Ok(())
}
