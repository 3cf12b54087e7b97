use proptest::collection::vec as bytes;
use proptest::prelude::{any, proptest};

use super::*;
use crate::wire::Problem;

/// Reads an answer, and says whether it could.
type Reads = fn(&[u8]) -> bool;

/// A request of each method that we send.
fn each(user: &str, text: &str, data: &[u8]) -> Vec<Vec<u8>> {
    let mut signed = Vec::new();
    put_to_be_signed(&mut signed, user, text, data, None);
    signed.put_string(b"signature");
    let mut bound = Vec::new();
    put_to_be_signed(&mut bound, user, text, data, Some(b"host key"));
    bound.put_string(b"signature");
    let mut all = alloc::vec![signed, bound];
    let mut add = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut payload = Vec::new();
        write(&mut payload);
        all.push(payload);
    };
    add(&|out| put_none(out, user));
    add(&|out| put_query(out, user, text, data));
    add(&|out| put_password(out, user, data));
    add(&|out| put_password_change(out, user, data, b"new"));
    add(&|out| put_keyboard_interactive(out, user, text));
    all
}

fn problem(payload: &[u8]) -> Option<Problem> {
    Request::decode(payload).err().map(|error| error.problem)
}

proptest! {
    #[test]
    fn every_request_round_trips(user in "\\PC{0,70}", text in "\\PC{0,70}", data in bytes(any::<u8>(), 0..300)) {
        for payload in each(&user, &text, &data) {
            let request = Request::decode(&payload).unwrap();
            assert_eq!((request.user, request.service), (&*user, &b"ssh-connection"[..]));
            match request.method {
                Method::None => {}
                Method::Query { algorithm, key, host_key } => {
                    assert_eq!((algorithm, key, host_key), (&*text, &data[..], None));
                }
                Method::Signed { algorithm, key, host_key, signature, signed } => {
                    assert_eq!((algorithm, key, signature), (&*text, &data[..], &b"signature"[..]));
                    assert!(host_key.is_none_or(|key| key == b"host key"));
                    // What is signed is the message up to the signature.
                    assert_eq!(signed, &payload[..payload.len() - 13]);
                }
                Method::Password { password } => assert_eq!(password, data),
                Method::PasswordChange { old, new } => assert_eq!((old, new), (&data[..], &b"new"[..])),
                Method::KeyboardInteractive { submethods } => assert_eq!(submethods, text),
                Method::Other(_) => panic!("not sent"),
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(body in bytes(any::<u8>(), 0..200)) {
        let _ = (Request::decode(&body).is_ok(), Failure::decode(&body), PkOk::decode(&body), decode_banner(&body));
        let _ = decode_change_request(&body);
    }
}

#[test]
fn every_truncation_is_an_error_and_so_is_what_follows_the_last_field() {
    for payload in each("user", "algorithm", b"data") {
        for end in 1..payload.len() {
            assert_eq!(problem(&payload[..end]), Some(Problem::Truncated), "cut at {end}");
        }
        assert_eq!(problem(&[&payload[..], b"x"].concat()), Some(Problem::TrailingBytes));
    }
}

#[test]
fn rfc4252_s8_a_password_change_is_read_whole() {
    let mut payload = Vec::new();
    put_request(&mut payload, "u", "password");
    payload.put_bool(true);
    payload.put_string(b"old");
    assert_eq!(problem(&payload), Some(Problem::Truncated));
    payload.put_string(b"new");
    let method = Request::decode(&payload).unwrap().method;
    assert!(matches!(method, Method::PasswordChange { old: b"old", new: b"new" }));
}

#[test]
fn rfc4252_s5_the_fields_of_an_unknown_method_are_not_looked_at() {
    let mut payload = Vec::new();
    put_request(&mut payload, "u", "hostbased");
    payload.put_bytes(b"anything");
    assert_eq!(Request::decode(&payload).unwrap().method_name(), MethodName::Other("hostbased".to_owned()));
}

#[test]
fn rfc4252_layouts() {
    let requests: [&[u8]; 7] = [
        b"\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x09publickey\x01\0\0\0\x01a\0\0\0\x01k\0\0\0\x09signature",
        b"\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x23publickey-hostbound-v00@openssh.com\x01\0\0\0\x01a\0\0\0\x01k\
          \0\0\0\x08host key\0\0\0\x09signature",
        b"\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x04none",
        b"\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x09publickey\0\0\0\0\x01a\0\0\0\x01k",
        b"\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x08password\0\0\0\0\x01k",
        b"\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x08password\x01\0\0\0\x01k\0\0\0\x03new",
        b"\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x14keyboard-interactive\0\0\0\0\0\0\0\x01a",
    ];
    assert_eq!(each("u", "a", b"k"), requests);
    let mut out = Vec::new();
    put_failure(&mut out, &[MethodName::PublicKey, MethodName::Password], Partial::Success);
    assert_eq!(out, b"\x33\0\0\0\x12publickey,password\x01");
    let failure = Failure::decode(&out[1..]).unwrap();
    assert_eq!((failure.can_continue.as_str(), failure.partial), ("publickey,password", Partial::Success));
    let mut out = Vec::new();
    put_banner(&mut out, "hi");
    assert_eq!(out, b"\x35\0\0\0\x02hi\0\0\0\0");
    assert_eq!(decode_banner(&out[1..]), Ok(&b"hi"[..]));
    let mut out = Vec::new();
    put_change_request(&mut out, "hi");
    assert_eq!(out, b"\x3c\0\0\0\x02hi\0\0\0\0");
    assert_eq!(decode_change_request(&out[1..]), Ok(&b"hi"[..]));
    let mut out = Vec::new();
    put_pk_ok(&mut out, "a", b"k");
    assert_eq!(out, b"\x3c\0\0\0\x01a\0\0\0\x01k");
    let ok = PkOk::decode(&out[1..]).unwrap();
    assert_eq!((ok.algorithm, ok.key), (&b"a"[..], &b"k"[..]));
}

#[test]
fn answers_are_read_whole() {
    let answers: [(&[u8], Reads); 4] = [
        (b"\0\0\0\x01a\x01", |body| Failure::decode(body).is_ok()),
        (b"\0\0\0\x01a\0\0\0\x01k", |body| PkOk::decode(body).is_ok()),
        (b"\0\0\0\x01a\0\0\0\x01k", |body| decode_banner(body).is_ok()),
        (b"\0\0\0\x01a\0\0\0\x01k", |body| decode_change_request(body).is_ok()),
    ];
    for (body, reads) in answers {
        assert!(reads(body) && !reads(&[body, b"x"].concat()));
        assert!((0..body.len()).all(|end| !reads(&body[..end])));
    }
}
