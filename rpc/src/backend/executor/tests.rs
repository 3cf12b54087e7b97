use super::*;
use core::task::{Context as TaskContext, Poll};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::backend::{Caller, Cancellation, Canceller, Functions};
use crate::call::Success;
use crate::term::parse_call;

fn executor(functions: Functions) -> Executor {
    Executor::new(Arc::new(functions), Acl::allow_all())
}

fn context() -> Context {
    Context::new(Caller::local())
}

fn call(text: &str) -> Call {
    parse_call(text).expect("a call")
}

fn caught_text(outcome: Outcome) -> String {
    outcome.expect_err("a failure").into_caught().to_string()
}

/// Says when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A function that never ends, and whether it was stopped.
fn endless() -> (Executor, Arc<AtomicBool>) {
    let stopped = Arc::new(AtomicBool::new(false));
    let (mut functions, flag) = (Functions::new(), stopped.clone());
    functions.register_async("m", "endless", 0, move |_, _| {
        let flag = Flag(flag.clone());
        async move {
            let _flag = flag;
            core::future::pending().await
        }
    });
    (executor(functions), stopped)
}

#[test]
fn a_panic_is_an_error_and_the_node_lives_on() {
    let mut functions = Functions::new();
    functions
        .register("m", "str", 1, |_, _| panic!("just text"))
        .register("m", "string", 0, |_, _| panic!("with {}", 1))
        .register("m", "any", 0, |_, _| std::panic::panic_any(7))
        .add("m", "expect", |x: u8| x.checked_add(1).expect("a small number"))
        .add("m", "good", || 1);
    let node = executor(functions);
    for (text, expected) in [
        ("m:str(x)", "{'EXIT',{{panic,<<\"just text\">>},[{m,str,1,[]}]}}"),
        ("m:string()", "{'EXIT',{{panic,<<\"with 1\">>},[{m,string,0,[]}]}}"),
        ("m:any()", "{'EXIT',{{panic,<<\"panic\">>},[{m,any,0,[]}]}}"),
        ("m:expect(255)", "{'EXIT',{{panic,<<\"a small number\">>},[{m,expect,1,[]}]}}"),
    ] {
        assert_eq!(caught_text(node.call(call(text), &context()).ready().expect("at once")), expected);
    }
    assert_eq!(node.call(call("m:good()"), &context()).ready(), Some(Ok(Success::Value(1.into()))));
}

#[tokio::test]
async fn a_panic_while_polled_or_dropped_is_an_error_and_the_node_lives_on() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let mut functions = Functions::new();
    functions
        .register_async("m", "first", 0, |_, _| async move { panic!("at once") })
        .register_async("m", "second", 0, |_, _| async move {
            tokio::task::yield_now().await;
            panic!("later")
        })
        .register_async("m", "bomb", 0, |_, _| async move {
            let _bomb = Bomb;
            core::future::pending().await
        })
        .add("m", "good", || 1);
    let node = executor(functions);
    for (text, message) in [("m:first()", "at once"), ("m:second()", "later")] {
        let outcome = node.call(call(text), &context()).outcome().await;
        let name = &text[2..text.len() - 2];
        assert_eq!(caught_text(outcome), format!("{{'EXIT',{{{{panic,<<\"{message}\">>}},[{{m,{name},0,[]}}]}}}}"));
    }
    let mut bomb = Box::pin(node.call(call("m:bomb()"), &context()).outcome());
    assert!(futures_poll(bomb.as_mut()).is_pending());
    drop(bomb);
    assert_eq!(node.call(call("m:good()"), &context()).outcome().await, Ok(Success::Value(1.into())));
}

fn futures_poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(core::task::Waker::noop()))
}

#[test]
fn an_error_gets_the_place_of_the_call_and_keeps_one_of_its_own() {
    let mut functions = Functions::new();
    functions.register("m", "bare", 2, |_, _| Err(Failure::of("badarg"))).register("m", "own", 0, |_, _| {
        Err(Failure::Error { reason: Term::atom("badarg"), stack: Term::list([Term::atom("mine")]) })
    });
    let node = executor(functions);
    let bare = node.call(call("m:bare(1,2)"), &context()).ready().expect("at once");
    assert_eq!(caught_text(bare), "{'EXIT',{badarg,[{m,bare,2,[]}]}}");
    let own = node.call(call("m:own()"), &context()).ready().expect("at once");
    assert_eq!(caught_text(own), "{'EXIT',{badarg,[mine]}}");
    let undef = node.call(call("m:none(1)"), &context()).ready().expect("at once");
    assert_eq!(caught_text(undef), "{'EXIT',{undef,[{m,none,[1],[]}]}}");
}

#[test]
fn a_denied_call_reaches_no_function() {
    let mut functions = Functions::new();
    functions.register("m", "f", 0, |_, _| panic!("reached"));
    let node = Executor::new(Arc::new(functions), Acl::deny_all());
    let outcome = node.call(call("m:f()"), &context()).ready().expect("at once");
    assert_eq!(caught_text(outcome), "{'EXIT',{{erpc,notsup},[{m,f,0,[]}]}}");
}

#[tokio::test(start_paused = true)]
async fn a_call_is_stopped_at_its_deadline() {
    let (node, stopped) = endless();
    #[expect(clippy::disallowed_methods, reason = "a test of the adapter to tokio's clock")]
    let deadline = Instant::now() + Duration::from_secs(5);
    let outcome = node.call(call("m:endless()"), &context().with_deadline(deadline)).outcome().await;
    assert_eq!(caught_text(outcome), "{'EXIT',{{erpc,timeout},[{m,endless,0,[]}]}}");
    assert!(stopped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_cancelled_call_is_stopped() {
    for how in [Canceller::cancel, drop::<Canceller>] {
        let (node, stopped) = endless();
        let (canceller, cancellation) = Cancellation::new();
        let context = context().with_cancellation(cancellation.clone());
        let work = tokio::spawn(node.call(call("m:endless()"), &context).outcome());
        tokio::task::yield_now().await;
        assert!(!cancellation.is_cancelled() && !stopped.load(Ordering::SeqCst));
        how(canceller);
        assert_eq!(caught_text(work.await.expect("no panic")), "{'EXIT',killed}");
        assert!(cancellation.is_cancelled() && stopped.load(Ordering::SeqCst));
    }
}

#[test]
fn dropping_a_pending_call_stops_it() {
    let (node, stopped) = endless();
    drop(node.call(call("m:endless()"), &context()));
    assert!(stopped.load(Ordering::SeqCst));
}
