//! Our client calls Erlang.

use std::process::ChildStdin;

use peers::{Child, Failed, LIMIT, Peers, Trial};
use sshrpc::client::Mode;
use sshrpc::term::{Term, parse_call};
use sshrpc::{Client, Connect};

use crate::support::{Done, Home, ensure};
use crate::{ERLANG, compile, only, rsa_key, same, script};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("erlang_answers_in_every_mode", ERLANG, every_mode),
        peers::trial("erlang_fails_in_every_mode", ERLANG, failures),
        peers::trial("erlang_answers_many_calls_in_flight", ERLANG, pipelined),
        peers::trial("our_shell_prompts_for_calls_of_an_erlang_node", ERLANG, prompt),
        peers::trial("erlang_gives_64_mib", ERLANG, large),
        peers::trial("erlang_answers_by_the_algorithms_of_2009", ERLANG, algorithms),
    ]
}

/// A node of Erlang's, which lets one user of ours in.
struct Erlang {
    home: Home,
    port: u16,
    /// It ends when this does.
    _input: ChildStdin,
    _child: Child,
}

impl Erlang {
    fn start(options: &str) -> Result<Self, Failed> {
        let home = Home::new()?;
        let modules = compile(&home)?;
        std::fs::create_dir_all(home.path(".ssh"))?;
        let user = rsa_key(&home, ".ssh/id_rsa")?;
        rsa_key(&home, "ssh_host_rsa_key")?;
        std::fs::copy(format!("{user}.pub"), home.path("authorized_keys"))?;
        let mut escript = home.program("escript");
        escript.arg(script("server.escript")).arg(modules).arg(home.path("")).arg(options);
        let (mut child, input) = Child::spawn_with_input(&mut escript)?;
        child.wait_for("port ", LIMIT)?;
        child.wait_for("\n", LIMIT)?;
        let printed = String::from_utf8_lossy(&child.stdout()).into_owned();
        let port = printed.trim().strip_prefix("port ").ok_or("a port")?.parse()?;
        Ok(Self { home, port, _input: input, _child: child })
    }

    fn call(&self, options: &[&str], call: &str) -> Result<Done, Failed> {
        let target = format!("alice@127.0.0.1:{}", self.port);
        self.home.run(&[&["call", "--accept-new"], options, &[&target, call]].concat())
    }

    async fn connect(&self, mode: Mode) -> Result<Client, Failed> {
        let target = format!("alice@127.0.0.1:{}", self.port);
        let connect = Connect::to(&target)?.no_config().known_hosts(self.home.path("known")).accept_new();
        Ok(connect.identity_file(self.home.path(".ssh/id_rsa")).mode(mode).connect().await?)
    }
}

const MODES: [&str; 4] = ["subsystem", "shell", "exec-mod", "exec"];

fn every_mode(_: &Peers) -> Result<(), Failed> {
    let erlang = Erlang::start("[]")?;
    for mode in MODES {
        let done = erlang.call(&["--mode", mode], "lists:reverse([1,2,3])")?;
        done.expect(0, "[3,2,1]\n", "")?;
        let done = erlang.call(&["--mode", mode], "maps:from_list([{a,<<\"b\">>},{1.5,\"text\"}])")?;
        ensure(done.code == Some(0) && done.stdout().contains("a => <<\"b\">>"), "a map", &done)?;
    }
    Ok(())
}

fn failures(_: &Peers) -> Result<(), Failed> {
    let erlang = Erlang::start("[]")?;
    for (call, line, term) in [
        ("nomod:f()", "undef: nomod:f/0 is not defined on the node", "{'EXIT',{undef,[{nomod,f,[],[]}"),
        ("erlang:exit(foo)", "exit: the function exited with foo", "{'EXIT',foo}"),
        ("erlang:'/'(1,0)", "badarith", "{'EXIT',{badarith,[{erlang,'/',[1,0],"),
    ] {
        for mode in ["subsystem", "shell"] {
            let failed = erlang.call(&["--mode", mode], call)?;
            let told = failed.code == Some(1) && failed.stderr.contains(line) && failed.stderr.contains(term);
            ensure(told, &format!("1, {line} and {term}"), &failed)?;
        }
    }
    // What is not a request in its form, but Erlang's text, that node evaluates itself, and says so where it fails.
    for mode in ["exec-mod", "exec"] {
        let failed = erlang.call(&["--mode", mode], "nomod:f()")?;
        failed.expect_error(7, "the node does not know this request: {error,undef}", &[])?;
    }
    Ok(())
}

/// The node is a plain Erlang, which knows nothing of what there is to complete but what `module_info` says.
fn prompt(_: &Peers) -> Result<(), Failed> {
    let erlang = Erlang::start("[]")?;
    let target = format!("alice@127.0.0.1:{}", erlang.port);
    let lines = b"X = lists:seq(1,3).\nlists:usort([3|X]).\nlength(X).\nhelp(rpc_peer_server).\nnomod:f().\n";
    let done = erlang.home.run_with_input(&["shell", "--accept-new", &target], lines)?;
    ensure(done.stdout().starts_with("[1,2,3]\n[1,2,3]\n3\n"), "the values", &done)?;
    ensure(done.stdout().contains("module_info/1"), "the functions of a module", &done)?;
    ensure(done.code == Some(1) && done.stderr.contains("\n  {'EXIT',{undef,[{nomod,f,[],[]}"), "the failure", &done)?;
    let ping = erlang.home.run(&["ping", "--count", "2", "--interval", "1ms", &target])?;
    let answered = ping.stdout().contains("asking by erlang:node()") && ping.stdout().contains("2 asked, 2 answered");
    ensure(ping.code == Some(0) && answered, "signs of life", &ping)
}

fn pipelined(_: &Peers) -> Result<(), Failed> {
    let erlang = Erlang::start("[]")?;
    block_on(async {
        for mode in [Mode::Subsystem, Mode::Shell] {
            let client = erlang.connect(mode).await?;
            let mut calls = tokio::task::JoinSet::new();
            for number in 0..500_i64 {
                let client = client.clone();
                calls.spawn(async move { (number, client.call("erlang", "abs", [-number]).await) });
            }
            while let Some(done) = calls.join_next().await {
                let (number, value) = done?;
                same(&value?.to_string(), &number.to_string())?;
            }
            client.close().await;
        }
        Ok(())
    })
}

fn large(_: &Peers) -> Result<(), Failed> {
    let erlang = Erlang::start("[]")?;
    block_on(async {
        let client = erlang.connect(Mode::Subsystem).await?;
        match client.apply(&parse_call("binary:copy(<<\"x\">>, 67108864)")?).await? {
            Term::Binary(x) if x.as_bytes() == vec![b'x'; 64 << 20] => Ok(()),
            other => Err(format!("no 64 MiB of x, but {:.100}", other.to_string()).into()),
        }
    })
}

/// The paper's own among them: what `legacy` is for.
fn algorithms(_: &Peers) -> Result<(), Failed> {
    for (kex, host_key) in [
        ("diffie-hellman-group1-sha1", "ssh-rsa"),
        ("diffie-hellman-group14-sha1", "ssh-rsa"),
        ("diffie-hellman-group14-sha256", "rsa-sha2-256"),
    ] {
        for (cipher, mac) in [("aes128-cbc", "hmac-sha1"), ("aes128-ctr", "hmac-sha2-256")] {
            let options = only(kex, host_key, cipher, mac);
            let erlang = Erlang::start(&options)?;
            for mode in MODES {
                let done = erlang.call(&["--tier", "legacy", "--mode", mode], "lists:seq(1,5)")?;
                done.expect(0, "[1,2,3,4,5]\n", "")?;
            }
        }
    }
    Ok(())
}

fn block_on<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
