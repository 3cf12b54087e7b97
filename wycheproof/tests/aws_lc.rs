//! AWS-LC, the provider of `ssh-transport`'s feature. Its keys come from its own random numbers: of key exchanges, what is
//! accepted is checked alone.

use ssh_transport::aws_lc::PROVIDER;
use wycheproof_tests::{Counts, agreement, signature, symmetric};

fn counts(checks: usize, left_out: usize) -> Counts {
    Counts { checks, left_out }
}

#[test]
fn x25519() {
    assert_eq!(agreement::x25519(&PROVIDER), counts(2072, 0));
}

#[test]
fn ecdh() {
    assert_eq!(agreement::ecdh(&PROVIDER, 256), counts(710, 0));
    assert_eq!(agreement::ecdh(&PROVIDER, 384), counts(1580, 0));
    assert_eq!(agreement::ecdh(&PROVIDER, 521), counts(1322, 0));
}

#[test]
fn ml_kem() {
    assert_eq!(agreement::ml_kem_decapsulation(&PROVIDER), counts(20, 181));
    assert_eq!(agreement::ml_kem_encapsulation(&PROVIDER), counts(265, 0));
}

#[test]
fn ed25519() {
    assert_eq!(signature::ed25519(&PROVIDER), counts(151, 0));
}

#[test]
fn ecdsa() {
    assert_eq!(signature::ecdsa(&PROVIDER, 256), counts(250, 12));
    assert_eq!(signature::ecdsa(&PROVIDER, 384), counts(270, 10));
    assert_eq!(signature::ecdsa(&PROVIDER, 521), counts(308, 10));
}

#[test]
fn rsa() {
    assert_eq!(signature::rsa(&PROVIDER, 256), counts(1034, 0));
    assert_eq!(signature::rsa(&PROVIDER, 512), counts(1037, 0));
}

#[test]
fn hmac() {
    assert_eq!(symmetric::hmac(&PROVIDER, 1), counts(100, 240));
    assert_eq!(symmetric::hmac(&PROVIDER, 256), counts(100, 248));
    assert_eq!(symmetric::hmac(&PROVIDER, 512), counts(100, 248));
}

#[test]
fn aes() {
    assert_eq!(symmetric::aes_gcm(&PROVIDER), counts(158, 237));
    assert_eq!(symmetric::aes_cbc(&PROVIDER), counts(96, 168));
}
