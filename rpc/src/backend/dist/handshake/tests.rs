use super::*;

fn begun() -> Handshake {
    let cookie = Cookie::new(b"secret").expect("a cookie");
    Handshake::begin("shop@127.0.0.1", "us@127.0.0.1", 0x0102_0304, cookie, 0xfedc_ba98).0
}

/// What the node `shop@127.0.0.1` sends as its challenge.
fn challenge(flags: u64, name: &str) -> Vec<u8> {
    let length = u16::try_from(name.len()).expect("a short name").to_be_bytes();
    [b"N", &flags.to_be_bytes()[..], &[0, 0, 0x30, 0x39], &[0, 0, 0, 7], &length, name.as_bytes()].concat()
}

/// Of OTP 25.
const FLAGS: u64 = 55_966_662_588;

#[test]
fn the_digest_is_of_the_cookie_and_the_challenge_as_text() {
    // erlang:md5("secret" ++ "12345") and of 4275878552
    let cookie = Cookie::new(b"secret").expect("a cookie");
    assert_eq!(hex(&digest(&cookie, 12345)), "d4047d3e56e6d6d63f7d16b85cd2fa88");
    assert_eq!(hex(&digest(&cookie, 0xfedc_ba98)), "66d291078e3df872cacaba62f012af18");
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| alloc::format!("{octet:02x}")).collect()
}

#[test]
fn the_name_is_sent_with_flags_and_creation() {
    let cookie = Cookie::new(b"secret").expect("a cookie");
    let (_, first) = Handshake::begin("shop@h", "us@h", 0x0102_0304, cookie, 1);
    assert_eq!(hex(&first), alloc::format!("4e{:016x}01020304000475734068", Flags::OURS.0));
}

#[test]
fn a_handshake_proves_the_cookie_both_ways() {
    for (status, reply) in
        [(&b"sok"[..], Step::Wait), (b"sok_simultaneous", Step::Wait), (b"salive", Step::Send(b"strue".to_vec()))]
    {
        let mut handshake = begun();
        assert_eq!(handshake.process(status), Ok(reply));
        // What is behind the name does not count.
        let challenge = [&challenge(FLAGS, "shop@127.0.0.1")[..], b"more"].concat();
        let Ok(Step::Send(reply)) = handshake.process(&challenge) else { panic!("no reply") };
        assert_eq!(hex(&reply), "72fedcba98d4047d3e56e6d6d63f7d16b85cd2fa88");
        assert_eq!(handshake.closed(), HandshakeError::Cookie);
        let proof = [&b"a"[..], &digest(&handshake.cookie, 0xfedc_ba98)].concat();
        assert_eq!(handshake.process(&proof), Ok(Step::Connected));
        assert_eq!(handshake.process(&proof), Err(HandshakeError::Malformed("a message after the last")));
    }
}

#[test]
fn a_wrong_proof_is_another_cookie() {
    let mut handshake = begun();
    handshake.process(b"sok").expect("a status");
    handshake.process(&challenge(FLAGS, "shop@127.0.0.1")).expect("a challenge");
    for proof in [&[b"a", &[0; 16][..]].concat()[..], b"a", &[b"a", &[0; 17][..]].concat()] {
        assert_eq!(handshake.process(proof), Err(HandshakeError::Cookie));
    }
}

#[test]
fn a_status_says_why_not() {
    for (status, error) in [
        (&b"snok"[..], HandshakeError::Simultaneous),
        (b"snot_allowed", HandshakeError::NotAllowed),
        (b"snamed:\0\x01x\0\0\0\x01", HandshakeError::Malformed("a status that is not known")),
        (b"", HandshakeError::Malformed("no status")),
    ] {
        assert_eq!(begun().process(status), Err(error));
    }
    assert_eq!(begun().closed(), HandshakeError::Closed);
}

#[test]
fn a_challenge_is_whole_and_of_the_node_that_was_dialled() {
    let whole = challenge(FLAGS, "shop@127.0.0.1");
    for length in 0..whole.len() {
        let mut handshake = begun();
        handshake.process(b"sok").expect("a status");
        let part = &whole[..length];
        assert_eq!(handshake.process(part), Err(HandshakeError::Malformed("no challenge")), "{length}");
    }
    for (message, error) in [
        (challenge(FLAGS, "other@127.0.0.1"), HandshakeError::OtherNode("other@127.0.0.1".into())),
        (challenge(0x7499c, "shop@127.0.0.1"), HandshakeError::Lacks(Flags(0x7499c).missing().0)),
    ] {
        let mut handshake = begun();
        handshake.process(b"sok").expect("a status");
        assert_eq!(handshake.process(&message), Err(error));
    }
}
