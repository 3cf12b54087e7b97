use proptest::collection::vec as bytes;
use proptest::prelude::{any, proptest};

use super::*;
use crate::wire::Problem;

/// A KEXINIT's body whose lists are `lists`.
fn kexinit(lists: &[&str; 10], follows: u8, reserved: u32) -> Vec<u8> {
    let mut body = [7; 16].to_vec();
    lists.iter().for_each(|list| body.put_string(list.as_bytes()));
    body.push(follows);
    body.put_u32(reserved);
    body
}

const LISTS: [&str; 10] = ["k", "h,i", "c1", "c2", "m1", "m2", "none", "zlib,none", "", "en"];

#[test]
fn rfc4253_s7_1_kexinit_field_by_field_and_no_part_of_it() {
    let body = kexinit(&LISTS, 2, 0);
    let message = KexInit::decode(&body).unwrap();
    let read = [
        message.kex,
        message.host_key,
        message.cipher_c2s,
        message.cipher_s2c,
        message.mac_c2s,
        message.mac_s2c,
        message.compression_c2s,
        message.compression_s2c,
    ];
    assert_eq!(read.map(NameList::as_str), LISTS[..8]);
    assert!(message.first_kex_packet_follows, "RFC 4251 s5: any byte but 0 is TRUE");
    for end in 0..body.len() {
        assert_eq!(KexInit::decode(&body[..end]).unwrap_err().problem, Problem::Truncated, "cut at {end}");
    }
    assert_eq!(KexInit::decode(&[&body[..], b"x"].concat()).unwrap_err().problem, Problem::TrailingBytes);
    assert!(KexInit::decode(&kexinit(&LISTS, 0, 1)).is_ok(), "reserved: not ours to refuse");
    for wrong in ["caf\u{e9}", "a\0b"] {
        let mut lists = LISTS;
        lists[3] = wrong;
        assert_eq!(KexInit::decode(&kexinit(&lists, 0, 0)).unwrap_err().problem, Problem::NotAscii);
    }
}

#[test]
fn rfc4253_s11_1_disconnect_and_what_old_peers_leave_out() {
    let mut payload = Vec::new();
    put_disconnect(&mut payload, DisconnectReason::ProtocolError, "why");
    assert_eq!(payload, b"\x01\0\0\0\x02\0\0\0\x03why\0\0\0\0");
    let whole = Disconnect { reason: 2, description: b"why" };
    assert_eq!(Disconnect::decode(&payload[1..]), Ok(whole));
    assert_eq!(Disconnect::decode(&payload[1..12]), Ok(whole), "no language tag");
    assert_eq!(Disconnect::decode(b"\0\0\0\x0b"), Ok(Disconnect { reason: 11, description: b"" }));
    // libssh2's CVE-2019-17498: a length that lies.
    let lies = Disconnect { reason: 11, description: b"" };
    assert_eq!(Disconnect::decode(b"\0\0\0\x0b\xff\xff\xff\xffwhy"), Ok(lies));
    assert!(Disconnect::decode(b"\0\0\0").is_err());
}

#[test]
fn rfc4253_s10_and_s11_layouts() {
    let body = b"\0\0\0\x0cssh-userauth";
    assert_eq!(Service::decode(body), Ok(Service { name: b"ssh-userauth" }));
    let debug = b"\x01\0\0\0\x02hi\0\0\0\x02en";
    assert_eq!(Debug::decode(debug), Ok(Debug { message: b"hi" }));
    for end in 0..body.len() {
        assert!(Service::decode(&body[..end]).is_err());
    }
    for end in 0..debug.len() {
        assert!(Debug::decode(&debug[..end]).is_err());
    }
    assert!(
        Service::decode(&[&body[..], b"x"].concat()).is_err() && Debug::decode(&[&debug[..], b"x"].concat()).is_err()
    );
    let mut payload = Vec::new();
    put_unimplemented(&mut payload, 0x0102_0304);
    assert_eq!(payload, [3, 1, 2, 3, 4]);
}

#[test]
fn rfc8308_s2_3_the_count_of_extensions_is_never_trusted() {
    let one = b"\0\0\0\x01\0\0\0\x01n\0\0\0\x01v";
    let mut message = ExtInfo::decode(one).unwrap();
    assert_eq!(message.next_extension(), Ok(Some(Extension { name: b"n", value: b"v" })));
    assert_eq!(message.next_extension(), Ok(None));
    for end in 0..one.len() {
        assert!(ExtInfo::decode(&one[..end]).is_err(), "cut at {end}");
    }
    for count in [0, 2, u32::MAX] {
        let mut body = one.to_vec();
        body[..4].copy_from_slice(&count.to_be_bytes());
        assert!(ExtInfo::decode(&body).is_err(), "{count}");
    }
    assert!(ExtInfo::decode(&[0; 4]).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(body in bytes(any::<u8>(), 0..200)) {
        let _ = (KexInit::decode(&body), Disconnect::decode(&body), Debug::decode(&body), Service::decode(&body));
        if let Ok(mut message) = ExtInfo::decode(&body) {
            while let Ok(Some(_)) = message.next_extension() {}
        }
    }
}
