//! What a real Erlang wrote, read, printed and refused, against what we do: `vectors/erlang/etf_corpus.txt`.

use sshrpc::term::{DecodeLimits, Emit, Scanner, Style, Term, decode, encode, parse_term, scan};

/// A line of the corpus.
struct Entry {
    bytes: Vec<u8>,
    /// `~0tp` and `~w`; `None` when Erlang refuses the octets.
    text: Option<(String, String)>,
    note: String,
}

fn corpus() -> Vec<Entry> {
    let entries: Vec<_> = vectors::text("erlang/etf_corpus.txt").lines().map(entry).collect();
    assert_eq!(entries.len(), 296);
    entries
}

fn entry(line: &str) -> Entry {
    let columns: Vec<_> = line.split('\t').collect();
    let [hex, pretty, note, plain] = columns[..] else { panic!("four columns: {line}") };
    let text = (pretty != "!badarg").then(|| (pretty.to_owned(), plain.to_owned()));
    Entry { bytes: vectors::hex(hex), text, note: note.to_owned() }
}

/// The lines that Erlang accepts; those that are compressed only in builds that inflate.
fn accepted() -> Vec<(Entry, Term)> {
    let accepted = corpus().into_iter().filter(|entry| entry.text.is_some());
    accepted
        .filter(|entry| cfg!(feature = "zlib") || entry.bytes.get(1) != Some(&80))
        .map(|entry| {
            let (term, _) = decode(&entry.bytes).unwrap_or_else(|error| panic!("{}: {error}", entry.note));
            (entry, term)
        })
        .collect()
}

/// What the generator did to the printed text.
fn as_in_corpus(text: &str) -> String {
    let text: String = text.chars().map(|c| if matches!(c, '\t' | '\n') { ' ' } else { c }).collect();
    match text.char_indices().nth(4000) {
        Some((end, _)) => format!("{}...(truncated text)", &text[..end]),
        None => text,
    }
}

/// Identifiers of other nodes are printed with the position of the node's name in a table of the printing node: 9271 when
/// the corpus was made. We print the 0 that their own node prints.
fn as_its_own_node(text: &str) -> String {
    text.replace("<9271.", "<0.")
}

#[test]
fn accepted_terms_print_as_erlang_prints_them() {
    for (entry, term) in accepted() {
        let (pretty, plain) = entry.text.expect("accepted");
        assert_eq!(as_in_corpus(&term.to_string()), as_its_own_node(&pretty), "{}", entry.note);
        let ours = as_in_corpus(&term.text(Style::PlainLatin1).to_string());
        assert_eq!(ours, as_its_own_node(&plain), "{}", entry.note);
    }
}

#[test]
fn what_erlang_refuses_is_refused() {
    let refused: Vec<_> = corpus().into_iter().filter(|entry| entry.text.is_none()).collect();
    assert_eq!(refused.len(), 43);
    for entry in refused {
        let error = decode(&entry.bytes).expect_err(&entry.note);
        assert!(error.offset <= entry.bytes.len(), "{}: {error}", entry.note);
    }
}

#[test]
fn terms_are_written_as_the_release_writes_them() {
    let mut written = 0;
    for (entry, term) in accepted() {
        let emit = match entry.note.split(' ').next() {
            // Floats as text, as BERT has them.
            Some("mv0") => Emit::Bert,
            Some("mv1") => Emit::Otp25,
            Some("mv2") => Emit::Otp26,
            _ => continue,
        };
        let mut out = Vec::new();
        encode(&term, emit, &mut out).expect("small");
        assert!(out == entry.bytes, "{}: {term}", entry.note);
        written += 1;
    }
    assert!(written > 150, "{written}");
}

#[test]
fn what_is_written_reads_back_equal() {
    for (entry, term) in accepted() {
        for emit in [Emit::Otp25, Emit::Otp26] {
            let mut out = Vec::new();
            encode(&term, emit, &mut out).expect("small");
            let (back, used) = decode(&out).expect("ours");
            assert!(back == term && used == out.len(), "{}", entry.note);
        }
    }
}

#[test]
fn printed_terms_parse_back_equal() {
    for (entry, term) in accepted() {
        let text = term.to_string();
        // Identifiers and closures have no syntax.
        if ["#Fun<", "#Ref<", "#Port<", "<0."].iter().any(|start| text.contains(start)) {
            assert!(parse_term(&text).is_err(), "{}", entry.note);
            continue;
        }
        for text in [text, term.text(Style::Plain).to_string(), term.text(Style::PlainLatin1).to_string()] {
            let back = parse_term(&text).unwrap_or_else(|error| panic!("{}: {error}", entry.note));
            assert!(back == term, "{}: {text}", entry.note);
        }
    }
}

#[test]
fn every_truncation_is_a_clean_error() {
    for (entry, _) in accepted() {
        let (_, used) = decode(&entry.bytes).expect("accepted");
        let all = used.min(3000);
        for len in (0..all).chain(used.saturating_sub(50).max(all)..used) {
            let error = decode(&entry.bytes[..len]).expect_err("truncated");
            assert!(error.offset <= len, "{} cut at {len}: {error}", entry.note);
        }
    }
}

#[test]
fn every_changed_octet_decodes_or_errs_and_never_panics() {
    for entry in corpus().into_iter().filter(|entry| entry.bytes.len() < 400) {
        for position in 0..entry.bytes.len() {
            for change in [0x01, 0x04, 0x10, 0x80, 0xff] {
                let mut bytes = entry.bytes.clone();
                bytes[position] ^= change;
                if let Ok((term, _)) = decode(&bytes) {
                    let again = term.to_bytes().expect("small");
                    assert!(decode(&again).is_ok_and(|(back, _)| back == term), "{}", entry.note);
                    let _ = term.to_string();
                }
                let _ = scan(&bytes, &DecodeLimits::DEFAULT);
            }
        }
    }
}

#[test]
fn the_scanner_finds_the_end_that_the_decoder_finds() {
    for (entry, _) in accepted() {
        let (_, used) = decode(&entry.bytes).expect("accepted");
        let found = scan(&entry.bytes, &DecodeLimits::DEFAULT);
        assert_eq!(found, Ok(Some(used)), "{}", entry.note);
    }
}

#[test]
fn the_scanner_finds_the_end_octet_by_octet() {
    for (entry, _) in accepted() {
        let (_, used) = decode(&entry.bytes).expect("accepted");
        let mut scanner = Scanner::new(DecodeLimits::DEFAULT);
        for (position, octet) in entry.bytes[..used].iter().enumerate() {
            let ended = scanner.push(&[*octet]).expect("valid");
            assert_eq!(ended, (position + 1 == used).then_some(1), "{} at {position}", entry.note);
        }
    }
}

#[test]
fn the_scanner_cuts_a_stream_of_terms_split_anywhere() {
    let terms: Vec<_> = accepted()
        .into_iter()
        .map(|(mut entry, _)| {
            let (_, used) = decode(&entry.bytes).expect("accepted");
            entry.bytes.truncate(used);
            entry.bytes
        })
        .collect();
    let stream = terms.concat();
    for seed in 1..=20_usize {
        let mut scanner = Scanner::new(DecodeLimits::DEFAULT);
        let (mut rest, mut random, mut found, mut start) = (stream.as_slice(), seed, Vec::new(), 0);
        while !rest.is_empty() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let len = (1 + (random >> 33) % (seed * seed * 10)).min(rest.len());
            let (mut piece, after) = rest.split_at(len);
            while let Some(used) = scanner.push(piece).expect("valid") {
                piece = &piece[used..];
                let end = stream.len() - after.len() - piece.len();
                found.push(stream[start..end].to_vec());
                start = end;
            }
            rest = after;
        }
        assert!(found == terms, "seed {seed}");
    }
}

#[test]
fn what_the_scanner_refuses_the_decoder_refuses() {
    for entry in corpus() {
        let scanned = scan(&entry.bytes, &DecodeLimits::DEFAULT);
        let decoded = decode(&entry.bytes);
        match scanned {
            Err(_) | Ok(None) => assert!(decoded.is_err(), "{}", entry.note),
            Ok(Some(end)) => {
                if let Ok((_, used)) = decoded {
                    assert_eq!(used, end, "{}", entry.note);
                }
            }
        }
    }
}
