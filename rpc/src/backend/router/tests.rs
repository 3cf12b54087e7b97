use super::*;
use crate::backend::{Caller, Functions};
use crate::call::Success;
use crate::term::{Atom, Pid, parse_call};

/// A backend that answers everything with its name.
struct Named(&'static str);

impl Backend for Named {
    fn call(&self, _call: Call, _context: &Context) -> Execution {
        Execution::Ready(Ok(Success::Value(Term::atom(self.0))))
    }

    fn send(&self, _to: &Destination, message: Term, _context: &Context) -> Execution {
        Execution::Ready(Ok(Success::Value(Term::tuple([Term::atom(self.0), message]))))
    }

    fn monitor(&self, _of: &Destination, _context: &Context) -> Result<Watch, Failure> {
        Err(Failure::of(self.0))
    }
}

fn context() -> Context {
    Context::new(Caller::local())
}

fn called(router: &Router, call: &str) -> String {
    match router.call(parse_call(call).expect("a call"), &context()).ready() {
        Some(Ok(Success::Value(value))) => value.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_first_route_that_matches_counts() {
    let router = Router::new(Arc::new(Named("default")))
        .route("lists", Arc::new(Named("exact")))
        .route("shop_*", Arc::new(Named("first")))
        .route("shop_prices", Arc::new(Named("too_late")));
    assert_eq!(called(&router, "lists:seq(1,2)"), "exact");
    assert_eq!(called(&router, "shop_prices:all()"), "first");
    assert_eq!(called(&router, "erlang:now()"), "default");
    assert_eq!(called(&router, "lists2:seq(1,2)"), "default");
    assert_eq!(format!("{router:?}"), "[\"lists\", \"shop_*\", \"shop_prices\"]");
}

#[test]
fn what_a_route_leads_to_is_not_looked_for_elsewhere() {
    let router = Router::new(Arc::new(Functions::with_builtins())).route("lists", Arc::new(Functions::new()));
    let outcome = router.call(parse_call("lists:seq(1,2)").expect("a call"), &context()).ready();
    let failure = outcome.expect("at once").expect_err("no function");
    assert_eq!(failure.reason(), &Term::atom("undef"));
}

#[test]
fn a_star_stands_for_anything() {
    for (pattern, name, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("*", "", true),
        ("*", "any", true),
        ("a*", "a", true),
        ("a*", "ba", false),
        ("*a", "ba", true),
        ("*a", "ab", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*c", "a_b_b_c", true),
        ("a*b*c", "a_c", false),
        ("a*bc*c", "abc", false),
        ("a*bc*c", "abcc", true),
        ("*ab*ab*", "aab", false),
        ("*ab*ab*", "aabab", true),
        ("a**b", "ab", true),
        ("caf\u{e9}*", "caf\u{e9}s", true),
    ] {
        assert_eq!(Pattern(pattern.to_owned()).matches(name), expected, "{pattern} {name}");
    }
}

#[test]
fn a_process_is_whose_it_says_it_is() {
    let name = |name| Destination::Name(Atom::from_static(name));
    let pid = Destination::Pid(Pid::new(Atom::from_static("other@host"), 1, 2, 3));
    let (first, pids) = (name("first"), pid.clone());
    let router = Router::new(Arc::new(Named("default")))
        .processes(move |to| *to == first, Arc::new(Named("names")))
        .processes(move |to| *to == pids, Arc::new(Named("pids")));
    for (to, owner) in [(name("first"), "names"), (pid, "pids"), (name("second"), "default")] {
        let sent = router.send(&to, Term::atom("hello"), &context()).ready();
        assert_eq!(sent, Some(Ok(Success::Value(Term::tuple([Term::atom(owner), Term::atom("hello")])))));
        let Err(refused) = router.monitor(&to, &context()) else { panic!("{owner} watches") };
        assert_eq!(refused, Failure::of(owner));
    }
}
