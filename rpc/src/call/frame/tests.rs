use super::*;
use alloc::string::ToString;
use proptest::prelude::*;

use crate::term::{DecodeErrorKind, decode_exact};

fn limits(max_bytes: usize) -> DecodeLimits {
    DecodeLimits { max_bytes, ..DecodeLimits::DEFAULT }
}

fn term(text: &str) -> Term {
    text.parse().expect("a term")
}

fn stream(terms: &[(Framing, Term)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (framing, term) in terms {
        append(term, *framing, Emit::Otp26, usize::MAX, &mut out).expect("short");
    }
    out
}

/// Everything that comes out of a stream fed in these pieces.
fn cut<'p>(
    decoder: &mut Decoder,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Result<Vec<(Framing, Vec<u8>)>, FrameError> {
    let mut units = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        while let Some(unit) = decoder.take(&mut rest)? {
            units.push((unit.framing, unit.bytes.to_vec()));
        }
        assert!(rest.is_empty(), "all of a piece is taken");
    }
    Ok(units)
}

fn decoded(units: Vec<(Framing, Vec<u8>)>) -> Vec<(Framing, Term)> {
    units.into_iter().map(|(framing, bytes)| (framing, decode_exact(&bytes).expect("a term"))).collect()
}

fn mixed() -> Vec<(Framing, Term)> {
    [
        (Framing::Frame, "{mfa,{lists,seq,[1,5]}}"),
        (Framing::Bare, "{mfa,{lists,seq,[1,5]}}"),
        (Framing::Bare, "a"),
        (Framing::Frame, "[]"),
        (Framing::Frame, "#{a => [1|2]}"),
        (Framing::Bare, "<<\"binary\">>"),
    ]
    .map(|(framing, text)| (framing, term(text)))
    .into()
}

#[test]
fn frames_and_bare_terms_are_told_apart_in_every_split_in_two() {
    let (terms, stream) = (mixed(), stream(&mixed()));
    for at in 0..=stream.len() {
        let (head, tail) = stream.split_at(at);
        let mut decoder = Decoder::new(Expect::Either, DecodeLimits::DEFAULT);
        assert_eq!(decoded(cut(&mut decoder, [head, tail]).expect("well-formed")), terms, "split at {at}");
        assert_eq!(decoder.partial(), None);
    }
}

#[test]
fn a_stream_fed_byte_by_byte_gives_the_same_terms() {
    let (terms, stream) = (mixed(), stream(&mixed()));
    let mut decoder = Decoder::new(Expect::Either, DecodeLimits::DEFAULT);
    assert_eq!(decoded(cut(&mut decoder, stream.chunks(1)).expect("well-formed")), terms);
}

#[test]
fn a_term_that_is_whole_in_its_piece_is_not_copied() {
    let stream = stream(&mixed());
    let mut decoder = Decoder::new(Expect::Either, DecodeLimits::DEFAULT);
    cut(&mut decoder, [&stream[..]]).expect("well-formed");
    assert_eq!(decoder.copied(), 0);
}

#[test]
fn a_frame_may_be_empty_and_may_hold_anything() {
    let mut decoder = Decoder::new(Expect::Frames, DecodeLimits::DEFAULT);
    let units = cut(&mut decoder, [&[0, 0, 0, 0, 0, 0, 0, 2, 7, 7, 0, 0, 0, 0][..]]).expect("well-formed");
    let units: Vec<_> = units.into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(units, [&[][..], &[7, 7], &[]]);
}

#[test]
fn what_is_unfinished_is_reported_after_every_octet() {
    let framed = stream(&[(Framing::Frame, term("{a,1}"))]);
    for came in 0..framed.len() {
        let mut decoder = Decoder::new(Expect::Either, DecodeLimits::DEFAULT);
        assert_eq!(cut(&mut decoder, [&framed[..came]]), Ok(Vec::new()));
        let partial = match came {
            0 => None,
            1..=3 => Some(Partial { received: came, announced: None }),
            _ => Some(Partial { received: came - 4, announced: Some(framed.len() - 4) }),
        };
        assert_eq!(decoder.partial(), partial);
    }
    let bare = &framed[4..];
    for came in 1..bare.len() {
        let mut decoder = Decoder::new(Expect::Either, DecodeLimits::DEFAULT);
        assert_eq!(cut(&mut decoder, [&bare[..came]]), Ok(Vec::new()));
        assert_eq!(decoder.partial(), Some(Partial { received: came, announced: None }));
    }
}

#[test]
fn partial_data_is_described() {
    let framed = Partial { received: 3, announced: Some(9) };
    assert_eq!(framed.to_string(), "it ended within a frame: 3 of 9 octets came");
}

#[test]
fn a_frame_above_the_limit_is_refused_by_its_length_alone() {
    let mut decoder = Decoder::new(Expect::Either, limits(1000));
    assert_eq!(cut(&mut decoder, [&[0, 0, 3][..]]), Ok(Vec::new()));
    let error = cut(&mut decoder, [&[0xe9][..]]).expect_err("1001 octets");
    assert_eq!(error, FrameError::TooLong { announced: 1001, limit: 1000 });
    assert_eq!(error.to_string(), "a frame announces 1001 octets; the limit is 1000");
    assert_eq!(cut(&mut decoder, [&[0][..]]), Err(error), "an error is final");
}

#[test]
fn a_frame_at_the_limit_is_accepted() {
    let mut decoder = Decoder::new(Expect::Frames, limits(1000));
    let mut stream = alloc::vec![0, 0, 3, 0xe8];
    stream.extend([7; 1000]);
    assert_eq!(cut(&mut decoder, stream.chunks(300)).map(|units| units.len()), Ok(1));
}

#[test]
fn a_bare_term_above_the_limit_is_refused_by_its_head() {
    let mut decoder = Decoder::new(Expect::Bare, limits(1000));
    let error = cut(&mut decoder, [&[131, 109, 0, 0, 4, 0][..]]).expect_err("1024 octets");
    assert!(matches!(error, FrameError::Term(error) if error.kind == DecodeErrorKind::TooLong), "{error:?}");
}

#[test]
fn garbage_on_a_shell_is_refused_at_its_first_octet() {
    for first in 132..=255 {
        let mut decoder = Decoder::new(Expect::Either, DecodeLimits::DEFAULT);
        assert_eq!(cut(&mut decoder, [&[first][..]]), Err(FrameError::Start(first)));
    }
}

#[test]
fn text_on_the_subsystem_is_a_frame_that_is_too_long() {
    let mut decoder = Decoder::new(Expect::Frames, DecodeLimits::DEFAULT);
    let error = cut(&mut decoder, [&b"lists:seq(1,5)."[..]]).expect_err("no frame");
    assert_eq!(
        error,
        FrameError::TooLong { announced: u32::from_be_bytes(*b"list"), limit: DecodeLimits::DEFAULT.max_bytes }
    );
}

#[test]
fn a_bare_term_with_an_unknown_tag_is_refused() {
    let mut decoder = Decoder::new(Expect::Either, DecodeLimits::DEFAULT);
    let error = cut(&mut decoder, [&[131, 104, 1, 1][..]]).expect_err("no such tag");
    assert!(matches!(error, FrameError::Term(_)), "{error:?}");
}

#[test]
fn an_announced_length_reserves_nothing() {
    let mut decoder = Decoder::new(Expect::Frames, DecodeLimits::DEFAULT);
    cut(&mut decoder, [&[3, 0, 0, 0, 1, 2, 3][..]]).expect("within the limit");
    assert!(decoder.buffer.capacity() <= 64, "{}", decoder.buffer.capacity());
}

/// Feeds a term of 64 MiB in pieces of 32 KiB and returns how many octets that copied.
fn copied_for_64_mib(framing: Framing) -> u64 {
    let term = Term::binary(alloc::vec![7; (64 << 20) - 64]);
    let stream = stream(&[(framing, term)]);
    let mut decoder = Decoder::new(Expect::Either, DecodeLimits::DEFAULT);
    let mut units = 0;
    for piece in stream.chunks(32 << 10) {
        let mut rest = piece;
        while let Some(unit) = decoder.take(&mut rest).expect("well-formed") {
            assert_eq!(unit.framing, framing);
            assert!(stream.ends_with(unit.bytes));
            units += 1;
        }
    }
    assert_eq!(units, 1);
    assert!(decoder.buffer.capacity() <= 64 << 20, "no more than the term: {}", decoder.buffer.capacity());
    decoder.copied()
}

#[test]
fn a_frame_of_64_mib_in_pieces_of_32_kib_costs_at_most_three_copies_an_octet() {
    assert!(copied_for_64_mib(Framing::Frame) <= 3 * (64 << 20));
}

#[test]
fn a_bare_term_of_64_mib_in_pieces_of_32_kib_costs_at_most_three_copies_an_octet() {
    assert!(copied_for_64_mib(Framing::Bare) <= 3 * (64 << 20));
}

#[test]
fn the_buffer_of_a_large_term_is_given_back() {
    let large = Term::binary(alloc::vec![7; 1 << 20]);
    let stream = stream(&[(Framing::Frame, large), (Framing::Frame, term("a"))]);
    let mut decoder = Decoder::new(Expect::Frames, DecodeLimits::DEFAULT);
    cut(&mut decoder, stream.chunks(1000)).expect("well-formed");
    assert!(decoder.buffer.capacity() <= KEPT_CAPACITY);
}

#[test]
fn what_is_too_long_to_append_leaves_the_output_as_it_was() {
    let mut out = alloc::vec![1, 2];
    for framing in [Framing::Frame, Framing::Bare] {
        assert_eq!(append(&Term::binary(&[0; 10]), framing, Emit::Otp26, 15, &mut out), Err(TooLong));
        assert_eq!(out, [1, 2]);
    }
    append(&Term::binary(&[0; 10]), Framing::Frame, Emit::Otp26, 16, &mut out).expect("16 octets");
    assert_eq!(out[..6], [1, 2, 0, 0, 0, 16]);
}

fn any_pieces(stream: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut pieces, mut rest, mut sizes) = (Vec::new(), stream, sizes.iter().copied().cycle());
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = tail;
    }
    pieces
}

proptest! {
    #[test]
    fn random_splits_give_the_same_terms(
        payloads in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 1..20),
        sizes in prop::collection::vec(1_usize..200, 1..20),
    ) {
        let framing = |framed| if framed { Framing::Frame } else { Framing::Bare };
        let terms: Vec<_> = payloads.into_iter().map(|(f, bytes)| (framing(f), Term::binary(bytes))).collect();
        let pieces = any_pieces(&stream(&terms), &sizes);
        let mut decoder = Decoder::new(Expect::Either, DecodeLimits::DEFAULT);
        let units = cut(&mut decoder, pieces.iter().map(Vec::as_slice)).expect("well-formed");
        prop_assert_eq!(decoded(units), terms);
    }

    #[test]
    fn random_octets_give_terms_or_one_error(
        octets in prop::collection::vec(any::<u8>(), 0..400),
        sizes in prop::collection::vec(1_usize..50, 1..10),
    ) {
        for expect in [Expect::Frames, Expect::Bare, Expect::Either] {
            let whole = cut(&mut Decoder::new(expect, limits(300)), [&octets[..]]);
            let pieces = any_pieces(&octets, &sizes);
            let pieced = cut(&mut Decoder::new(expect, limits(300)), pieces.iter().map(Vec::as_slice));
            prop_assert_eq!(whole, pieced);
        }
    }
}
