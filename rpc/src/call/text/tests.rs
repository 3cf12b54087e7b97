use super::*;
use alloc::vec;

use crate::call::Success;
use crate::term::{Atom, Pid, Term, decode_exact};

fn call_of(command: &str, form: Form) -> (Form, String) {
    let command = Command::parse(command.as_bytes(), form);
    (command.form, command.into_call().expect("a call").to_string())
}

fn refusal(command: &[u8]) -> String {
    Command::parse(command, Form::Term).into_call().expect_err("no call").to_term().to_string()
}

#[test]
fn a_call_or_an_mfa_term_is_a_command() {
    for command in ["lists:seq(1,5).", "lists:seq(1, 5)", " lists:seq(1,5) .\n", "{mfa,{lists,seq,[1,5]}}."] {
        assert_eq!(call_of(command, Form::Term), (Form::Term, "lists:seq(1,5)".into()), "{command}");
    }
}

#[test]
fn the_word_text_asks_for_text_and_is_no_module_then() {
    assert_eq!(call_of("text lists:seq(1,5).", Form::Term), (Form::Text, "lists:seq(1,5)".into()));
    assert_eq!(call_of("text\tlists:seq(1,5).", Form::Terminal), (Form::Terminal, "lists:seq(1,5)".into()));
    assert_eq!(call_of("text:seq(1,5).", Form::Term), (Form::Term, "text:seq(1,5)".into()));
    assert_eq!(call_of("texture:seq(1,5).", Form::Term), (Form::Term, "texture:seq(1,5)".into()));
    assert_eq!(call_of("text text:text(text)", Form::Term), (Form::Text, "text:text(text)".into()));
}

#[test]
fn a_term_that_is_no_call_is_an_unknown_request() {
    assert_eq!(refusal(b"{foo,1}."), "{answer,{{exec_error,{foo,1}},-1}}");
}

#[test]
fn a_syntax_error_names_its_line_and_column_in_the_whole_command() {
    assert!(refusal(b"lists:seq(1,").starts_with("{answer,{{exec_error,{syntax,1,13,<<\""));
    assert!(refusal(b"text lists:seq(1,").starts_with("{answer,{{exec_error,{syntax,1,18,<<\""));
    assert!(refusal(b"text\n  lists:seq(,").starts_with("{answer,{{exec_error,{syntax,2,13,<<\""));
    assert!(refusal(b"text").starts_with("{answer,{{exec_error,{syntax,1,5,<<\""));
    assert!(refusal(b"").starts_with("{answer,{{exec_error,{syntax,1,1,<<\""));
}

#[test]
fn octets_that_are_no_text_are_a_syntax_error_where_they_are() {
    let answer = refusal(b"a:b(\n\"\xff\")");
    assert!(answer.starts_with("{answer,{{exec_error,{syntax,2,2,<<\""), "{answer}");
}

fn render(outcome: crate::call::Outcome, form: Form) -> Rendered {
    Answer::of(outcome).render(form, Emit::Otp26, &DecodeLimits::DEFAULT)
}

#[test]
fn beside_a_term_the_exit_status_is_the_answers_in_32_bits() {
    let good = render(Ok(Success::Value("abc".into())), Form::Term);
    assert_eq!(decode_exact(&good.stdout).expect("a term").to_string(), "{answer,{\"abc\",0}}");
    assert_eq!((good.stderr.len(), good.exit_status), (0, 0));
    let bad = render(Err(Failure::exit(Term::atom("foo"))), Form::Term);
    assert_eq!(decode_exact(&bad.stdout).expect("a term").to_string(), "{answer,{{exec_badrpc,{'EXIT',foo}},-1}}");
    assert_eq!((bad.stderr.len(), bad.exit_status), (0, 0xffff_ffff));
}

#[test]
fn text_is_the_reply_alone_or_a_line_of_error() {
    let good = render(Ok(Success::Value(Term::list([1.into(), "ab".into()]))), Form::Text);
    assert_eq!((&good.stdout[..], &good.stderr[..], good.exit_status), (&b"[1,\"ab\"]\n"[..], &b""[..], 0));
    let bad = render(Err(Failure::of("badarith")), Form::Terminal);
    let line = b"badarith: bad argument in an arithmetic expression\r\n";
    assert_eq!((&bad.stdout[..], &bad.stderr[..], bad.exit_status), (&b""[..], &line[..], 1));
}

#[test]
fn a_syntax_error_is_one_line_for_people() {
    let answer = Command::parse(b"text lists:seq(1,X).", Form::Term).into_call().expect_err("no literal");
    let rendered = answer.render(Form::Text, Emit::Otp26, &DecodeLimits::DEFAULT);
    let line = String::from_utf8(rendered.stderr).expect("text");
    assert!(line.starts_with("syntax error at line 1, column 18: "), "{line}");
    assert_eq!((line.matches('\n').count(), rendered.exit_status), (1, 1));
}

#[test]
fn an_answer_above_the_limit_becomes_system_limit() {
    let limits = DecodeLimits { max_bytes: 100, ..DecodeLimits::DEFAULT };
    let answer = Answer::of(Ok(Success::Value(Term::binary(vec![0; 100]))));
    let rendered = answer.render(Form::Term, Emit::Otp26, &limits);
    let term = decode_exact(&rendered.stdout).expect("a term").to_string();
    assert_eq!(term, "{answer,{{exec_badrpc,{'EXIT',{system_limit,[]}}},-1}}");
    assert_eq!(rendered.exit_status, 0xffff_ffff);
}

#[test]
fn a_call_is_written_as_text_where_its_arguments_are_literals() {
    let call = |args| Call::new(Atom::from_static("a"), Atom::from_static("B c"), args);
    let args = "[1,-2.5,\"text\",<<\"bin\">>,#{k => [a|b]},'Quoted',[],{}]".parse::<Term>().expect("a term");
    let args: Vec<_> = args.as_list().expect("a list").cloned().collect();
    let text = command_text(&call(args.clone())).expect("literals");
    assert_eq!(text, "a:'B c'(1,-2.5,\"text\",<<\"bin\">>,#{k => [a|b]},'Quoted',[],{}).");
    assert_eq!(Command::parse(text.as_bytes(), Form::Term).into_call(), Ok(call(args)));
    let pid = Pid::new(Atom::from_static("n@h"), 1, 2, 3);
    assert_eq!(command_text(&call(vec![pid.into()])), Err(NotExpressible));
}
