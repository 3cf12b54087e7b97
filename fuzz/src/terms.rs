//! Terms: what can be decoded, scanned, printed and parsed says the same, whichever way it is taken.

use sshrpc::call::{Command, Form};
use sshrpc::term::{
    DecodeLimits, Emit, Scanner, Style, Term, decode_exact, decode_with, encode, parse_call, parse_expression,
    parse_term, scan,
};

/// The tag of a compressed term.
const COMPRESSED: u8 = 80;

/// Limits that a fuzzer can reach.
pub fn limits() -> DecodeLimits {
    let mut limits = DecodeLimits::DEFAULT;
    limits.max_bytes = 1 << 18;
    limits.max_depth = 300;
    limits.max_nodes = 1 << 12;
    limits.max_atoms = 100;
    limits.max_integer_bytes = 1 << 10;
    limits
}

/// External terms: the decoder and the scanner agree, and what was read is written so that it is read as the same.
pub fn term_decode(data: &[u8]) {
    let limits = limits();
    let scanned = scan(data, &limits);
    let in_pieces = scan_in_pieces(data, &limits);
    if data.get(1) == Some(&COMPRESSED) {
        // Which of several errors shows first, and where, depends on how much was inflated at once.
        assert_eq!(scanned.map_err(drop), in_pieces.map_err(drop), "the pieces make no difference");
    } else {
        assert_eq!(scanned, in_pieces, "the pieces make no difference");
    }
    let (term, used) = match decode_with(data, &limits) {
        Ok(decoded) => decoded,
        Err(error) => {
            assert!(error.offset <= data.len(), "{error}");
            assert!(
                !(error.is_incomplete() && matches!(scanned, Ok(Some(_)))),
                "whole for one, incomplete for the other"
            );
            let _ = error.to_string();
            return;
        }
    };
    assert_eq!(scanned, Ok(Some(used)), "{term}");
    for emit in [Emit::Otp25, Emit::Otp26] {
        let mut out = Vec::new();
        encode(&term, emit, &mut out).expect("short");
        let back = decode_exact(&out).expect("we read what we write");
        assert!(back == term, "{back} {term}");
        let mut again = Vec::new();
        encode(&back, emit, &mut again).expect("short");
        assert!(again == out, "one term is written in one way");
    }
    assert_eq!(term.cmp(&term), core::cmp::Ordering::Equal);
    print(&term);
}

fn scan_in_pieces(data: &[u8], limits: &DecodeLimits) -> Result<Option<usize>, sshrpc::term::DecodeError> {
    let mut scanner = Scanner::new(*limits);
    let mut before = 0;
    // Pieces of 1, 2, 3, ... bytes.
    for length in 1.. {
        let Some(rest) = data.get(before..).filter(|rest| !rest.is_empty()) else { break };
        let piece = &rest[..length.min(rest.len())];
        if let Some(used) = scanner.push(piece)? {
            return Ok(Some(before + used));
        }
        before += piece.len();
    }
    Ok(None)
}

/// Prints a term in every style, and reads it again where its text has a meaning.
fn print(term: &Term) {
    for style in [Style::Pretty, Style::Plain, Style::PlainLatin1] {
        let text = term.text(style).to_string();
        // Identifiers and closures have no syntax, so it is no error when this is one; but it is the same if it is none.
        match parse_term(&text) {
            Ok(back) => assert!(back == *term, "{text}"),
            Err(error) => assert!(
                ["#Fun<", "#Ref<", "#Port<", "<0."].iter().any(|opaque| text.contains(opaque))
                    || too_deep(&text)
                    // A fun of more arguments than Erlang has syntax for, which Erlang takes from a peer all the same.
                    || error.message == "an arity is 0 to 255",
                "{text}: {error}",
            ),
        }
    }
}

/// The parser has a limit of its own.
fn too_deep(text: &str) -> bool {
    text.bytes().filter(|byte| b"[{(#".contains(byte)).count() > 10_000
}

/// Erlang's syntax: no text does harm, and what was read is printed so that it is read as the same.
pub fn term_text(data: &[u8]) {
    for form in [Form::Term, Form::Text, Form::Terminal] {
        if let Err(answer) = Command::parse(data, form).into_call() {
            let _ = answer.render(form, Emit::Otp26, &limits());
        }
    }
    let Ok(text) = core::str::from_utf8(data) else { return };
    match parse_term(text) {
        Ok(term) => {
            let mut out = Vec::new();
            encode(&term, Emit::Otp26, &mut out).expect("short");
            // A few characters can ask for 64 MiB of a binary; nobody waits for its text.
            if out.len() < 1 << 16 {
                print(&term);
            }
            assert!(decode_exact(&out).expect("we read what we write") == term, "{term}");
        }
        Err(error) => {
            let lines = u32::try_from(text.lines().count()).expect("few");
            assert!((1..=lines + 1).contains(&error.line), "{error}");
        }
    }
    let _ = parse_expression(text);
    if let Ok(call) = parse_call(text) {
        let back = parse_call(&call.to_string()).expect("we read what we print");
        assert!(back == call, "{call}");
    }
}
