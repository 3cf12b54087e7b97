use super::*;

use crate::backend::Caller;
use crate::term::parse_call;

fn run(functions: &Functions, call: &str) -> Outcome {
    let context = Context::new(Caller::local());
    functions.call(parse_call(call).expect("a call"), &context).ready().expect("at once")
}

fn value(text: &str) -> Outcome {
    Ok(Success::Value(text.parse().expect("a term")))
}

#[test]
fn a_function_is_found_by_module_name_and_number_of_arguments() {
    let mut functions = Functions::new();
    functions.register("m", "f", 1, |args, _| Ok(Term::tuple([Term::atom("one"), args[0].clone()]))).register(
        "m",
        "f",
        2,
        |args, _| Ok(Term::tuple([Term::atom("two"), args[1].clone()])),
    );
    assert_eq!(run(&functions, "m:f(a)"), value("{one,a}"));
    assert_eq!(run(&functions, "m:f(a,b)"), value("{two,b}"));
    for other in ["m:f()", "m:g(a)", "n:f(a)"] {
        assert_eq!(run(&functions, other), Err(Failure::undef(&parse_call(other).expect("a call"))));
    }
}

#[test]
fn undef_names_the_arguments_as_erlang_does() {
    let failure = run(&Functions::new(), "nomod:f([1,2],x)").expect_err("not there");
    assert_eq!(failure.into_caught().to_string(), "{'EXIT',{undef,[{nomod,f,[[1,2],x],[]}]}}");
}

#[test]
fn a_function_sees_who_calls() {
    let mut functions = Functions::new();
    functions.register("m", "who", 0, |_, context| Ok(context.caller().user.as_str().into()));
    let context = Context::new(Caller::new("gábor").with_key("SHA256:x"));
    let outcome = functions.call(parse_call("m:who()").expect("a call"), &context).ready();
    assert_eq!(outcome, Some(value("\"gábor\"")));
}

#[test]
fn typed_functions_take_and_give_rust_values() {
    let mut functions = Functions::new();
    functions
        .add("m", "none", || ())
        .add("m", "double", |x: i64| x * 2)
        .add("m", "mean", |numbers: Vec<f64>| numbers.iter().sum::<f64>() / numbers.len() as f64)
        .add("m", "join", |a: String, b: String| a + &b)
        .add("m", "check", |x: u8, limit: u8| if x <= limit { Ok(x) } else { Err(Failure::of("too_large")) })
        .add("m", "negate", |x: bool| !x)
        .add("m", "same", |x: Term| x);
    assert_eq!(run(&functions, "m:none()"), value("ok"));
    assert_eq!(run(&functions, "m:double(-21)"), value("-42"));
    assert_eq!(run(&functions, "m:join(\"ab\",<<\"c\">>)"), value("\"abc\""));
    assert_eq!(run(&functions, "m:check(3,4)"), value("3"));
    assert_eq!(run(&functions, "m:check(5,4)"), Err(Failure::of("too_large")));
    assert_eq!(run(&functions, "m:negate(true)"), value("false"));
    assert_eq!(run(&functions, "m:same({a,[b]})"), value("{a,[b]}"));
    assert_eq!(run(&functions, "m:mean([1,2.0])"), value("1.5"));
    assert_eq!(run(&functions, "m:mean([])"), Err(Failure::of("badarith")), "not a number");
}

#[test]
fn an_argument_of_another_type_is_badarg() {
    let mut functions = Functions::new();
    functions.add("m", "double", |x: u8| x).add("m", "list", |x: Vec<i64>| Term::list(x.into_iter().map(Term::from)));
    for call in ["m:double(256)", "m:double(-1)", "m:double(a)", "m:double(1.0)", "m:list([1|2])", "m:list([a])"] {
        assert_eq!(run(&functions, call), Err(Failure::of("badarg")), "{call}");
    }
}

#[tokio::test]
async fn an_asynchronous_function_is_pending_until_it_is_polled() {
    let mut functions = Functions::new();
    functions.register_async("m", "later", 1, |args, _| async move {
        tokio::task::yield_now().await;
        Ok(args.into())
    });
    let execution = functions.call(parse_call("m:later(x)").expect("a call"), &Context::new(Caller::local()));
    assert!(matches!(execution, Execution::Pending(_)));
    assert_eq!(execution.outcome().await, value("[x]"));
}

#[test]
fn the_functions_are_listed_for_debugging() {
    let mut functions = Functions::new();
    functions.add("b", "f", || 1).add("a", "g", |x: i64| x);
    assert_eq!(format!("{functions:?}"), "[\"a:g/1\", \"b:f/0\"]");
}
