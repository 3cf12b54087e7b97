use alloc::{format, vec};

use proptest::collection::vec as bytes;
use proptest::prelude::{any, proptest};

use super::*;
use crate::connection::forward::{BoundPort, StreamLocalChannel, TcpChannel, X11Channel};
use crate::connection::requests::{GlobalRequest, KeyBlobs, PeerOpen};
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
        ChannelRequest::X11(X11Request { single_connection: flag, protocol: text, cookie: text, screen: n[0] }),
        ChannelRequest::AgentForwarding,
        ChannelRequest::XonXoff { client_can_do: flag },
        ChannelRequest::Break { length: n[0] },
        ChannelRequest::EndOfWrite,
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
    fn every_other_channel_round_trips(path in bytes(any::<u8>(), 0..300), originator in "\\PC{0,70}", port: u32) {
        let socket = StreamLocalChannel { path: &path };
        let (direct, forwarded) = (socket.to_direct_data(), socket.to_forwarded_data());
        let x11 = X11Channel { originator: &originator, originator_port: port };
        let (direct_name, forwarded_name) = ("direct-streamlocal@openssh.com", "forwarded-streamlocal@openssh.com");
        assert_eq!(PeerOpen::decode(direct_name, &direct), Ok(PeerOpen::DirectStreamLocal(socket)));
        assert_eq!(PeerOpen::decode(forwarded_name, &forwarded), Ok(PeerOpen::ForwardedStreamLocal(socket)));
        assert_eq!(PeerOpen::decode("x11", &x11.to_data()), Ok(PeerOpen::X11(x11)));
        for (name, data) in [(direct_name, &direct), (forwarded_name, &forwarded), ("x11", &x11.to_data())] {
            for end in 0..data.len() {
                assert!(PeerOpen::decode(name, &data[..end]).is_err());
            }
            assert!(PeerOpen::decode(name, &[&data[..], b"x"].concat()).is_err());
        }
    }

    #[test]
    fn every_global_request_round_trips(text in "\\PC{0,70}", port: u32, path in bytes(any::<u8>(), 0..300)) {
        let blobs = KeyBlobs::to_data([&path[..], b"", b"second"]);
        let keys = KeyBlobs::decode(&blobs).unwrap();
        assert_eq!(keys.iter().collect::<Vec<_>>(), [&path[..], b"", b"second"]);
        let requests = [
            GlobalRequest::TcpipForward { address: &text, port },
            GlobalRequest::CancelTcpipForward { address: &text, port },
            GlobalRequest::StreamLocalForward { path: &path },
            GlobalRequest::CancelStreamLocalForward { path: &path },
            GlobalRequest::NoMoreSessions,
            GlobalRequest::HostKeys(keys),
            GlobalRequest::HostKeysProve(keys),
            GlobalRequest::Keepalive,
            GlobalRequest::Other { name: "x@example.com", data: &path },
        ];
        for request in requests {
            let mut data = Vec::new();
            request.encode_data(&mut data);
            assert_eq!(GlobalRequest::decode(request.name(), &data), Ok(request));
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(data in bytes(any::<u8>(), 0..100)) {
        for request in each([0; 4], "", b"", false) {
            let _ = ChannelRequest::decode(request.request_type(), &data);
        }
        for name in [
            "session",
            "direct-tcpip",
            "forwarded-tcpip",
            "direct-streamlocal@openssh.com",
            "forwarded-streamlocal@openssh.com",
            "x11",
            "auth-agent@openssh.com",
        ] {
            let _ = PeerOpen::decode(name, &data);
        }
        for name in [
            "tcpip-forward",
            "cancel-tcpip-forward",
            "streamlocal-forward@openssh.com",
            "cancel-streamlocal-forward@openssh.com",
            "no-more-sessions@openssh.com",
            "hostkeys-00@openssh.com",
            "hostkeys-prove-00@openssh.com",
        ] {
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
    let layouts: [&[u8]; 14] = [
        b"\0\0\0\x02xy\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x02xy",
        b"\0\0\0\x02xy\0\0\0\x02xy",
        b"",
        b"\0\0\0\x02xy",
        b"\0\0\0\x02ab",
        b"\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04",
        b"\0\0\0\x02ab",
        b"\0\0\0\x01",
        b"\0\0\0\x02ab\x01\0\0\0\x02xy\0\0\0\0",
        b"\x01\0\0\0\x02ab\0\0\0\x02ab\0\0\0\x01",
        b"",
        b"\x01",
        b"\0\0\0\x01",
        b"",
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

#[test]
fn rfc4254_s7_1_the_bound_port_is_four_bytes() {
    assert_eq!(BoundPort(8080).to_data(), [0, 0, 0x1f, 0x90]);
    assert_eq!(BoundPort::decode(&[0, 0, 0x1f, 0x90]), Ok(BoundPort(8080)));
    for wrong in [&b""[..], &[0; 3], &[0; 5]] {
        assert!(BoundPort::decode(wrong).is_err());
    }
}

#[test]
fn openssh_s2_4_streamlocal_layouts() {
    let socket = StreamLocalChannel { path: b"/a" };
    assert_eq!(socket.to_direct_data(), b"\0\0\0\x02/a\0\0\0\0\0\0\0\0");
    assert_eq!(socket.to_forwarded_data(), b"\0\0\0\x02/a\0\0\0\0");
    // "The reserved field is not currently defined and is ignored".
    let with_reserved = b"\0\0\0\x02/a\0\0\0\x01x\0\0\0\x07";
    let decoded = PeerOpen::decode("direct-streamlocal@openssh.com", with_reserved);
    assert_eq!(decoded, Ok(PeerOpen::DirectStreamLocal(socket)));
}

#[test]
fn the_cookie_of_x11_is_not_printed() {
    let request = X11Request { single_connection: false, protocol: "MIT-MAGIC-COOKIE-1", cookie: "c0ffee", screen: 0 };
    assert!(!format!("{:?}", ChannelRequest::X11(request)).contains("c0ffee"));
}
