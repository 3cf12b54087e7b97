//! The built-in functions against what a real Erlang gave for the same calls: `vectors/erlang/builtins.txt`. What has no
//! answer there (clocks, limits) follows.

use std::time::Duration;

use num_bigint::BigInt;

use super::*;
use crate::backend::{Backend, Caller, Context, Execution};
use crate::call::{Call, Class, Outcome, Success};
use crate::term::{List, parse_call};

fn functions() -> Functions {
    Functions::with_builtins()
}

fn execute(functions: &Functions, call: Call) -> Execution {
    functions.call(call, &Context::new(Caller::local()))
}

fn run(functions: &Functions, call: &str) -> Outcome {
    execute(functions, parse_call(call).expect("a call")).ready().expect("at once")
}

fn call(module: &'static str, function: &'static str, args: Vec<Term>) -> Call {
    Call::new(Atom::from_static(module), Atom::from_static(function), args)
}

fn value(outcome: Outcome) -> Term {
    let Success::Value(value) = outcome.expect("a value");
    value
}

#[tokio::test(start_paused = true)]
async fn values_and_reasons_are_those_of_a_real_erlang() {
    let (functions, mut count) = (functions(), 0);
    for line in vectors::text("erlang/builtins.txt").lines() {
        let columns: Vec<_> = line.split('\t').collect();
        let [text, class, result] = columns[..] else { panic!("three columns: {line}") };
        let expected: Term = result.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        let outcome = execute(&functions, parse_call(text).expect("a call")).outcome().await;
        let (ours, reason) = match &outcome {
            Ok(Success::Value(value)) => ("value", value),
            Err(failure) => match failure.class() {
                Class::Error => ("error", failure.reason()),
                Class::Exit => ("exit", failure.reason()),
                Class::Throw => ("throw", failure.reason()),
            },
        };
        assert_eq!((ours, reason), (class, &expected), "{text}");
        count += 1;
    }
    assert_eq!(count, 3541);
}

#[test]
fn now_is_a_triple_that_strictly_increases() {
    let functions = functions();
    let now = || value(run(&functions, "erlang:now()"));
    let times: Vec<_> = (0..1000).map(|_| now()).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    let triple = times[0].as_tuple().expect("a tuple").iter().map(|part| part.as_u64().expect("a number"));
    assert!(triple.skip(1).all(|part| part < 1_000_000));
}

#[test]
fn the_clocks_are_in_nanoseconds_and_go_forward() {
    let functions = functions();
    let read = |name: &str| value(run(&functions, name)).as_i64().expect("a number");
    let (first, second) = (read("erlang:monotonic_time()"), read("erlang:monotonic_time()"));
    assert!(0 < first && first <= second);
    assert!(read("erlang:system_time()") > 1_700_000_000_000_000_000, "some time after 2023");
}

#[tokio::test(start_paused = true)]
async fn sleep_takes_its_time_and_answers_ok() {
    let start = tokio::time::Instant::now();
    let outcome = execute(&functions(), call("timer", "sleep", vec![1500.into()])).outcome().await;
    assert_eq!(outcome, Ok(Success::Value(Term::atom("ok"))));
    assert_eq!(start.elapsed(), Duration::from_millis(1500));
}

#[tokio::test(start_paused = true)]
async fn sleep_may_last_for_ever() {
    for time in [Term::atom("infinity"), u64::MAX.into(), Term::from(BigInt::from(1) << 80)] {
        let work = execute(&functions(), call("timer", "sleep", vec![time])).outcome();
        assert!(tokio::time::timeout(Duration::from_secs(100_000_000), work).await.is_err());
    }
}

#[test]
fn echo_gives_its_argument_back() {
    assert_eq!(
        run(&functions(), "sshrpc:echo({a,[b|c],<<1:3>>})"),
        Ok(Success::Value("{a,[b|c],<<1:3>>}".parse().unwrap()))
    );
}

#[test]
fn results_beyond_the_limit_are_system_limit_before_anything_is_allocated() {
    // Sizes that no machine could allocate: the test would not come back.
    for text in [
        "binary:copy(<<1>>,67108865)",
        "binary:copy(<<1>>,18446744073709551615)",
        "binary:copy(<<1,2>>,9223372036854775808)",
        "lists:seq(1,3000000)",
        "lists:seq(1,1000000000000000000000)",
        "lists:seq(-9223372036854775808,9223372036854775807)",
        "erlang:'bsl'(1,524288)",
        "erlang:'bsl'(1,1000000000000000)",
        "erlang:'bsl'(-1,1000000000000000000000000)",
    ] {
        assert_eq!(run(&functions(), text), Err(Failure::of("system_limit")), "{text}");
    }
}

#[test]
fn results_at_the_limit_are_given() {
    let functions = functions();
    let copied = value(run(&functions, "binary:copy(<<1>>,67108864)"));
    assert_eq!(copied.as_binary().map(<[u8]>::len), Some(64 << 20));
    let shifted = value(run(&functions, "erlang:'bsl'(1,524287)"));
    assert_eq!(shifted, Term::from(BigInt::from(1) << 524_287));
    let twice = call("erlang", "+", vec![shifted.clone(), shifted.clone()]);
    assert_eq!(execute(&functions, twice).ready(), Some(Err(Failure::of("system_limit"))));
    let product = call("erlang", "*", vec![shifted.clone(), shifted]);
    assert_eq!(execute(&functions, product).ready(), Some(Err(Failure::of("system_limit"))));
    assert_eq!(value(run(&functions, "lists:seq(1,1000000)")).as_list().map(|list| list.len()), Some(1_000_000));
}

#[test]
fn the_limits_can_be_set() {
    let mut functions = Functions::new();
    functions.add_builtins(Limits { max_result_bytes: 1000, max_integer_bytes: 10 });
    for text in [
        "binary:copy(<<\"ab\">>,501)",
        "lists:seq(1,100)",
        "erlang:'bsl'(1,80)",
        "erlang:'*'(1099511627776,1099511627776)",
        "lists:sum([1208925819614629174706175,1])",
    ] {
        assert_eq!(run(&functions, text), Err(Failure::of("system_limit")), "{text}");
    }
    for text in ["binary:copy(<<\"ab\">>,500)", "lists:seq(1,20)", "erlang:'bsl'(1,79)"] {
        assert!(run(&functions, text).is_ok(), "{text}");
    }
}

#[test]
fn a_short_request_cannot_make_long_lists_of_octets_into_much_memory() {
    // One octet an element when it came; a whole term an element afterwards.
    let octets = Term::from(List::from_bytes(&vec![7; 4 << 20]));
    let append = call("erlang", "++", vec![octets.clone(), Term::list([Term::atom("a")])]);
    assert_eq!(execute(&functions(), append).ready(), Some(Err(Failure::of("system_limit"))));
    let octets_alone = call("erlang", "++", vec![octets.clone(), octets]);
    assert!(matches!(execute(&functions(), octets_alone).ready(), Some(Ok(_))));
}

#[test]
fn an_io_list_may_nest_deeply() {
    let deep = (0..100_000).fold(Term::list([1.into()]), |inner, _| Term::list([inner]));
    let outcome = execute(&functions(), call("erlang", "list_to_binary", vec![deep])).ready();
    assert_eq!(outcome, Some(Ok(Success::Value(Term::binary(&[1])))));
}

#[test]
fn equal_numbers_keep_their_order_where_erlang_may_swap_them() {
    assert_eq!(value(run(&functions(), "lists:sort([2.0,2,1.0,1])")).to_string(), "[1.0,1,2.0,2]");
}
