use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use serde_json::Value;

use super::*;
use crate::acl::{Acl, Policy, Rule};
use crate::backend::{Backend, Caller, Execution, Executor, Functions};
use crate::extended::Destination;
use crate::term::{Atom, Pid, Term, parse_call};

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        bytes.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).map(read).collect()
    }
}

fn read(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap()
}

fn node(rules: &[&str]) -> (Executor, Audit, Kept) {
    let kept = Kept::default();
    let audit = Audit::to_writer(kept.clone()).unwrap();
    let mut functions = Functions::with_builtins();
    functions.register_async("m", "endless", 0, |_, _| core::future::pending());
    let deny = Rule::deny(rules.iter().map(|target| target.parse().unwrap()).collect()).named("no");
    let executor = Executor::new(Arc::new(functions), Acl::new(Policy::new(vec![deny]))).audit(audit.clone());
    (executor, audit, kept)
}

fn alice() -> Context {
    let caller = Caller::new("alice").with_key("SHA256:k").with_certificate("SHA256:ca", vec!["ops".to_owned()]);
    Context::new(caller.with_source("192.0.2.7:50022".parse().unwrap()))
}

#[test]
fn a_line_tells_who_did_what_and_how_it_ended() {
    let (node, audit, kept) = node(&["lists:sort/1"]);
    for call in ["lists:seq(1,3)", "erlang:'+'(1,x)", "erlang:exit(gone)", "erlang:throw(ball)", "lists:sort([])"] {
        assert!(node.call(parse_call(call).unwrap(), &alice()).ready().is_some());
    }
    assert!(node.cast(parse_call("erlang:node()").unwrap(), &alice()).ready().is_some());
    let counter = Destination::Name(Atom::from_static("counter"));
    assert!(node.send(&counter, Term::atom("hello"), &alice()).ready().is_some());
    assert!(node.monitor(&counter, &alice()).is_ok());
    let pid = |id| Pid::new(Atom::from_static("a@b"), id, 0, 1);
    assert!(node.link(&pid(1), &pid(2), &alice()).is_err());
    assert!(node.exit(&pid(1), &pid(2), Term::atom("kill"), &alice()).ready().is_some());
    audit.flush();
    let lines = kept.lines();
    let expected = [
        r#"{"operation":"call","module":"lists","function":"seq","arity":2,"size":4,"outcome":"ok","result_size":6}"#,
        r#"{"operation":"call","module":"erlang","function":"+","arity":2,"size":5,"outcome":"error","reason":"badarith"}"#,
        r#"{"operation":"call","module":"erlang","function":"exit","arity":1,"size":6,"outcome":"exit","reason":"gone"}"#,
        r#"{"operation":"call","module":"erlang","function":"throw","arity":1,"size":6,"outcome":"throw","reason":"ball"}"#,
        r#"{"operation":"call","module":"lists","function":"sort","arity":1,"size":1,"outcome":"denied","reason":"rule \"no\""}"#,
        r#"{"operation":"cast","module":"erlang","function":"node","arity":0,"size":0,"outcome":"ok","result_size":15}"#,
        r#"{"operation":"send","to":"counter","size":7,"outcome":"error","reason":"badarg"}"#,
        r#"{"operation":"monitor","to":"counter","size":0,"outcome":"ok"}"#,
        r#"{"operation":"link","to":"<0.2.0>","size":0,"outcome":"error","reason":"{erpc,notsup}"}"#,
        r#"{"operation":"exit","to":"<0.2.0>","size":6,"outcome":"ok","result_size":4}"#,
    ];
    assert_eq!(lines.len(), expected.len());
    for (line, expected) in lines.into_iter().zip(expected) {
        let mut line = line.as_object().unwrap().clone();
        assert!(line.remove("time").unwrap().as_str().unwrap().ends_with('Z'));
        assert!(line.remove("micros").unwrap().is_u64());
        assert_eq!(line.remove("user").unwrap(), "alice");
        assert_eq!(line.remove("key").unwrap(), "SHA256:k");
        assert_eq!(line.remove("authority").unwrap(), "SHA256:ca");
        assert_eq!(line.remove("principals").unwrap(), serde_json::json!(["ops"]));
        assert_eq!(line.remove("source").unwrap(), "192.0.2.7:50022");
        assert_eq!(Value::Object(line), read(expected.as_bytes()));
    }
}

#[tokio::test]
async fn a_call_whose_caller_goes_is_abandoned() {
    let (node, audit, kept) = node(&[]);
    let execution = node.call(parse_call("m:endless()").unwrap(), &alice());
    assert!(matches!(execution, Execution::Pending(_)));
    drop(execution);
    audit.flush();
    assert_eq!(kept.lines()[0]["outcome"], "abandoned");
}

#[test]
fn a_reason_is_cut_and_nothing_of_the_arguments_is_told() {
    let (node, audit, kept) = node(&[]);
    let call = parse_call("erlang:error(lists)").unwrap();
    let long = Term::list((0..100_000).map(Term::from));
    let call = crate::call::Call::new(call.module, call.function, vec![long]);
    assert!(node.call(call, &alice()).ready().is_some());
    let secret = parse_call("sshrpc:echo(<<\"opensesame\">>)").unwrap();
    assert!(node.call(secret, &alice()).ready().is_some());
    audit.flush();
    let lines = kept.lines();
    let reason = lines[0]["reason"].as_str().unwrap();
    assert!(reason.len() < 300 && reason.starts_with("[0,1,2,") && reason.ends_with("..."), "{reason}");
    assert!(!lines[1].to_string().contains("opensesame"));
}

/// Says that it was asked to write, and waits until it may.
struct Gate {
    asked: SyncSender<()>,
    opened: Receiver<()>,
    kept: Kept,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whoever opens the gate for good drops both ends.
        let _ = self.asked.send(());
        let _ = self.opened.recv();
        self.kept.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_queue_that_overflows_loses_entries_and_says_how_many() {
    let (asked, wait) = sync_channel(0);
    let (open, opened) = channel::<()>();
    let kept = Kept::default();
    let gate = Gate { asked, opened, kept: kept.clone() };
    let audit = Audit::to_writer(gate).unwrap();
    let node = Executor::new(Arc::new(Functions::with_builtins()), Acl::default()).audit(audit.clone());
    let call = || assert!(node.call(parse_call("erlang:node()").unwrap(), &alice()).ready().is_some());
    call();
    wait.recv().unwrap();
    // The writer is stuck with the first entry: the queue takes as many as it holds.
    for _ in 0..CAPACITY + 7 {
        call();
    }
    drop((wait, open));
    audit.flush();
    let lines = kept.lines();
    assert_eq!(lines.len(), 1 + CAPACITY + 1);
    let lost: Vec<_> = lines.iter().filter_map(|line| line["lost"].as_u64()).collect();
    assert_eq!(lost, [7]);
}

#[test]
fn a_file_that_was_moved_is_made_anew_on_request() {
    let folder = peers::temp_dir().unwrap();
    let (path, moved) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
    let audit = Audit::to_file(&path).unwrap();
    let node = Executor::new(Arc::new(Functions::with_builtins()), Acl::default()).audit(audit.clone());
    let call = |text: &str| assert!(node.call(parse_call(text).unwrap(), &alice()).ready().is_some());
    call("erlang:node()");
    audit.flush();
    std::fs::rename(&path, &moved).unwrap();
    call("lists:seq(1,2)");
    audit.reopen();
    call("lists:sort([])");
    audit.flush();
    let functions = |path| -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| read(line.as_bytes())["function"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(functions(&moved), ["node", "seq"]);
    assert_eq!(functions(&path), ["sort"]);
}
