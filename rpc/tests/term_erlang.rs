//! Random terms, live: Erlang reads what we write and writes it as we do, prints it as we do, and parses what we print.
//!
//! `SSHRPC_SEED`, which a failure names, makes the same terms again.

mod terms;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{Read, Write};
use std::process::{ChildStdin, ChildStdout, ExitCode};

use peers::{Child, Failed, Peers};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sshrpc::term::{Emit, Term, decode_exact, encode};

fn main() -> ExitCode {
    peers::run(vec![
        peers::trial("erlang_writes_prints_and_parses_as_we_do", &["erl"], |peers| {
            with_terms(peers, terms::literals(), literal)
        }),
        peers::trial("erlang_reads_identifiers_and_writes_them_back", &["erl"], |peers| {
            with_terms(peers, terms::terms(), any)
        }),
    ])
}

const TERMS: usize = 3000;

/// Answers each `{Octets, Text}` with what it makes of them: octets, text, and whether the text is the term.
const PROGRAM: &str = r#"
    P = open_port({fd, 0, 1}, [{packet, 4}, binary, eof]),
    Parse = fun(Text) ->
        {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(<<Text/binary, ".">>)),
        {ok, T} = erl_parse:parse_term(Tokens),
        T
    end,
    Loop = fun Loop() -> receive
        {P, {data, Message}} ->
            {Octets, Text} = binary_to_term(Message),
            Answer = try
                T = binary_to_term(Octets),
                Parsed = Text =:= none orelse Parse(Text) =:= T,
                Printed = unicode:characters_to_binary(io_lib:format("~0tp", [T])),
                {term_to_binary(T, [{minor_version, 1}]), Printed, Parsed}
            catch Class:Reason -> {Class, unicode:characters_to_binary(io_lib:format("~0tp", [Reason])), error} end,
            port_command(P, term_to_binary(Answer)),
            Loop();
        {P, eof} -> halt()
    end end,
    Loop().
"#;

/// An Erlang that runs the program.
struct Erlang {
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Erlang {
    /// What it makes of a term as we write it, and perhaps as we print it.
    fn ask(&mut self, octets: &[u8], text: Option<&str>) -> Result<(Term, String, Term), Failed> {
        let text = text.map_or(Term::atom("none"), Term::binary);
        let message = Term::tuple([Term::binary(octets), text]).to_bytes()?;
        self.input.write_all(&u32::try_from(message.len())?.to_be_bytes())?;
        self.input.write_all(&message)?;
        let mut length = [0; 4];
        self.output.read_exact(&mut length)?;
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length))?];
        self.output.read_exact(&mut answer)?;
        match decode_exact(&answer)?.as_tuple() {
            Some([written, printed, parsed]) => Ok((written.clone(), printed.to_text().ok_or("text")?, parsed.clone())),
            _ => Err("no answer".into()),
        }
    }
}

fn with_terms(
    peers: &Peers,
    strategy: impl Strategy<Value = Term>,
    check: fn(&mut Erlang, &Term) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let seed = match std::env::var("SSHRPC_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_unset) => RandomState::new().hash_one(0),
    };
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&u64::to_be_bytes(seed));
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &octets);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (child, input, output) = Child::spawn_with_pipes(peers.command("erl").args(["-noinput", "-eval", PROGRAM]))?;
    let mut erlang = Erlang { _child: child, input, output };
    for number in 0..TERMS {
        let term = strategy.new_tree(&mut runner).map_err(|reason| reason.to_string())?.current();
        // A map that has both zeros as keys is none to OTP 25 and 26.
        if terms::has_zero_in_key(&term) {
            continue;
        }
        check(&mut erlang, &term).map_err(|failed| {
            let why = failed.message().unwrap_or("failed").to_owned();
            Failed::from(format!("SSHRPC_SEED={seed}, term {number}: {term}\n{why}"))
        })?;
    }
    Ok(())
}

fn literal(erlang: &mut Erlang, term: &Term) -> Result<(), Failed> {
    let text = term.to_string();
    let octets = encoded(term)?;
    let (written, printed, parsed) = erlang.ask(&octets, Some(&text))?;
    if !parsed.is_atom("true") {
        return Err(format!("our text is not the term to Erlang: {written} {printed}").into());
    }
    if in_one_order(term) && printed_in_syntax(term) && printed != text {
        return Err(format!("Erlang prints {printed}").into());
    }
    written_as(term, &octets, &written)
}

fn any(erlang: &mut Erlang, term: &Term) -> Result<(), Failed> {
    let octets = encoded(term)?;
    let (written, printed, parsed) = erlang.ask(&octets, None)?;
    if parsed.is_atom("error") {
        return Err(format!("Erlang does not read it: {written} {printed}").into());
    }
    written_as(term, &octets, &written)
}

fn written_as(term: &Term, ours: &[u8], theirs: &Term) -> Result<(), Failed> {
    let theirs = theirs.as_binary().ok_or("octets")?;
    if decode_exact(theirs)? != *term {
        return Err("we read what Erlang writes as another term".into());
    }
    if in_one_order(term) && ours != theirs {
        return Err(format!("ours   {ours:?}\ntheirs {theirs:?}").into());
    }
    Ok(())
}

fn encoded(term: &Term) -> Result<Vec<u8>, Failed> {
    let mut out = Vec::new();
    encode(term, Emit::Otp25, &mut out)?;
    Ok(out)
}

/// Whether the term has no map whose order would be that of a release.
fn in_one_order(term: &Term) -> bool {
    match term {
        Term::Map(map) if map.len() > 1 => false,
        Term::Map(map) => map.as_slice().iter().all(|(key, value)| in_one_order(key) && in_one_order(value)),
        Term::Tuple(tuple) => tuple.as_slice().iter().all(in_one_order),
        Term::List(list) => list.iter().chain(list.tail()).all(in_one_order),
        _ => true,
    }
}

/// Whether the term has no fun: Erlang 25 prints the names in it without the quotes that its own parser wants, and octets
/// of UTF-8 as characters.
fn printed_in_syntax(term: &Term) -> bool {
    match term {
        Term::Fun(_) => false,
        Term::Map(map) => map.as_slice().iter().all(|(key, value)| printed_in_syntax(key) && printed_in_syntax(value)),
        Term::Tuple(tuple) => tuple.as_slice().iter().all(printed_in_syntax),
        Term::List(list) => list.iter().chain(list.tail()).all(printed_in_syntax),
        _ => true,
    }
}
