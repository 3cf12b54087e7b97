//! `docs/protocol.md`: its examples are what we write and read.

use sshrpc::call::{Answer, Framing, Request, append};
use sshrpc::extended::{ClientMessage, ServerMessage};
use sshrpc::term::{Emit, Term, decode_exact};

/// The lines `    HEX   TERM` of the document.
fn examples() -> Vec<(Vec<u8>, Term)> {
    let document = include_str!("../../docs/protocol.md");
    let lines = document.lines().filter_map(|line| line.strip_prefix("    ")?.split_once("   "));
    let example = |(hex, text): (&str, &str)| {
        let digits: String = hex.split_whitespace().collect();
        let octet = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_else(|_| panic!("{hex}"));
        let octets = (0..digits.len()).step_by(2).map(octet).collect();
        (octets, text.trim().parse().unwrap_or_else(|error| panic!("{text}: {error}")))
    };
    lines.map(example).collect()
}

#[test]
fn the_examples_are_what_we_write_and_read() {
    let examples = examples();
    assert!(examples.len() > 20, "{}", examples.len());
    for (octets, term) in examples {
        let mut written = Vec::new();
        append(&term, Framing::Frame, Emit::Otp26, usize::MAX, &mut written).unwrap();
        let hex: String = written.iter().map(|octet| format!("{octet:02x}")).collect();
        assert!(written == octets, "{term} is written {hex}");
        assert_eq!(decode_exact(&octets[4..]).unwrap(), term);
    }
}

#[test]
fn every_example_is_a_message_that_we_know() {
    for (_, term) in examples() {
        let text = term.to_string();
        let client = ClientMessage::try_from(term.clone()).map(|message| message.to_term()) == Ok(term.clone());
        let server = ServerMessage::try_from(term.clone()).map(|message| message.to_term()) == Ok(term.clone());
        let request = matches!(Request::from(term.clone()), Request::Call(_));
        let answer = Answer::try_from(&term).is_ok();
        let below = text.starts_with("{sshrpc,hello,") || text.starts_with("{part,");
        assert!(client || server || request || answer || below, "{text}");
    }
}
