//! Certificates in key exchanges and logins, both roles (OpenSSH's PROTOCOL.certkeys).

mod pair;
mod peer;

use pair::messages::public_key_request;
use pair::{Pair, Pieces, Setup, algorithms};
use peer::{Bench, Offer, Verdict};
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::error::PeerMisbehaved;
use ssh_proto::keys::{Certificate, PrivateKey, PublicKey};
use ssh_proto::wire::{Put, number};
use ssh_proto::{Error, server};

fn key(name: &str) -> PrivateKey {
    PrivateKey::from_pem(&vectors::bytes(&format!("keys/{name}")), None).unwrap().key
}

fn certificate(name: &str) -> PublicKey {
    PublicKey::from_openssh_line(&vectors::text(&format!("certificates/{name}-cert.pub"))).unwrap().0
}

/// A host with a certificate beside its key.
fn certified_host(private: &str, name: &str) -> Setup {
    let key = key(private);
    let mut setup = Setup { host_keys: vec![key.clone()], ..Setup::default() };
    setup.server = server::Config::new(vec![key.public().clone(), certificate(name)], algorithms());
    setup
}

#[test]
fn rfc8332_a_hosts_certificate_is_offered_before_its_key_and_signed_by_the_keys_algorithm() {
    for (private, name, algorithm) in [
        ("ed25519", "host-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
        ("rsa2048", "host-wildcard", "rsa-sha2-512-cert-v01@openssh.com"),
    ] {
        for pieces in [Pieces::Whole, Pieces::Of(1)] {
            let mut setup = certified_host(private, name).pieces(pieces);
            setup.client.algorithms.offer_host_certificates();
            let mut pair = Pair::connect(setup).unwrap();
            assert_eq!(pair.client.connection.negotiated().unwrap().host_key, algorithm);
            // The host key of a re-exchange is the same certificate.
            pair.client(|connection, now, out| connection.rekey(now, out));
            pair.run();
            pair.session();
        }
    }
}

#[test]
fn a_client_that_knows_no_authority_gets_the_plain_key() {
    let pair = Pair::connect(certified_host("ed25519", "host-ed25519")).unwrap();
    assert_eq!(pair.client.connection.negotiated().unwrap().host_key, "ssh-ed25519");
}

#[test]
fn rfc8332_each_algorithm_of_an_rsa_certificate_can_be_chosen() {
    for plain in ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] {
        let name = Certificate::algorithms(&[plain])[0];
        let mut setup = certified_host("rsa2048", "host-wildcard");
        setup.client.algorithms.select_host_keys(&PROVIDER, name).unwrap();
        setup.user_key = key("rsa2048");
        setup.user_certificate = Some(certificate("user-rsa"));
        setup.client.algorithms.select_user_keys(&PROVIDER, name).unwrap();
        let pair = Pair::connect(setup).unwrap();
        assert_eq!(pair.client.connection.negotiated().unwrap().host_key, name);
    }
}

#[test]
fn users_log_in_with_certificates() {
    for (private, name) in [("ed25519", "user-ed25519"), ("rsa2048", "user-rsa")] {
        let mut setup = Setup { user_key: key(private), ..Setup::default() };
        setup.user_certificate = Some(certificate(name));
        Pair::connect(setup.pieces(Pieces::Of(1))).unwrap().session();
    }
}

/// A signed request; `signature_name` is what the signature calls itself, `signer` who made it.
fn request(
    bench: &mut Bench,
    algorithm: &str,
    signature_name: &str,
    signer: &PrivateKey,
    public: &PublicKey,
) -> Vec<u8> {
    let mut payload = public_key_request("alice", algorithm, public.blob(), true);
    let mut data = Vec::new();
    data.put_string(&bench.peer.session_id.clone().unwrap());
    data.put_bytes(&payload);
    let plain = Certificate::signature_name(algorithm);
    let plain = signer.algorithms().iter().find(|name| **name == plain).unwrap_or_else(|| &signer.algorithms()[0]);
    let mut signature = bench.signer.sign_with(signer, plain, &data);
    signature.algorithm = signature_name.to_owned();
    payload.put_nested(|nested| signature.to_wire(nested));
    payload
}

fn server_of_certificates() -> Bench {
    let mut config = Setup::default().server;
    config.failure_delay = std::time::Duration::ZERO;
    let mut bench = Bench::server(config, Offer::default()).with_service();
    bench.judge = Box::new(|attempt| match attempt.method() {
        server::Method::Certificate(_) => Verdict::Accept,
        _ => Verdict::Reject,
    });
    bench.got.clear();
    bench
}

/// The key in the certificate signs, by the algorithm of the request, under the plain name, or nobody gets in.
#[test]
fn rfc4252_s7_only_the_certified_key_logs_in_with_its_certificate() {
    const ED25519: &str = "ssh-ed25519-cert-v01@openssh.com";
    const RSA: &str = "rsa-sha2-256-cert-v01@openssh.com";
    let (ed25519, rsa, other) = (key("ed25519"), key("rsa2048"), pair::ed25519_key(9));
    let (of_ed25519, of_rsa) = (certificate("user-ed25519"), certificate("user-rsa"));
    for (algorithm, name, signer, public, expected) in [
        (ED25519, "ssh-ed25519", &ed25519, &of_ed25519, true),
        (RSA, "rsa-sha2-256", &rsa, &of_rsa, true),
        (ED25519, "ssh-ed25519", &other, &of_ed25519, false),
        (ED25519, ED25519, &ed25519, &of_ed25519, false),
        (RSA, "rsa-sha2-512", &rsa, &of_rsa, false),
        (RSA, "ssh-rsa", &rsa, &of_rsa, false),
        (RSA, RSA, &rsa, &of_rsa, false),
        // The type of the blob is not the algorithm's.
        ("ssh-ed25519", "ssh-ed25519", &ed25519, &of_ed25519, false),
        (ED25519, "ssh-ed25519", &ed25519, ed25519.public(), false),
        (RSA, "rsa-sha2-256", &rsa, &of_ed25519, false),
    ] {
        let mut bench = server_of_certificates();
        let payload = request(&mut bench, algorithm, name, signer, public);
        bench.send(&payload);
        let got: Vec<u8> = bench.take().iter().map(|payload| payload[0]).collect();
        let answer = if expected { number::USERAUTH_SUCCESS } else { number::USERAUTH_FAILURE };
        assert_eq!(got, [answer], "{algorithm}, {name}");
    }
}

#[test]
fn a_damaged_certificate_is_refused_before_anybody_is_asked() {
    let mut bench = server_of_certificates();
    let mut blob = certificate("user-ed25519").blob().to_vec();
    blob.pop();
    bench.send(&public_key_request("alice", "ssh-ed25519-cert-v01@openssh.com", &blob, false));
    assert_eq!(bench.take()[0][0], number::USERAUTH_FAILURE);
}

/// A host that shows a certificate whose key it does not have.
#[test]
fn rfc4253_s8_a_stolen_certificate_is_no_host_key() {
    let mut setup = certified_host("ed25519", "host-ed25519");
    setup.server.host_keys = vec![certificate("host-ed25519")];
    setup.host_keys = vec![pair::ed25519_key(9)];
    setup.client.algorithms.offer_host_certificates();
    let failed = Pair::connect(setup).unwrap_err();
    assert_eq!(failed, pair::Failed::Client(Error::PeerMisbehaved(PeerMisbehaved::BadHostSignature)));
}

/// RFC 8308 s3.1: the list is of signature algorithms, and of them only.
#[test]
fn rfc8308_s3_1_server_sig_algs_names_no_certificates() {
    let bench = Bench::server(Setup::default().server, Offer { ext_info: true, ..Offer::default() }).with_keys();
    let info = bench.got.iter().find(|payload| payload[0] == number::EXT_INFO).expect("EXT_INFO");
    let text = String::from_utf8_lossy(info);
    assert!(text.contains("server-sig-algs") && text.contains("rsa-sha2-512") && !text.contains("-cert-"), "{text}");
}
