use super::*;

fn here() -> Pid {
    Pid::new(Atom::from_static("us@h"), 7, 0, 5)
}

fn there() -> Pid {
    Pid::new(Atom::from_static("shop@h"), 90, 1, 6)
}

fn reference() -> Reference {
    Reference::new(Atom::from_static("us@h"), 5, &[3, 2, 1]).expect("a reference")
}

fn term(text: &str) -> Term {
    text.parse().expect("a term")
}

/// Every signal, as it stands on the wire: `here`, `there` and `ref` stand for the two pids and the reference.
fn signals() -> Vec<(Signal, &'static str, Option<&'static str>)> {
    let (from, to) = (here(), there());
    let name = Atom::from_static("name");
    let request = SpawnRequest {
        reference: reference(),
        from: here(),
        group_leader: there(),
        module: Atom::from_static("m"),
        function: Atom::from_static("f"),
        args: vec![term("1"), term("b")],
        options: term("[monitor]"),
    };
    let started = Started { link: false, monitor: true };
    let reply = |result| Signal::SpawnReply { request: reference(), to: here(), started, result };
    let send = |from, to, message| Signal::Send { from, to, message: term(message) };
    vec![
        (send(None, there().into(), "hello"), "{2,'',there}", Some("hello")),
        (send(Some(here()), name.clone().into(), "{a,b}"), "{6,here,'',name}", Some("{a,b}")),
        (Signal::Link { from: from.clone(), to: to.clone() }, "{1,here,there}", None),
        (Signal::Unlink { id: 9, from: from.clone(), to: to.clone() }, "{35,9,here,there}", None),
        (
            Signal::UnlinkAck { id: u64::MAX, from: from.clone(), to: to.clone() },
            "{36,18446744073709551615,here,there}",
            None,
        ),
        (Signal::LinkExit { from: from.clone(), to: to.clone(), reason: term("bye") }, "{24,here,there}", Some("bye")),
        (Signal::Exit { from, to: to.clone(), reason: term("kill") }, "{26,here,there}", Some("kill")),
        (Signal::Monitor { reference: reference(), by: here(), of: to.clone().into() }, "{19,here,there,ref}", None),
        (Signal::Monitor { reference: reference(), by: here(), of: name.clone().into() }, "{19,here,name,ref}", None),
        (Signal::Demonitor { reference: reference(), by: here(), of: to.into() }, "{20,here,there,ref}", None),
        (
            Signal::Down { reference: reference(), of: name.into(), by: there(), reason: term("[1]") },
            "{28,name,there,ref}",
            Some("[1]"),
        ),
        (Signal::SpawnRequest(request), "{29,ref,here,there,{m,f,2},[monitor]}", Some("[1,b]")),
        (reply(Ok(there())), "{31,ref,here,2,there}", None),
        (reply(Err(Atom::from_static("notsup"))), "{31,ref,here,2,notsup}", None),
    ]
}

/// The control message with this text.
fn control(text: &str) -> Term {
    let stands_for = |term: &Term| match term.as_atom().map(Atom::as_str) {
        Some("here") => here().into(),
        Some("there") => there().into(),
        Some("ref") => reference().into(),
        _ => term.clone(),
    };
    Term::tuple(term(text).as_tuple().expect("a tuple").iter().map(stands_for))
}

#[test]
fn signals_have_the_form_of_the_manual_both_ways() {
    for (signal, written, payload) in signals() {
        assert_eq!(to_terms(signal.clone()), (control(written), payload.map(term)), "{written}");
        let payload = payload.map_or(Payload::None, |payload| Payload::Term(term(payload)));
        // Whom a message to a pid is from is not said.
        assert_eq!(from_terms(&control(written), payload), Ok(Received::Signal(signal)), "{written}");
    }
}

#[test]
fn the_forms_that_only_others_use_are_understood() {
    let (from, to) = (here(), there());
    let sent = |from| Signal::Send { from, to: there().into(), message: term("hello") };
    let ended = || Signal::LinkExit { from: from.clone(), to: to.clone(), reason: term("bye") };
    let exit = || Signal::Exit { from: from.clone(), to: to.clone(), reason: term("bye") };
    let named = Signal::Send { from: Some(here()), to: Atom::from_static("name").into(), message: term("hello") };
    let down = Signal::Down { reference: reference(), of: there().into(), by: here(), reason: term("bye") };
    for (written, payload, signal) in [
        ("{12,'',there,token}", Some("hello"), sent(None)),
        ("{22,here,there}", Some("hello"), sent(Some(here()))),
        ("{23,here,there,token}", Some("hello"), sent(Some(here()))),
        ("{16,here,'',name,token}", Some("hello"), named),
        ("{3,here,there,bye}", None, ended()),
        ("{13,here,there,token,bye}", None, ended()),
        ("{25,here,there,token}", Some("bye"), ended()),
        ("{8,here,there,bye}", None, exit()),
        ("{18,here,there,token,bye}", None, exit()),
        ("{27,here,there,token}", Some("bye"), exit()),
        ("{21,there,here,ref,bye}", None, down),
    ] {
        let payload = payload.map_or(Payload::None, |payload| Payload::Term(term(payload)));
        assert_eq!(from_terms(&control(written), payload), Ok(Received::Signal(signal)), "{written}");
    }
    for (written, payload) in [
        ("{5}", Payload::None),
        ("{7,here,there}", Payload::None),
        ("{33,here,ref}", Payload::Term(term("hello"))),
        ("{34,here,ref,token}", Payload::Unreadable),
    ] {
        assert_eq!(from_terms(&control(written), payload), Ok(Received::Nothing), "{written}");
    }
}

#[test]
fn what_is_too_large_says_what_it_was() {
    for (signal, written, payload) in signals() {
        let received = from_terms(&control(written), Payload::Unreadable);
        match (payload, signal) {
            (None, signal) => assert_eq!(received, Ok(Received::Signal(signal)), "{written}"),
            (Some(_), Signal::Down { reference, of, by, .. }) => {
                let reason = term("system_limit");
                assert_eq!(received, Ok(Received::TooLarge(Signal::Down { reference, of, by, reason })));
            }
            (Some(_), _) => assert!(matches!(received, Ok(Received::TooLarge(_))), "{written}"),
        }
    }
}

#[test]
fn what_is_no_control_message_is_malformed() {
    for written in [
        "{}",
        "{a,here,there}",
        "{1,here}",
        "{1,here,name}",
        "{4,here,there}",
        "{19,here,\"name\",ref}",
        "{19,here,there,here}",
        "{31,ref,here,2,1}",
        "{31,ref,here,x,there}",
        "{35,-1,here,there}",
        "{99,here,there}",
    ] {
        assert_eq!(from_terms(&control(written), Payload::None), Err(Malformed), "{written}");
    }
    assert_eq!(from_terms(&term("[1]"), Payload::None), Err(Malformed));
    // A message that is not there.
    assert_eq!(from_terms(&control("{2,'',there}"), Payload::None), Err(Malformed));
    for written in ["{2,'',name}", "{6,here,'',there}", "{29,ref,here,there,{m,f},[]}", "{29,ref,here,there,m,[]}"] {
        assert_eq!(from_terms(&control(written), Payload::Term(Term::NIL)), Err(Malformed), "{written}");
    }
}
