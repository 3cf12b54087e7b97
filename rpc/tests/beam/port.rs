//! A BEAM that the backend starts.

use std::sync::Arc;
use std::time::Duration;

use peers::{Failed, LIMIT, Peers, Trial};
use sshrpc::acl::Acl;
use sshrpc::backend::beam::{BeamError, Bounds};
use sshrpc::backend::{Backend, BeamPort, Cancellation, Executor, Watch};
use sshrpc::call::Success;
use sshrpc::extended::Destination;
use sshrpc::term::{Atom, Pid, Term, parse_call};
use sshrpc::{Client, Connect, Identity, Node, PrivateKey};

use crate::{ERL, applied, becomes, block_on, context, evaluated, evaluation, same, value};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        peers::trial("a_beam_returns_values_of_every_kind", ERL, values),
        peers::trial("a_beam_fails_with_class_and_stack", ERL, failures),
        peers::trial("a_beam_says_how_a_process_was_ended", ERL, signals),
        peers::trial("a_beam_executes_calls_concurrently", ERL, concurrency),
        peers::trial("a_beam_kills_what_is_cancelled", ERL, cancel),
        peers::trial("a_beam_keeps_the_deadline", ERL, deadline),
        peers::trial("a_beam_takes_and_gives_16_mib", ERL, large),
        peers::trial("a_beam_gives_no_more_than_may_be", ERL, too_large),
        peers::trial("what_a_beam_prints_is_apart_from_what_it_answers", ERL, output),
        peers::trial("a_killed_beam_is_started_again", ERL, killed),
        peers::trial("a_beam_gets_messages_in_order", ERL, messages),
        peers::trial("a_beam_watches_processes", ERL, monitors),
        peers::trial("a_beam_gets_exit_signals", ERL, exits),
        peers::trial("clients_link_to_processes_of_a_beam_and_cast_there", ERL, links),
        peers::trial("a_dropped_beam_ends", ERL, dropped),
        peers::trial("a_missing_or_broken_erl_is_an_error", &["false"], broken),
    ]
}

async fn beam() -> Result<BeamPort, Failed> {
    Ok(BeamPort::builder().start().await?)
}

fn values(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        for term in [
            "ok",
            "'an atom'",
            "-1",
            "123456789012345678901234567890",
            "1.5",
            "\"text\"",
            "[1000,a|tail]",
            "<<\"bytes\">>",
            "<<5:3>>",
            "{}",
            "#{a => {1,[]},\"b\" => #{}}",
            "fun lists:map/2",
        ] {
            same(&value(&beam, &format!("lists:last([[{term}]])")).await?, &format!("[{term}]"))?;
        }
        // What only a BEAM has, and knows again: the process that evaluates this among it.
        let made = evaluated(&beam, "X = 1, {self(), make_ref(), hd(erlang:ports()), fun() -> X end}.").await?;
        same(&applied(&beam, "lists", "last", [Term::list([made.clone()])]).await?.to_string(), &made.to_string())?;
        let kinds = made.as_tuple().ok_or("a tuple")?.iter().zip(["is_pid", "is_reference", "is_port", "is_function"]);
        for (term, kind) in kinds {
            same(&applied(&beam, "erlang", kind, [term.clone()]).await?.to_string(), "true")?;
        }
        Ok(())
    })
}

fn failures(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        for (call, expected) in [
            ("erlang:throw(foo)", "Throw foo"),
            ("erlang:exit(foo)", "Exit {'EXIT',foo}"),
            ("erlang:'/'(1,0)", "Error {'EXIT',{badarith,[{erlang,'/',[1,0],"),
            ("nomod:f(1)", "Error {'EXIT',{undef,[{nomod,f,[1],[]}]}}"),
            ("lists:nothing()", "Error {'EXIT',{undef,[{lists,nothing,[],[]}]}}"),
            ("lists:map(fun erlang:abs/1,[x])", "Error {'EXIT',{badarg,[{erlang,abs,[x],"),
        ] {
            let found = value(&beam, call).await?;
            if !found.starts_with(expected) || found.contains("sshrpc_bridge") {
                return Err(format!("expected {expected}\nfound    {found}").into());
            }
        }
        // Deeper than the function that was called.
        let found = value(&beam, "lists:foreach(fun erlang:atom_to_list/1,[1])").await?;
        let frames = ["{erlang,atom_to_list,[1],", "{lists,foreach_1,2,"];
        if frames.iter().all(|frame| found.contains(frame)) { Ok(()) } else { Err(found.into()) }
    })
}

fn signals(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        for (signal, expected) in [("kill", "killed"), ("{shutdown,now}", "{shutdown,now}")] {
            let code = format!("exit(self(), {signal}), receive never -> ok end.");
            let call = evaluation(&beam, &code).await?;
            let outcome = tokio::time::timeout(LIMIT, beam.call(call, &context()).outcome()).await?;
            same(&outcome.expect_err("ended").into_caught().to_string(), &format!("{{'EXIT',{expected}}}"))?;
        }
        Ok(())
    })
}

/// By the order of answers: what was called first never ends.
fn concurrency(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        let mut waiting = std::pin::pin!(beam.call(parse_call("timer:sleep(infinity)")?, &context()).outcome());
        let others = async {
            for number in 0..100 {
                same(&value(&beam, &format!("erlang:abs(-{number})")).await?, &number.to_string())?;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            ended = &mut waiting => Err(format!("ended: {ended:?}").into()),
            done = others => done,
        }
    })
}

/// Its process has the name `sleeper`, and never ends by itself.
const SLEEPER: &str = "register(sleeper, self()), receive never -> ok end.";

fn cancel(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        let sleeping = beam.call(evaluation(&beam, SLEEPER).await?, &context());
        let is_there = "whereis(sleeper) =/= undefined.";
        becomes(&beam, is_there, "true").await?;
        drop(sleeping);
        becomes(&beam, is_there, "false").await?;
        // An executor drops what is cancelled.
        let (canceller, cancellation) = Cancellation::new();
        let call = evaluation(&beam, SLEEPER).await?;
        let node = Executor::new(Arc::new(beam), Acl::allow_all());
        let sleeping = node.call(call, &context().with_cancellation(cancellation));
        let cancelled = async {
            becomes(&node, is_there, "true").await?;
            canceller.cancel();
            Ok(())
        };
        let (outcome, done) = tokio::join!(sleeping.outcome(), cancelled);
        same(&outcome.expect_err("ended").into_caught().to_string(), "{'EXIT',killed}").and(done)?;
        becomes(&node, is_there, "false").await
    })
}

fn deadline(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        let call = evaluation(&beam, SLEEPER).await?;
        let soon = tokio::time::Instant::now() + Duration::from_millis(20);
        let context = context().with_deadline(soon.into_std());
        // Without an executor in front of it, which would keep the deadline as well.
        let outcome = tokio::time::timeout(LIMIT, beam.call(call, &context).outcome()).await?;
        same(&outcome.expect_err("ended").into_caught().to_string(), "{'EXIT',{{erpc,timeout},[]}}")?;
        same(&value(&beam, "erlang:whereis(sleeper)").await?, "undefined")
    })
}

fn large(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        let octets: Vec<u8> = (0..16_u32 << 20).map(|index| (index % 251) as u8).collect();
        let sent = Term::binary(octets);
        let came = applied(&beam, "erlang", "list_to_tuple", [Term::list([sent.clone()])]).await?;
        if came == Term::tuple([sent]) { Ok(()) } else { Err("other octets came back".into()) }
    })
}

fn too_large(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let mut bounds = Bounds::default();
        bounds.terms.max_bytes = 1 << 20;
        bounds.terms.max_nodes = 1 << 10;
        let beam = BeamPort::builder().bounds(bounds).start().await?;
        let beyond = "Error {'EXIT',{{erpc,system_limit},[]}}";
        same(&value(&beam, "binary:copy(<<1>>,1048576)").await?, beyond)?;
        same(&value(&beam, "lists:seq(1000,3000)").await?, beyond)?;
        same(&value(&beam, "erlang:byte_size(<<1,2,3>>)").await?, "3")
    })
}

fn output(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        for _ in 0..10 {
            same(&value(&beam, "io:format(\"printed~n\")").await?, "ok")?;
            same(&value(&beam, "io:put_chars(user,[0,0,0,1,131])").await?, "ok")?;
            same(&value(&beam, "io:put_chars(standard_error,\"error\")").await?, "ok")?;
        }
        Ok(())
    })
}

fn killed(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        let gone = "{'EXIT',{{erpc,noconnection},[]}}";
        let before = value(&beam, "os:getpid()").await?;
        let waiting = beam.call(evaluation(&beam, SLEEPER).await?, &context());
        let watch = beam.monitor(&Destination::Name(Atom::new("init")?), &context())?;
        let mut kill = std::process::Command::new("kill");
        let killed = kill.args(["-9", before.trim_matches('"')]).status()?;
        same(&killed.to_string(), "exit status: 0")?;
        let outcome = tokio::time::timeout(LIMIT, waiting.outcome()).await?;
        same(&outcome.expect_err("ended").into_caught().to_string(), gone)?;
        same(&tokio::time::timeout(LIMIT, watch).await?.to_string(), "noconnection")?;
        becomes(&beam, "abs(-1).", "1").await?;
        let after = value(&beam, "os:getpid()").await?;
        if before == after {
            return Err("the same process".into());
        }
        // By itself, too, and more than once.
        for _ in 0..2 {
            same(&value(&beam, "erlang:halt()").await?, &format!("Error {gone}"))?;
            becomes(&beam, "abs(-1).", "1").await?;
        }
        Ok(())
    })
}

fn messages(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        let code = "register(taker, self()), [receive {N, M} -> M end || N <- lists:seq(1, 100)].";
        let taker = beam.call(evaluation(&beam, code).await?, &context());
        let name = Destination::Name(Atom::new("taker")?);
        let message = |number: i64| Term::tuple([number.into(), Term::atom("hello")]);
        let mut sent = Vec::new();
        // It has its name when the first message has arrived.
        let first = async { while beam.send(&name, message(1), &context()).outcome().await.is_err() {} };
        tokio::time::timeout(LIMIT, first).await?;
        for number in 2..=100 {
            sent.push(beam.send(&name, message(number), &context()));
        }
        for send in sent {
            same(
                &format!("{:?}", send.outcome().await),
                &format!("{:?}", Ok::<_, ()>(Success::Value(Term::atom("ok")))),
            )?;
        }
        let outcome = tokio::time::timeout(LIMIT, taker.outcome()).await?;
        let Ok(Success::Value(taken)) = outcome else { return Err(format!("{outcome:?}").into()) };
        let hellos = taken.as_tuple().and_then(|value| value.get(1)?.as_list()).map(Iterator::count);
        same(&format!("{hellos:?}"), "Some(100)")?;
        let nobody = beam.send(&Destination::Name(Atom::new("nobody")?), Term::NIL, &context());
        same(&nobody.outcome().await.expect_err("nobody").into_caught().to_string(), "{'EXIT',{badarg,[]}}")?;
        let Term::Pid(gone) = evaluated(&beam, "spawn(fun() -> ok end).").await? else { return Err("no pid".into()) };
        let sent = beam.send(&Destination::Pid(gone), Term::NIL, &context()).outcome().await;
        if sent.is_ok() { Ok(()) } else { Err(format!("{sent:?}").into()) }
    })
}

fn monitors(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        let watch = |to| beam.monitor(&to, &context());
        let ended = async |watch: Watch| -> Result<String, Failed> {
            Ok(tokio::time::timeout(LIMIT, watch).await?.to_string())
        };
        same(&ended(watch(Destination::Name(Atom::new("nobody")?))?).await?, "noproc")?;
        let code = "spawn(fun() -> receive {stop, Reason} -> exit(Reason) end end).";
        let Term::Pid(pid) = evaluated(&beam, code).await? else { return Err("no pid".into()) };
        let (first, second) = (watch(Destination::Pid(pid.clone()))?, watch(Destination::Pid(pid.clone()))?);
        let watched_by = format!("length(element(2, process_info(list_to_pid({:?}), monitored_by))).", pid.to_string());
        let watchers = async || -> Result<String, Failed> { Ok(evaluated(&beam, &watched_by).await?.to_string()) };
        same(&watchers().await?, "2")?;
        drop(second);
        same(&watchers().await?, "1")?;
        let stop = "{stop,{shutdown,done}}".parse::<Term>()?;
        let _sent = beam.send(&Destination::Pid(pid), stop, &context()).outcome().await;
        same(&ended(first).await?, "{shutdown,done}")
    })
}

/// Its process ends, and nothing is left of it.
const STOPPABLE: &str = "spawn(fun() -> receive {stop, Reason} -> exit(Reason) end end).";

async fn stoppable(beam: &BeamPort) -> Result<Pid, Failed> {
    match evaluated(beam, STOPPABLE).await? {
        Term::Pid(pid) => Ok(pid),
        other => Err(format!("{other} is no pid").into()),
    }
}

fn exits(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = beam().await?;
        let pid = stoppable(&beam).await?;
        let from = Pid::new(Atom::new("a@b")?, 1, 0, 7);
        let watch = beam.monitor(&pid.clone().into(), &context())?;
        // `normal` is no reason to end.
        for reason in ["normal", "{please,go}"] {
            let sent = beam.exit(&from, &pid, reason.parse()?, &context()).outcome().await;
            same(&format!("{sent:?}"), "Ok(Value(ok))")?;
        }
        same(&tokio::time::timeout(LIMIT, watch).await?.to_string(), "{please,go}")?;
        let gone = beam.exit(&from, &pid, Term::atom("kill"), &context()).outcome().await;
        same(&format!("{gone:?}"), "Ok(Value(ok))")
    })
}

/// A client of a node of processes, behind which this is.
async fn client(beam: Arc<BeamPort>) -> Result<Client, Failed> {
    let mut rng = sshrpc::os_rng()?;
    let (host_key, user_key) = (PrivateKey::generate_ed25519(&mut rng), PrivateKey::generate_ed25519(&mut rng));
    let node = Node::builder().backend(beam).name(Atom::new("front@example")?).acl(Acl::allow_all());
    let node = node.host_key(host_key.clone()).authorized_key(user_key.public().clone()).listen("127.0.0.1:0");
    let node = node.bind().await?;
    let to = Connect::to(&node.local_addr()?.to_string())?.no_config().host_key(host_key.public().clone());
    tokio::spawn(node.run(std::future::pending()));
    Ok(to.identity(Identity::from_key(user_key, "")).connect().await?)
}

fn links(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let beam = Arc::new(beam().await?);
        let client = client(beam.clone()).await?;
        client.cast(&parse_call("persistent_term:put(sshrpc_test,done)")?).await?;
        becomes(&*beam, "persistent_term:get(sshrpc_test, none).", "done").await?;

        let mut mailbox = client.mailbox().await?;
        let pid = stoppable(&beam).await?;
        mailbox.link(&pid).await?;
        client.send(pid.clone(), "{stop,{shutdown,done}}".parse()?).await?;
        let exit = tokio::time::timeout(LIMIT, mailbox.recv()).await??;
        same(&exit.to_string(), &format!("{{'EXIT',{pid},{{shutdown,done}}}}"))?;

        // One that is gone, one that is unlinked, one that ends with its mailbox.
        mailbox.link(&pid).await?;
        let exit = tokio::time::timeout(LIMIT, mailbox.recv()).await??;
        same(&exit.to_string(), &format!("{{'EXIT',{pid},noproc}}"))?;
        let (unlinked, linked) = (stoppable(&beam).await?, stoppable(&beam).await?);
        mailbox.link(&unlinked).await?;
        mailbox.unlink(&unlinked).await?;
        mailbox.link(&linked).await?;
        let watch = client.monitor(linked).await?;
        mailbox.close("{shutdown,over}".parse()?).await?;
        same(&tokio::time::timeout(LIMIT, watch).await??.to_string(), "{shutdown,over}")?;
        same(
            &evaluated(&*beam, &format!("is_process_alive(list_to_pid({:?})).", unlinked.to_string()))
                .await?
                .to_string(),
            "true",
        )
    })
}

fn dropped(_: &Peers) -> Result<(), Failed> {
    let pid = block_on(async {
        let beam = beam().await?;
        value(&beam, "os:getpid()").await
    })?;
    let process = std::path::PathBuf::from(format!("/proc/{}", pid.trim_matches('"')));
    let is_gone =
        || !process.exists() || std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| stat.contains(") Z "));
    if peers::wait_until(LIMIT, is_gone) { Ok(()) } else { Err(format!("process {pid} goes on").into()) }
}

fn broken(_: &Peers) -> Result<(), Failed> {
    block_on(async {
        let missing = BeamPort::builder().program("/nonexistent/erl").start().await;
        let Err(error @ BeamError::NotInstalled(_)) = missing else { return Err(format!("{missing:?}").into()) };
        same(&error.to_string(), "there is no program `/nonexistent/erl`")?;
        let ended = BeamPort::builder().program("false").start().await.expect_err("no BEAM");
        same(&ended.to_string(), "`false` does not serve calls: it has ended (exit status: 1)")?;
        let home = peers::temp_dir()?;
        let program = home.path().join("erl");
        std::fs::write(&program, "#!/bin/sh\necho 'not today' >&2\nexit 3\n")?;
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let said = BeamPort::builder().program(&program).start().await.expect_err("no BEAM");
        same(
            &said.to_string(),
            &format!("`{}` does not serve calls: it has ended (exit status: 3)\n  not today", program.display()),
        )
    })
}
