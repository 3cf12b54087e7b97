use alloc::vec;

use proptest::collection::vec as bytes;
use proptest::prelude::{any, proptest};

use super::*;
use crate::connection::forward::TcpChannel;
use crate::connection::requests::{GlobalRequest, PeerOpen};
use crate::wire::Problem;

/// One request of each kind with these values in its fields.
fn each<'a>(n: [u32; 4], text: &'a str, data: &'a [u8], flag: bool) -> Vec<ChannelRequest<'a>> {
    let size = WindowSize { columns: n[0], rows: n[1], width: n[2], height: n[3] };
    vec![
        ChannelRequest::Pty(PtyRequest { term: data, size, modes: data }),
        ChannelRequest::Env { name: data, value: data },
        ChannelRequest::Shell,
        ChannelRequest::Exec { command: data },
        ChannelRequest::Subsystem { name: text },
        ChannelRequest::WindowChange(size),
        ChannelRequest::Signal { name: text },
        ChannelRequest::ExitStatus(n[0]),
        ChannelRequest::ExitSignal(Signal { name: text, core_dumped: flag, message: data }),
    ]
}

fn encode(request: &ChannelRequest<'_>) -> Vec<u8> {
    let mut data = Vec::new();
    request.encode_data(&mut data);
    data
}

proptest! {
    #[test]
    fn every_request_round_trips(n: [u32; 4], text in "\\PC{0,70}", data in bytes(any::<u8>(), 0..300), flag: bool) {
        for request in each(n, &text, &data, flag) {
            assert_eq!(ChannelRequest::decode(request.request_type(), &encode(&request)), Ok(request));
        }
        let other = ChannelRequest::Other { name: "x@example.com", data: &data };
        assert_eq!(ChannelRequest::decode(other.request_type(), &encode(&other)), Ok(other));
    }

    #[test]
    fn every_tcp_channel_round_trips(host in "\\PC{0,70}", port: u32, originator in "\\PC{0,70}", originator_port: u32) {
        let tcp = TcpChannel { host: &host, port, originator: &originator, originator_port };
        let data = tcp.to_data();
        assert_eq!(PeerOpen::decode("direct-tcpip", &data), Ok(PeerOpen::DirectTcpip(tcp)));
        assert_eq!(PeerOpen::decode("forwarded-tcpip", &data), Ok(PeerOpen::ForwardedTcpip(tcp)));
        for end in 0..data.len() {
            assert!(TcpChannel::decode(&data[..end]).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(data in bytes(any::<u8>(), 0..100)) {
        for request in each([0; 4], "", b"", false) {
            let _ = ChannelRequest::decode(request.request_type(), &data);
        }
        for name in ["session", "direct-tcpip", "forwarded-tcpip", "x11"] {
            let _ = PeerOpen::decode(name, &data);
        }
        for name in ["tcpip-forward", "cancel-tcpip-forward", "no-more-sessions@openssh.com"] {
            let _ = GlobalRequest::decode(name, &data);
        }
    }
}

#[test]
fn every_truncation_is_an_error_and_so_is_what_follows_the_last_field() {
    for request in each([1, 2, 3, 4], "name", b"data", true) {
        let whole = encode(&request);
        for end in 0..whole.len() {
            let error = ChannelRequest::decode(request.request_type(), &whole[..end]).unwrap_err();
            assert_eq!(error.problem, Problem::Truncated, "{request:?} cut at {end}");
        }
        let error = ChannelRequest::decode(request.request_type(), &[&whole[..], b"x"].concat()).unwrap_err();
        assert_eq!(error.problem, Problem::TrailingBytes, "{request:?}");
    }
}

#[test]
fn rfc4254_s6_layouts() {
    let layouts: [&[u8]; 9] = [
        b"\0\0\0\x02xy\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x02xy",
        b"\0\0\0\x02xy\0\0\0\x02xy",
        b"",
        b"\0\0\0\x02xy",
        b"\0\0\0\x02ab",
        b"\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04",
        b"\0\0\0\x02ab",
        b"\0\0\0\x01",
        b"\0\0\0\x02ab\x01\0\0\0\x02xy\0\0\0\0",
    ];
    for (request, layout) in each([1, 2, 3, 4], "ab", b"xy", true).iter().zip(layouts) {
        assert_eq!(encode(request), layout, "{request:?}");
    }
}

#[test]
fn rfc4254_s7_1_forwarding_requests() {
    let data = b"\0\0\0\x09127.0.0.1\0\0\0\x50";
    let (address, port) = ("127.0.0.1", 80);
    assert_eq!(GlobalRequest::decode("tcpip-forward", data), Ok(GlobalRequest::TcpipForward { address, port }));
    let cancel = GlobalRequest::CancelTcpipForward { address, port };
    assert_eq!(GlobalRequest::decode("cancel-tcpip-forward", data), Ok(cancel));
    for end in 0..data.len() {
        assert!(GlobalRequest::decode("tcpip-forward", &data[..end]).is_err());
    }
    assert!(GlobalRequest::decode("tcpip-forward", &[&data[..], b"x"].concat()).is_err());
    assert!(PeerOpen::decode("session", b"x").is_err());
}
