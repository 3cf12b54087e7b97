use std::time::Duration;

use super::*;
use crate::backend::Caller;
use crate::term::parse_call;

fn targets(texts: &[&str]) -> Vec<Target> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn allow(texts: &[&str]) -> Rule {
    Rule::allow(targets(texts))
}

fn deny(texts: &[&str]) -> Rule {
    Rule::deny(targets(texts))
}

fn acl<const N: usize>(rules: [Rule; N]) -> Acl {
    Acl::new(Policy::new(rules.into()))
}

/// What the rules say of a call in a foreign run time.
fn decide(acl: &Acl, caller: Caller, call: &str) -> Decision {
    acl.check(&Context::new(caller), Operation::Call(&parse_call(call).unwrap()), Origin::Foreign)
}

fn allows(acl: &Acl, caller: Caller, call: &str) -> bool {
    decide(acl, caller, call) == Decision::Allow
}

fn anybody() -> Caller {
    Caller::new("anybody")
}

#[test]
fn by_default_what_is_built_in_is_open_and_what_is_foreign_is_not() {
    let (acl, call) = (Acl::default(), parse_call("os:cmd(\"ls\")").unwrap());
    let check = |origin| acl.check(&Context::new(anybody()), Operation::Call(&call), origin);
    assert_eq!(check(Origin::BuiltIn), Decision::Allow);
    assert_eq!(check(Origin::Foreign), Decision::Deny(Denial::Otherwise(Otherwise::BuiltIn)));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let acl = acl([deny(&["lists:sort/1"]), allow(&["lists:*"]), deny(&["lists:seq/2"])]);
    assert!(!allows(&acl, anybody(), "lists:sort([])"));
    assert!(allows(&acl, anybody(), "lists:sort(a,[])"));
    assert!(allows(&acl, anybody(), "lists:seq(1,2)"));
    assert!(!allows(&acl, anybody(), "erlang:node()"));
}

#[test]
fn rules_are_by_key_authority_user_principal_and_address() {
    let network = |text: &str| vec![text.parse().unwrap()];
    let words = |text: &str| vec![Wildcard::new(text)];
    let from = |text: &str| anybody().with_source(text.parse().unwrap());
    let certified =
        |authority: &str, principal: &str| anybody().with_certificate(authority, vec![principal.to_owned()]);
    let cases = [
        (allow(&["*:*"]).keys(vec!["SHA256:a".into()]), anybody().with_key("SHA256:a"), anybody().with_key("SHA256:b")),
        (allow(&["*:*"]).keys(vec!["SHA256:a".into()]), anybody().with_key("SHA256:a"), anybody()),
        (allow(&["*:*"]).authorities(vec!["SHA256:c".into()]), certified("SHA256:c", "x"), certified("SHA256:d", "x")),
        (allow(&["*:*"]).users(words("al*")), Caller::new("alice"), Caller::new("bob")),
        (allow(&["*:*"]).principals(words("ops")), certified("SHA256:c", "ops"), certified("SHA256:c", "dev")),
        (allow(&["*:*"]).principals(words("*")), certified("SHA256:c", "ops"), anybody()),
        (allow(&["*:*"]).sources(network("10.0.0.0/8")), from("10.1.2.3:4"), from("11.1.2.3:4")),
        (allow(&["*:*"]).sources(network("10.0.0.0/8")), from("[::ffff:10.1.2.3]:4"), anybody()),
        (allow(&["*:*"]).sources(network("2001:db8::/32")), from("[2001:db8::1]:4"), from("[2001:db9::1]:4")),
    ];
    for (rule, insider, outsider) in cases {
        let acl = acl([rule]);
        assert!(allows(&acl, insider, "lists:seq(1,2)"), "{acl:?}");
        assert!(!allows(&acl, outsider, "lists:seq(1,2)"), "{acl:?}");
    }
}

#[test]
fn rules_are_by_operation_and_process() {
    let acl = acl([allow(&["lists:*"]).operations(vec![Kind::Cast]), allow(&["counter", "<*>"])]);
    let (context, call) = (Context::new(anybody()), parse_call("lists:seq(1,2)").unwrap());
    let (name, message) = (|name| Destination::Name(crate::term::Atom::from_static(name)), Term::atom("m"));
    let check = |operation: Operation<'_>| acl.check(&context, operation, Origin::Foreign) == Decision::Allow;
    assert!(check(Operation::Cast(&call)));
    assert!(!check(Operation::Call(&call)));
    assert!(check(Operation::Send { to: &name("counter"), message: &message }));
    assert!(!check(Operation::Send { to: &name("other"), message: &message }));
    assert!(check(Operation::Monitor { of: &name("counter") }));
    let pid = Destination::Pid(Pid::new(crate::term::Atom::from_static("a@b"), 100, 0, 1));
    assert!(check(Operation::Monitor { of: &pid }));
    assert!(!check(Operation::Send { to: &pid, message: &message }), "a pid may be anybody's");
    let Destination::Pid(pid) = pid else { panic!("{pid}") };
    assert!(!check(Operation::Link { to: &pid }), "who is linked to it ends with it");
    assert!(!check(Operation::Exit { to: &pid, reason: &message }));
    let acl = self::acl([allow(&["<*>"]).operations(vec![Kind::Exit]).dangerous()]);
    let check = |operation: Operation<'_>| acl.check(&context, operation, Origin::Foreign) == Decision::Allow;
    assert!(check(Operation::Exit { to: &pid, reason: &message }));
    assert!(!check(Operation::Link { to: &pid }));
}

#[test]
fn wildcards_open_nothing_dangerous_unless_the_rule_says_so() {
    for call in
        ["os:cmd(\"id\")", "code:load_file(x)", "erlang:halt()", "init:stop()", "file:delete(f)", "rpc:call(n,m,f,[])"]
    {
        let named = call.split('(').next().unwrap();
        let arity = parse_call(call).unwrap().args.len();
        for wildcard in ["*:*", &format!("{}:*", named.split(':').next().unwrap()), named, &format!("{named}/*")] {
            assert!(!allows(&acl([allow(&[wildcard])]), anybody(), call), "{wildcard} {call}");
            assert!(allows(&acl([allow(&[wildcard]).dangerous()]), anybody(), call), "{wildcard} {call}");
            assert!(!allows(&acl([deny(&[wildcard]), allow(&["*:*"]).dangerous()]), anybody(), call), "{wildcard}");
        }
        assert!(allows(&acl([allow(&[&format!("{named}/{arity}")])]), anybody(), call), "{call} by its full name");
        let open = Acl::new(Policy::new(Vec::new()).otherwise(Otherwise::Allow));
        assert!(!allows(&open, anybody(), call) && allows(&open, anybody(), "lists:seq(1,2)"));
    }
    let (context, message) = (Context::new(anybody()), Term::atom("stop"));
    let rex = Destination::Name(crate::term::Atom::from_static("rex"));
    let send = |rule| acl([rule]).check(&context, Operation::Send { to: &rex, message: &message }, Origin::Foreign);
    assert_ne!(send(allow(&["*"])), Decision::Allow);
    assert_eq!(send(allow(&["*"]).dangerous()), Decision::Allow);
    assert_eq!(send(allow(&["rex"])), Decision::Allow);
}

#[test]
fn a_function_among_the_arguments_is_as_good_as_a_call_of_it() {
    let harmless = acl([allow(&["lists:*"])]);
    assert!(allows(&harmless, anybody(), "lists:map(fun lists:reverse/1,[[1]])"));
    let denied = decide(&harmless, anybody(), "lists:map(fun os:cmd/1,[\"id\"])");
    assert!(matches!(&denied, Decision::Deny(Denial::Fun { fun, .. }) if fun == "os:cmd/1"), "{denied:?}");
    assert!(!allows(&harmless, anybody(), "lists:map(x,#{k => [{fun erlang:halt/0}]})"));
    assert!(!allows(&acl([allow(&["*:*"])]), anybody(), "lists:foreach(fun os:cmd/1,[\"id\"])"));
    assert!(allows(&acl([allow(&["*:*"]).dangerous()]), anybody(), "lists:foreach(fun os:cmd/1,[\"id\"])"));
    let both = acl([allow(&["lists:*", "os:cmd/1"])]);
    assert!(allows(&both, anybody(), "lists:foreach(fun os:cmd/1,[\"id\"])"));
    // What is built in calls no functions that it is given.
    let echo = parse_call("sshrpc:echo(fun os:cmd/1)").unwrap();
    assert_eq!(
        Acl::default().check(&Context::new(anybody()), Operation::Call(&echo), Origin::BuiltIn),
        Decision::Allow
    );
}

#[test]
fn a_closure_is_code_and_wants_a_dangerous_rule() {
    // NEW_FUN_EXT, arity 0, of the module m, without free variables.
    let mut bytes = vec![131, 112, 0, 0, 0, 0, 0];
    bytes.extend([7; 16]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 0, 119, 1, b'm', 97, 0, 97, 0]);
    bytes.extend([88, 119, 1, b'n', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let length = u32::try_from(bytes.len() - 2).unwrap();
    bytes[2..6].copy_from_slice(&length.to_be_bytes());
    let closure = crate::term::decode_exact(&bytes).expect("a closure");
    let call = parse_call("lists:foreach(x,[])").unwrap();
    let call = Call::new(call.module, call.function, vec![closure, Term::NIL]);
    let check = |acl: &Acl| acl.check(&Context::new(anybody()), Operation::Call(&call), Origin::Foreign);
    assert_eq!(check(&acl([allow(&["lists:*"])])), Decision::Deny(Denial::Closure));
    assert_eq!(check(&acl([allow(&["lists:*"]).dangerous()])), Decision::Allow);
}

#[test]
fn too_large_and_too_often_is_system_limit_and_denied_is_notsup() {
    let rule = allow(&["lists:*"]).max_size(100).rate("2/h".parse().unwrap());
    let acl = acl([rule]);
    let failure = |call: &str, key: &str| match decide(&acl, anybody().with_key(key), call) {
        Decision::Deny(denial) => denial.failure().reason().to_string(),
        Decision::Allow => "allowed".to_owned(),
    };
    let large = format!("lists:reverse({:?})", "x".repeat(200));
    assert_eq!(failure(&large, "a"), "{erpc,system_limit}");
    assert_eq!(failure("lists:seq(1,2)", "a"), "allowed");
    assert_eq!(failure("lists:seq(1,2)", "a"), "allowed");
    assert_eq!(failure("lists:seq(1,2)", "a"), "{erpc,system_limit}");
    assert_eq!(failure("lists:seq(1,2)", "b"), "allowed");
    assert_eq!(failure("erlang:node()", "a"), "{erpc,notsup}");
}

#[test]
fn rules_are_replaced_for_all_who_hold_them() {
    let acl = acl([allow(&["lists:*"])]);
    let other = acl.clone();
    assert!(allows(&other, anybody(), "lists:seq(1,2)"));
    acl.replace(Policy::new(vec![deny(&["lists:*"])]));
    assert!(!allows(&other, anybody(), "lists:seq(1,2)"));
}

#[test]
fn an_explanation_has_each_rule_before_the_one_that_decides() {
    let policy = Policy::new(vec![
        allow(&["*:*"]).users(vec![Wildcard::new("root")]).at_line(1),
        allow(&["*:*"]).at_line(5),
        deny(&["os:*"]).at_line(9).named("no shell"),
        allow(&["*:*"]).dangerous().at_line(13),
    ]);
    let object = Object::Function { module: "os", function: "cmd", arity: 1 };
    let said = policy.explain(&anybody(), Subject::new(Kind::Call, object), Origin::Foreign);
    let why: Vec<_> = said.passed.iter().map(|step| (step.line, step.why)).collect();
    assert_eq!(why, [(Some(1), Mismatch::User), (Some(5), Mismatch::Dangerous(Danger::System))]);
    assert_eq!((said.line, said.by.as_str()), (Some(9), "rule \"no shell\" at line 9"));
    assert!(matches!(said.decision, Decision::Deny(Denial::Rule(_))));
}

#[test]
fn a_denial_says_when_to_try_again() {
    let denial = Denial::Rate { rule: "r".into(), rate: "2/h".parse().unwrap(), wait: Duration::from_millis(1500) };
    assert_eq!(denial.to_string(), "r: more than 2/h; the next one may come in 1.5 s");
}
