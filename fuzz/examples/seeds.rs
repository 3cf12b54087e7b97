//! Writes the seeds: `cargo run --example seeds`. They come from the project's vectors and from what is written here.

use std::fs;
use std::path::{Path, PathBuf};

use ssh_proto::keys::PublicKey;
use ssh_proto::wire::{Put, Reader};

fn main() {
    term_seeds();
    bert_seeds();
    key_seeds();
    certificate_seeds();
    extended_seeds();
    for (name, text) in CONFIGS {
        write("host_files", &format!("config-{name}"), text.as_bytes());
    }
    for target in ["packets_to_server", "packets_to_client"] {
        packet_seeds(target);
    }
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("corpus/");
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    fs::write(folder.join(name), bytes).expect("corpus/");
}

/// Each message of the extended protocol, as `docs/protocol.md` shows them.
fn extended_seeds() {
    let document = include_str!("../../docs/protocol.md");
    let lines = document.lines().filter_map(|line| line.strip_prefix("    ")?.split_once("   "));
    for (number, (hex, _term)) in lines.enumerate() {
        let octet = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok();
        let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let mut seed = vec![255];
        seed.extend(digits.chunks(2).map_while(octet));
        write("extended", &format!("example-{number:02}"), &seed);
    }
}

/// Messages of BERT-RPC, behind the octet that says how the stream is taken: in pieces of three.
fn bert_seeds() {
    for (name, messages) in BERT_RPC {
        let mut seed = vec![9];
        for message in messages {
            let bytes = message.parse::<sshrpc::Term>().expect("a term").to_bytes().expect("short");
            seed.extend(u32::try_from(bytes.len()).expect("short").to_be_bytes());
            seed.extend(bytes);
        }
        // What a stream ends with.
        seed.extend([0, 0, 0, 2, 1, 2, 0, 0, 0, 0]);
        write("calls", name, &seed);
    }
}

const BERT_RPC: [(&str, &[&str]); 5] = [
    ("bert-call", &["{call,nat,add,[1,2.5,{bert,dict,[{a,{bert,nil}}]},<<\"b\">>]}"]),
    ("bert-cast", &["{info,callback,[{service,<<\"h:1\">>},{mfa,m,f,[a]}]}", "{cast,m,f,[]}"]),
    ("bert-cache", &["{info,cache,[{validation,<<1>>}]}", "{call,m,f,[]}"]),
    ("bert-stream", &["{info,stream,[]}", "{call,m,f,[]}"]),
    (
        "bert-replies",
        &[
            "{info,cache,[{access,public},{expiration,5}]}",
            "{reply,1}",
            "{info,valid,[]}",
            "{noreply}",
            "{info,stream,[]}",
            "{reply,[]}",
        ],
    ),
];

/// What users write into `~/.ssh/config`, and what nobody should.
const CONFIGS: [(&str, &str); 8] = [
    ("host", "Host example.com *.org !a.org\n  HostName %h.net\n  Port = 2222\n  User \"al b\"\n  HostKeyAlias x\n"),
    (
        "match",
        "Match originalhost 10.0.0.? !user root\n Tag blue\nMatch tagged blue\n Port 5\nMatch final all\n Port 6\n",
    ),
    ("exec", "Match exec \"test %h = x\"\n BatchMode yes\nMatch !localuser me,you canonical\n Compression yes\n"),
    ("jump", "ProxyJump al@one:22,[::1]:3,ssh://%r@gate-%h:%p\nProxyUseFdpass no\n"),
    ("command", "ProxyCommand nc -X 5 %h %p # %%n\nProxyJump none\nIdentityAgent $SOCK\n"),
    (
        "files",
        "IdentityFile ~/%r-%C\nCertificateFile none\nUserKnownHostsFile a \"b c\" '${HOME}'\nIdentitiesOnly yes\n",
    ),
    ("lists", "KexAlgorithms ^curve*\nCiphers +aes128-cbc\nMACs -hmac-*\nHostKeyAlgorithms ssh-ed25519,?sa\n"),
    (
        "include",
        "IgnoreUnknown Pr*,x\nInclude conf.d *.conf [ab]\nPrt 1\nConnectTimeout 1m30s\nServerAliveInterval 0\n",
    ),
];

/// What `ssh-keygen` certified and revoked. For certificates that are signed anew, the fields from the serial to the
/// reserved one.
fn certificate_seeds() {
    for name in CERTIFICATES {
        let line = vectors::text(&format!("certificates/{name}-cert.pub"));
        let (key, _) = PublicKey::from_openssh_line(&line).expect("a certificate");
        write("certificates", name, &[&[0], key.blob()].concat());
        let mut reader = Reader::new(key.blob());
        // The type, the nonce, and the fields of the key.
        let fields = if key.key_type() == "ssh-ed25519-cert-v01@openssh.com" { 3 } else { 4 };
        for _field in 0..fields {
            reader.string("key").expect("a field");
        }
        let rest = reader.rest();
        let mut after = reader.clone();
        let _numbers = (after.u64("serial"), after.u32("type"));
        let _names = (after.string("id"), after.string("principals"));
        let _times = (after.u64("after"), after.u64("before"));
        let _options = (after.string("critical"), after.string("extensions"));
        after.string("reserved").expect("a field");
        let signed = &rest[..rest.len() - after.rest().len()];
        write("certificates", &format!("{name}-fields"), &[&[1], signed].concat());
    }
    for name in LISTS {
        let list = vectors::bytes(&format!("certificates/krl-{name}"));
        write("certificates", &format!("krl-{name}"), &[&[2], &list[..]].concat());
    }
    let text = ["keys/ed25519.pub", "certificates/user-rsa-cert.pub"].map(vectors::text).concat();
    write("certificates", "revoked-keys", &[&[3], text.as_bytes()].concat());
    write("certificates", "revoked-list", &[&[3], &vectors::bytes("certificates/krl-key")[..]].concat());
}

const CERTIFICATES: [&str; 8] = [
    "user-ed25519",
    "user-rsa",
    "user-ecdsa",
    "user-sk-ed25519",
    "user-restricted",
    "user-critical",
    "host-ed25519",
    "host-wildcard",
];
const LISTS: [&str; 7] = ["list", "range", "bitmap", "key-id", "key", "sha1", "sha256"];

/// A slice of the corpus of real terms, small ones: one of each beginning.
fn term_seeds() {
    let corpus = vectors::text("erlang/etf_corpus.txt");
    let mut seen = Vec::new();
    for (number, line) in corpus.lines().enumerate() {
        let mut columns = line.split('\t');
        let bytes = vectors::hex(columns.next().expect("hexadecimal"));
        let text = columns.next().expect("text");
        let shape = (bytes.get(1).copied(), text == "!badarg");
        if bytes.len() > 400 || seen.contains(&shape) {
            continue;
        }
        seen.push(shape);
        let name = format!("etf-{number:03}");
        write("term_decode", &name, &bytes);
        write("term_eetf", &name, &bytes);
        if text != "!badarg" && text.len() < 300 && !text.contains("#Ref") {
            write("term_text", &name, text.as_bytes());
        }
        let mut frame = vec![2];
        frame.put_string(&bytes);
        if number % 8 == 0 {
            write("calls", &name, &frame);
        }
    }
    for (name, text) in [
        ("call", "lists:seq(1, 5)."),
        ("text", "text lists:reverse([a,\"b\",<<\"c\">>])."),
        ("mfa", "{mfa,{lists,reverse,[[1,2,3]]}}"),
        ("numbers", "[16#ff, 1_000, $a, $\\n, -1.5e-300, 2#101, +7]"),
        ("bits", "<<1:3, \"abc\"/utf16, 1.0:32/float-little, 5:4/unit:2>>"),
        ("map", "#{k => 'V w', \"s\" => #{}, 1 => [a|b]}"),
        ("fun", "fun lists:map/2"),
        ("strings", "\"a\" \"\\x{41}\\101\\^A\" 'q\\'q'"),
        ("comment", "% nothing\n [ % more\n ]."),
        ("error", "lists:seq(1,"),
    ] {
        write("term_text", name, text.as_bytes());
    }
    for (number, line) in vectors::text("erlang/hex_examples.txt").lines().enumerate() {
        if let Some((_, hex)) = line.split_once("frame=") {
            let hex: String = hex.chars().take_while(char::is_ascii_hexdigit).collect();
            let frame = vectors::hex(&hex);
            write("calls", &format!("frame-{number:02}"), &[&[9], &frame[..]].concat());
            write("calls", &format!("bare-{number:02}"), &[&[10], frame.get(4..).unwrap_or_default()].concat());
        }
    }
}

fn key_seeds() {
    let names = [
        "ed25519",
        "ed25519-aes256-ctr",
        "ed25519-aes256-cbc",
        "ed25519-aes256-gcm",
        "ed25519-chacha20-poly1305",
        "ed25519-pkcs8",
        "ed25519-pkcs8-encrypted",
        "ecdsa",
        "dsa",
        "ed448-pkcs8",
        "rsa2048",
        "rsa2048-pem",
        "rsa2048-pem-aes128-cbc",
        "rsa2048-pem-des3-cbc",
        "rsa2048-pkcs8",
        "rsa2048-pkcs8-scrypt",
        "rsa2048-pkcs8-sha1",
        "ecdsa384-pem",
        "ecdsa521-pkcs8",
        "ed25519.ppk",
        "ed25519-2-encrypted.ppk",
        "rsa2048-argon2i.ppk",
        "ecdsa384.ppk",
    ];
    for name in names {
        let text = vectors::text(&format!("keys/{name}"));
        write("key_files", name, &[b"\0", text.as_bytes()].concat());
        let mode = match text.lines().next().unwrap_or_default() {
            "-----BEGIN OPENSSH PRIVATE KEY-----" => 1,
            "-----BEGIN PRIVATE KEY-----" => 2,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----" => 3,
            "-----BEGIN RSA PRIVATE KEY-----" if !text.contains("DEK-Info") => 4,
            _ => continue,
        };
        let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        write("key_files", &format!("{name}-binary"), &[&[mode], &decode(&base64)[..]].concat());
    }
    for name in ["ed25519.rfc4716", "ecdsa384.rfc4716"] {
        write("key_files", name, &[b"\x06", &vectors::bytes(&format!("keys/{name}"))[..]].concat());
    }
    for name in ["ed25519", "rsa2048", "ecdsa"] {
        let line = vectors::text(&format!("keys/{name}.pub"));
        write("key_files", &format!("{name}-line"), &[b"\x06", line.as_bytes()].concat());
        let base64 = line.split(' ').nth(1).expect("type, base64, comment");
        write("key_files", &format!("{name}-blob"), &[&[5], &decode(base64)[..]].concat());
        let options = "from=\"10.0.0.*,!10.0.0.9\",expiry-time=\"20300101\",no-pty,command=\"x \\\"y\\\"\" ";
        write("host_files", &format!("{name}-authorized"), format!("# keys\n{options}{line}{line}").as_bytes());
        write("host_files", &format!("{name}-known"), format!("[10.0.0.1]:2222,*.com,!a.com {line}").as_bytes());
        write(
            "host_files",
            &format!("{name}-revoked"),
            format!("@revoked * {line}@cert-authority * {line}").as_bytes(),
        );
    }
    for name in ["known_hosts", "known_hosts_hashed", "known_hosts_keyscan"] {
        let lines: Vec<String> = vectors::text(&format!("files/{name}")).lines().take(6).map(str::to_owned).collect();
        write("host_files", name, lines.join("\n").as_bytes());
    }
    let mut signature = vec![7];
    signature.put_string(b"ssh-ed25519");
    signature.put_string(&[1; 64]);
    write("key_files", "signature", &signature);
}

fn decode(base64: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in base64.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

/// The commands of `fuzz::script`, written.
struct Script(Vec<u8>);

impl Script {
    fn new(stage: u8, suite: u8, pieces: u8) -> Self {
        Self(vec![stage, suite, pieces])
    }

    fn blob(mut self, command: &[u8], blob: &[u8]) -> Self {
        self.0.extend_from_slice(command);
        self.0.extend(u16::try_from(blob.len()).expect("short").to_be_bytes());
        self.0.extend_from_slice(blob);
        self
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        self.blob(&[0], bytes)
    }

    fn payload(self, payload: &[u8]) -> Self {
        self.blob(&[1], payload)
    }

    fn rekey(mut self) -> Self {
        self.0.push(4);
        self
    }

    fn act(mut self, kind: u8, argument: u8) -> Self {
        self.0.extend([6, kind, argument]);
        self
    }

    fn pass(mut self, seconds: u8) -> Self {
        self.0.extend([7, seconds]);
        self
    }
}

fn message(number: u8, fields: &[Field<'_>]) -> Vec<u8> {
    let mut payload = vec![number];
    for field in fields {
        match *field {
            B(value) => payload.put_u8(value),
            N(value) => payload.put_u32(value),
            S(value) => payload.put_string(value),
        }
    }
    payload
}

/// A field of a message: a byte, a number, a string.
enum Field<'a> {
    B(u8),
    N(u32),
    S(&'a [u8]),
}
use Field::{B, N, S};

fn kexinit() -> Vec<u8> {
    kexinit_of("toy,toy-dh,curve25519-sha256", false)
}

/// With these key exchange methods, and with or without a guess behind it.
fn kexinit_of(kex: &str, guess: bool) -> Vec<u8> {
    let mut payload = vec![20];
    payload.put_bytes(&[0; 16]);
    for names in [kex, "toy-sig", "none", "none", "x", "x", "none", "none", "", ""] {
        payload.put_string(names.as_bytes());
    }
    payload.put_bool(guess);
    payload.put_u32(0);
    payload
}

/// A packet without encryption; `clear` where the length counts for the padding.
fn packet(payload: &[u8], clear: bool) -> Vec<u8> {
    let counted = payload.len() + if clear { 5 } else { 1 };
    let padding = 4 + (8 - (counted + 4) % 8) % 8;
    let mut packet = Vec::new();
    packet.put_u32(u32::try_from(payload.len() + padding + 1).expect("short"));
    packet.put_u8(u8::try_from(padding).expect("short"));
    packet.put_bytes(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

fn packet_seeds(target: &str) {
    let to_server = target == "packets_to_server";
    let toy_key = message(0, &[S(b"toy-key"), S(b"toy")])[1..].to_vec();
    let toy_signature = message(0, &[S(b"toy-sig"), S(b"ok")])[1..].to_vec();
    let request = |method: &[u8], rest: &[Field<'_>]| {
        let mut payload = message(50, &[S(b"alice"), S(b"ssh-connection"), S(method)]);
        payload.extend_from_slice(&message(0, rest)[1..]);
        payload
    };
    let signed = request(b"publickey", &[B(1), S(b"toy-sig"), S(&toy_key), S(&toy_signature)]);
    let open = |kind: &[u8], data: &[Field<'_>]| {
        let mut payload = message(90, &[S(kind), N(0), N(1 << 16), N(1 << 15)]);
        payload.extend_from_slice(&message(0, data)[1..]);
        payload
    };
    let tcp = [S(b"here"), N(1), S(b"there"), N(2)];
    let ask = |kind: &[u8], data: &[Field<'_>]| {
        let mut payload = message(98, &[N(0), S(kind), B(1)]);
        payload.extend_from_slice(&message(0, data)[1..]);
        payload
    };
    let transport = [
        message(1, &[N(11), S(b"bye"), S(b"")]),
        message(2, &[S(b"nothing")]),
        message(3, &[N(7)]),
        message(4, &[B(1), S(b"hello"), S(b"")]),
        message(7, &[N(1), S(b"server-sig-algs"), S(b"toy-sig,ssh-ed25519")]),
        kexinit(),
        vec![21],
        message(30, &[S(b"x")]),
        message(31, &[S(&toy_key), S(b"x"), S(&toy_signature)]),
        vec![192],
    ];
    let userauth = if to_server {
        vec![
            message(5, &[S(b"ssh-userauth")]),
            request(b"none", &[]),
            request(b"password", &[B(0), S(b"half")]),
            request(b"password", &[B(0), S(b"ok")]),
            request(b"publickey", &[B(0), S(b"toy-sig"), S(&toy_key)]),
            signed.clone(),
            request(b"keyboard-interactive", &[S(b""), S(b"")]),
        ]
    } else {
        vec![
            message(6, &[S(b"ssh-userauth")]),
            message(51, &[S(b"publickey,password"), B(0)]),
            message(51, &[S(b"publickey"), B(1)]),
            vec![52],
            message(53, &[S(b"welcome"), S(b"")]),
            message(60, &[S(b"toy-sig"), S(&toy_key)]),
        ]
    };
    let connection = [
        message(80, &[S(b"tcpip-forward"), B(1), S(b"localhost"), N(0)]),
        message(80, &[S(b"keepalive@openssh.com"), B(1)]),
        message(81, &[N(4000)]),
        vec![82],
        open(b"session", &[]),
        open(b"direct-tcpip", &tcp),
        open(b"forwarded-tcpip", &tcp),
        message(91, &[N(0), N(0), N(1 << 16), N(1 << 15)]),
        message(92, &[N(0), N(1), S(b"no"), S(b"")]),
        message(93, &[N(0), N(1 << 16)]),
        message(94, &[N(0), S(b"data")]),
        message(95, &[N(0), N(1), S(b"errors")]),
        message(96, &[N(0)]),
        message(97, &[N(0)]),
        ask(b"pty-req", &[S(b"vt100"), N(80), N(24), N(0), N(0), S(b"\0")]),
        ask(b"env", &[S(b"LANG"), S(b"C")]),
        ask(b"shell", &[]),
        ask(b"exec", &[S(b"lists:seq(1,5).")]),
        ask(b"subsystem", &[S(b"sshrpc@k2r.org")]),
        ask(b"window-change", &[N(80), N(24), N(0), N(0)]),
        ask(b"signal", &[S(b"TERM")]),
        ask(b"exit-status", &[N(1)]),
        ask(b"exit-signal", &[S(b"KILL"), B(0), S(b"why"), S(b"")]),
        message(99, &[N(0)]),
        message(100, &[N(0)]),
    ];
    let groups: [(&str, u8, &[Vec<u8>]); 4] =
        [("keys", 1, &transport), ("login", 2, &userauth), ("connection", 3, &connection), ("channel", 4, &connection)];
    for (name, stage, payloads) in groups {
        for (place, payload) in payloads.iter().enumerate() {
            let suite = if place % 3 == 0 { u8::try_from(place).expect("few") } else { 0 };
            let script = Script::new(stage, suite, 0).payload(payload).act(u8::try_from(place % 14).expect("few"), 9);
            write(target, &format!("{name}-{:03}-{place}", payload[0]), &script.0);
        }
    }
    let mut all = Script::new(4, 0, 3);
    for (place, payload) in connection.iter().filter(|payload| ![97, 81, 82, 91, 92].contains(&payload[0])).enumerate()
    {
        all = all.payload(payload).act(u8::try_from(place % 8).expect("few"), 17);
    }
    write(target, "channel-life", &all.rekey().act(13, 0).pass(30).act(8, 0).payload(&message(97, &[N(0)])).0);
    let fill = message(94, &[N(0), S(&[7; 1024])]);
    let script = Script::new(4, 0, 0).payload(&fill).payload(&fill).payload(&fill).act(5, 0).payload(&fill);
    write(target, "channel-window", &script.payload(&fill).payload(&fill).payload(&fill).0);
    let login = if to_server {
        vec![message(5, &[S(b"ssh-userauth")]), signed, open(b"session", &[]), ask(b"shell", &[])]
    } else {
        vec![message(6, &[S(b"ssh-userauth")]), vec![52], message(80, &[S(b"x"), B(1)])]
    };
    let exchange = if to_server { transport[7].clone() } else { transport[8].clone() };
    let mut stream = b"SSH-2.0-seed comment\r\n".to_vec();
    for payload in [kexinit(), exchange.clone(), vec![21]] {
        stream.extend(packet(&payload, true));
    }
    for payload in &login {
        stream.extend(packet(payload, false));
    }
    write(target, "stream-whole", &Script::new(0, 0, 0).bytes(&stream).0);
    write(target, "stream-in-pieces", &Script::new(0, 0, 5).bytes(&stream).0);
    let mut script = Script::new(0, 14, 0).bytes(b"SSH-2.0-seed\r\n").rekey();
    for payload in &login {
        script = script.payload(payload);
    }
    write(target, "stream-then-packets", &script.rekey().0);
    let groups: Vec<Vec<u8>> = if to_server {
        vec![message(34, &[N(2048), N(3072), N(8192)]), message(32, &[S(b"x")])]
    } else {
        let prime = [&[0][..], &[0xff; 256]].concat();
        vec![message(31, &[S(&prime), S(b"\x02")]), message(33, &[S(&toy_key), S(b"x"), S(&toy_signature)])]
    };
    let old = if to_server { message(30, &[N(2048)]) } else { message(31, &[S(&[0x7f; 128]), S(b"\x02")]) };
    let wrong = |kex: &str, guess: &[u8], rest: &[Vec<u8>]| {
        let mut payloads = vec![kexinit_of(kex, true), guess.to_vec()];
        payloads.extend_from_slice(rest);
        payloads
    };
    for (name, payloads) in [
        ("group", [&[kexinit_of("toy-gex", false)][..], &groups].concat()),
        ("group-other", vec![kexinit_of("toy-gex", false), old, groups[1].clone()]),
        ("group-wrong-guess", wrong("other,toy-gex", &[30, 1, 2], &groups)),
        ("wrong-guess", wrong("other,toy", &[31], &[exchange])),
    ] {
        let mut stream = b"SSH-2.0-seed comment\r\n".to_vec();
        for payload in payloads.iter().chain([&vec![21]]) {
            stream.extend(packet(payload, true));
        }
        // A client guesses in every other suite; key exchange is in clear in all of them.
        for suite in [0, 1] {
            write(target, &format!("stream-{name}-{suite}"), &Script::new(0, suite, 0).bytes(&stream).0);
        }
    }
    for (place, kex) in ["toy-gex", "toy-dh", "mlkem768x25519-sha256"].iter().enumerate() {
        let script = Script::new(1, u8::try_from(place).expect("few"), 0).blob(&[5], &kexinit_of(kex, false));
        write(target, &format!("rekey-{kex}"), &script.payload(&transport[1]).0);
    }
    // Behind a login, payloads are the parts of a zlib stream: from its beginning, and in blocks that are stored.
    let mut stream = Script::new(3, 0xf0, 0);
    for part in vectors::text("crypto/zlib.txt").lines().filter_map(|line| line.strip_prefix("compressed = ")).take(3) {
        stream = stream.payload(&vectors::hex(part));
    }
    write(target, "compressed-stream", &stream.0);
    let mut stored = Script::new(4, 0xf1, 3);
    for payload in connection.iter().filter(|payload| payload[0] >= 93) {
        // Bytes as they are, to the end of the blob.
        stored = stored.blob(&[2], &[&[5], &payload[..]].concat()).act(payload[0] % 8, 17);
    }
    write(target, "compressed-life", &stored.0);
    write(target, "compressed-garbage", &Script::new(4, 0xf2, 0).payload(&[2, 0x30, 0xff, 0xff]).rekey().0);
    for (place, suite) in [0, 1, 9, 20, 38, 45].into_iter().enumerate() {
        let kind = u8::try_from(place).expect("few");
        let flawed = Script::new(3, suite, 0).blob(&[3, kind, 7], &connection[1]).bytes(&[0; 300]);
        write(target, &format!("flaw-{kind}"), &flawed.0);
    }
}
