use super::*;
use crate::backend::{Caller, Functions};
use crate::call::Outcome;
use crate::process::{Front, MailboxLimits, OpenMailbox, ProcessFunctions, SpawnOptions};
use crate::term::parse_call;

fn call_of(module: &str, function: &str, args: Vec<Term>) -> Call {
    Call::new(Atom::new(module).unwrap(), Atom::new(function).unwrap(), args)
}

/// What a function gives, or how `catch` shows its failure.
async fn run(backend: &impl Backend, call: Call) -> String {
    let outcome: Outcome = backend.call(call, &Context::new(Caller::local())).outcome().await;
    match outcome {
        Ok(Success::Value(value)) => value.to_string(),
        Err(failure) => failure.into_caught().to_string(),
    }
}

async fn erlang<const N: usize>(processes: &Processes, function: &str, args: [Term; N]) -> String {
    run(processes, call_of("erlang", function, args.into())).await
}

fn pid(mailbox: &OpenMailbox) -> Term {
    mailbox.pid().clone().into()
}

#[tokio::test]
async fn erlangs_functions_see_the_processes() {
    let processes = Processes::new(Atom::new("a@b").unwrap());
    let (mut one, two) = (processes.open_mailbox(), processes.open_mailbox());
    processes.register(Atom::new("one").unwrap(), one.pid()).unwrap();
    let name = || Term::atom("one");
    assert_eq!(erlang(&processes, "node", []).await, "a@b");
    assert_eq!(erlang(&processes, "registered", []).await, "[one]");
    assert_eq!(erlang(&processes, "whereis", [name()]).await, pid(&one).to_string());
    assert_eq!(erlang(&processes, "whereis", [Term::atom("two")]).await, "undefined");
    assert_eq!(erlang(&processes, "processes", []).await, Term::list([pid(&one), pid(&two)]).to_string());
    assert_eq!(erlang(&processes, "send", [name(), 1.into()]).await, "1");
    let here = Term::tuple([name(), Term::atom("a@b")]);
    assert_eq!(erlang(&processes, "send", [here, 2.into()]).await, "2");
    assert_eq!((one.recv().await, one.recv().await), (Ok(1.into()), Ok(2.into())));
    assert_eq!(erlang(&processes, "exit", [pid(&two), Term::atom("kill")]).await, "true");
    assert_eq!(erlang(&processes, "is_process_alive", [pid(&two)]).await, "false");
    assert_eq!(erlang(&processes, "send", [pid(&two), 3.into()]).await, "3", "a pid that is gone is no error");
}

#[tokio::test]
async fn what_is_wrong_fails_as_in_erlang() {
    let processes = Processes::default();
    let foreign = Processes::new(Atom::new("far@away").unwrap()).open_mailbox();
    let badarg = "{'EXIT',{badarg,[]}}";
    assert_eq!(erlang(&processes, "send", [Term::atom("nobody"), 1.into()]).await, badarg);
    assert_eq!(erlang(&processes, "send", [7.into(), 1.into()]).await, badarg);
    assert_eq!(erlang(&processes, "whereis", ["text".into()]).await, badarg);
    assert_eq!(erlang(&processes, "is_process_alive", [pid(&foreign)]).await, badarg);
    assert_eq!(erlang(&processes, "send", [pid(&foreign), 1.into()]).await, "{'EXIT',{noconnection,[]}}");
    let full = processes.open_mailbox_with(MailboxLimits::new(0, 0));
    assert_eq!(erlang(&processes, "send", [pid(&full), 1.into()]).await, "{'EXIT',{system_limit,[]}}");
    let negative = run(&processes, parse_call("gen_server:call(x,y,-1)").unwrap()).await;
    assert_eq!(negative, "{'EXIT',{timeout_value,[]}}");
    let absent = run(&processes, parse_call("gen_server:call(nobody,ask)").unwrap()).await;
    assert_eq!(absent, "{'EXIT',{noproc,{gen_server,call,[nobody,ask,5000]}}}");
    assert_eq!(run(&processes, parse_call("gen_server:cast(nobody,tell)").unwrap()).await, "ok");
}

#[tokio::test]
async fn process_info_has_the_form_of_erlangs() {
    let processes = Processes::default();
    let (mut one, two) = (processes.open_mailbox(), processes.open_mailbox());
    one.link(two.pid());
    let _reference = one.mailbox().monitor(&two.pid().clone().into());
    processes.send(&one.pid().clone().into(), 1.into()).unwrap();
    let all = erlang(&processes, "process_info", [pid(&one)]).await;
    let expected = format!(
        "[{{message_queue_len,1}},{{links,[{0}]}},{{monitors,[{{process,{0}}}]}},{{monitored_by,[]}},{{trap_exit,true}}]",
        two.pid()
    );
    assert_eq!(all, expected);
    let item = |item: &str| erlang(&processes, "process_info", [pid(&one), item.parse().unwrap()]);
    assert_eq!(item("registered_name").await, "[]");
    assert_eq!(item("[registered_name,trap_exit]").await, "[{registered_name,[]},{trap_exit,true}]");
    assert_eq!(item("colour").await, "{'EXIT',{badarg,[]}}");
    let gone = pid(&two);
    drop(two);
    assert_eq!(erlang(&processes, "process_info", [gone.clone()]).await, "undefined");
    assert_eq!(erlang(&processes, "process_info", [gone, Term::atom("links")]).await, "undefined");
}

#[tokio::test]
async fn what_is_not_of_the_processes_goes_behind_them() {
    let processes = Processes::new(Atom::new("a@b").unwrap());
    let inner = Processes::new(Atom::new("c@d").unwrap());
    let options = SpawnOptions::new().name(Atom::new("inner").unwrap());
    let body = |mut mailbox: crate::process::Mailbox| async move {
        mailbox.recv().await;
        Ok(())
    };
    let behind = inner.spawn_with(options, body).unwrap();
    let front = Front { processes, behind: std::sync::Arc::new(inner), functions: ProcessFunctions::Front };
    assert_eq!(run(&front, parse_call("erlang:node()").unwrap()).await, "a@b");
    let context = Context::new(Caller::local());
    let watch = front.monitor(&behind.into(), &context).unwrap();
    let name = |text| Destination::from(Atom::new(text).unwrap());
    let sent = front.send(&name("inner"), 1.into(), &context).outcome().await;
    assert_eq!(sent, Ok(Success::Value(Term::atom("ok"))));
    assert_eq!(watch.await, Term::atom("normal"));
    assert_eq!(front.send(&name("nobody"), 1.into(), &context).outcome().await, Err(BADARG));

    let functions = Functions::with_builtins();
    let front = Front { behind: std::sync::Arc::new(functions), functions: ProcessFunctions::Behind, ..front };
    assert_eq!(run(&front, parse_call("erlang:node()").unwrap()).await, "nonode@nohost");
}

/// As are all Erlangs without a name of their own.
#[tokio::test]
async fn a_pid_behind_the_processes_may_be_of_a_node_with_the_same_name() {
    let inner = Processes::default();
    let body = |mut mailbox: crate::process::Mailbox| async move {
        mailbox.recv().await;
        Ok(())
    };
    let behind: Destination = inner.spawn(body).into();
    let front = Front {
        processes: Processes::default(),
        behind: std::sync::Arc::new(inner),
        functions: ProcessFunctions::Behind,
    };
    let context = Context::new(Caller::local());
    let watch = front.monitor(&behind, &context).unwrap();
    let sent = front.send(&behind, 1.into(), &context).outcome().await;
    assert_eq!(sent, Ok(Success::Value(Term::atom("ok"))));
    assert_eq!(watch.await, Term::atom("normal"));
}
