use alloc::vec;

use proptest::collection::vec as bytes;
use proptest::prelude::{any, proptest};

use super::*;
use crate::wire::Problem;

/// One message of each kind with these values in its fields.
fn each<'a>(n: [u32; 4], text: &'a str, data: &'a [u8], flag: bool) -> Vec<Message<'a>> {
    let [a, b, c, d] = n;
    vec![
        Message::GlobalRequest(GlobalRequestMessage { name: text, want_reply: flag, data }),
        Message::RequestSuccess { data },
        Message::RequestFailure,
        Message::ChannelOpen(ChannelOpen {
            channel_type: text,
            sender_channel: PeerChannel(a),
            initial_window_size: b,
            maximum_packet_size: c,
            data,
        }),
        Message::ChannelOpenConfirmation(ChannelOpenConfirmation {
            recipient_channel: a,
            sender_channel: PeerChannel(b),
            initial_window_size: c,
            maximum_packet_size: d,
        }),
        Message::ChannelOpenFailure(ChannelOpenFailure {
            recipient_channel: a,
            reason: OpenFailureReason(b),
            description: data,
        }),
        Message::ChannelWindowAdjust { recipient_channel: a, bytes_to_add: b },
        Message::ChannelData { recipient_channel: a, data },
        Message::ChannelExtendedData { recipient_channel: a, data_type_code: b, data },
        Message::ChannelEof { recipient_channel: a },
        Message::ChannelClose { recipient_channel: a },
        Message::ChannelRequest(ChannelRequestMessage {
            recipient_channel: a,
            request_type: text,
            want_reply: flag,
            data,
        }),
        Message::ChannelSuccess { recipient_channel: a },
        Message::ChannelFailure { recipient_channel: a },
    ]
}

fn encode(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

fn decode(payload: &[u8]) -> Result<Option<Message<'_>>, InvalidMessage> {
    let (&number, body) = payload.split_first().unwrap();
    Message::decode(number, body)
}

/// How much of a message's end belongs to somebody else: its type decides what it means.
fn open_end(message: &Message<'_>) -> Option<usize> {
    match message {
        Message::GlobalRequest(GlobalRequestMessage { data, .. })
        | Message::RequestSuccess { data }
        | Message::ChannelOpen(ChannelOpen { data, .. })
        | Message::ChannelRequest(ChannelRequestMessage { data, .. }) => Some(data.len()),
        Message::ChannelOpenConfirmation(_) => Some(0),
        _ => None,
    }
}

proptest! {
    #[test]
    fn every_message_round_trips(n: [u32; 4], text in "\\PC{0,70}", data in bytes(any::<u8>(), 0..300), flag: bool) {
        for message in each(n, &text, &data, flag) {
            assert_eq!(decode(&encode(&message)), Ok(Some(message)));
        }
    }

    /// Whatever a peer sends is a message or an error, and a message is what was sent.
    #[test]
    fn arbitrary_bytes_do_not_panic(number in 80..=127_u8, body in bytes(any::<u8>(), 0..100)) {
        if let Ok(Some(message)) = Message::decode(number, &body) {
            assert_eq!(encode(&message)[0], number);
        }
    }
}

#[test]
fn every_truncation_is_an_error_and_so_is_what_follows_the_last_field() {
    for message in each([1, 2, 3, 4], "name", b"data", true) {
        let whole = encode(&message);
        let fixed = whole.len() - open_end(&message).unwrap_or(0);
        for end in 1..fixed {
            let error = decode(&whole[..end]).expect_err("a part of a message");
            assert_eq!(error.problem, Problem::Truncated, "{message:?} cut at {end}");
        }
        let longer = [&whole[..], b"x"].concat();
        match open_end(&message) {
            None => assert_eq!(decode(&longer).unwrap_err().problem, Problem::TrailingBytes, "{message:?}"),
            Some(_) => assert!(decode(&longer).is_ok(), "{message:?}"),
        }
    }
}

#[test]
fn every_length_that_lies_is_an_error() {
    // The length field of each string in turn says more than there is.
    for message in each([1, 2, 3, 4], "name", b"data", true) {
        let whole = encode(&message);
        for at in 1..whole.len().saturating_sub(3) {
            if whole[at..at + 4] == [0, 0, 0, 4] && !matches!(message, Message::ChannelOpenConfirmation(_)) {
                for lie in [whole.len() as u32, u32::MAX, 1 << 31] {
                    let mut lying = whole.clone();
                    lying[at..at + 4].copy_from_slice(&lie.to_be_bytes());
                    assert_eq!(decode(&lying).unwrap_err().problem, Problem::Truncated, "{message:?}");
                }
            }
        }
    }
}

#[test]
fn rfc4254_layouts() {
    let messages = each([1, 2, 3, 4], "ab", b"xyz", true);
    let layouts: [&[u8]; 14] = [
        b"\x50\0\0\0\x02ab\x01xyz",
        b"\x51xyz",
        b"\x52",
        b"\x5a\0\0\0\x02ab\0\0\0\x01\0\0\0\x02\0\0\0\x03xyz",
        b"\x5b\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04",
        b"\x5c\0\0\0\x01\0\0\0\x02\0\0\0\x03xyz\0\0\0\0",
        b"\x5d\0\0\0\x01\0\0\0\x02",
        b"\x5e\0\0\0\x01\0\0\0\x03xyz",
        b"\x5f\0\0\0\x01\0\0\0\x02\0\0\0\x03xyz",
        b"\x60\0\0\0\x01",
        b"\x61\0\0\0\x01",
        b"\x62\0\0\0\x01\0\0\0\x02ab\x01xyz",
        b"\x63\0\0\0\x01",
        b"\x64\0\0\0\x01",
    ];
    for (message, layout) in messages.iter().zip(layouts) {
        assert_eq!(encode(message), layout, "{message:?}");
    }
}

#[test]
fn numbers_that_rfc_4254_does_not_know_are_no_messages() {
    for number in (0..80).chain(83..90).chain(101..=255) {
        assert_eq!(Message::decode(number, b"\0\0\0\0"), Ok(None), "{number}");
    }
}

#[test]
fn rfc4251_s5_any_byte_but_0_is_true() {
    let Ok(Some(Message::GlobalRequest(request))) = decode(b"\x50\0\0\0\x01x\xff") else { panic!("a global request") };
    assert!(request.want_reply);
}

#[test]
fn names_that_are_not_utf8_are_errors() {
    for payload in [&b"\x50\0\0\0\x01\xff\x01"[..], b"\x5a\0\0\0\x01\xff\0\0\0\x01\0\0\0\x02\0\0\0\x03"] {
        assert_eq!(decode(payload).unwrap_err().problem, Problem::NotUtf8);
    }
}
