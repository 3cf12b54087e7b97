//! RustCrypto, the provider of `ssh-proto`.

use ssh_proto::crypto::rustcrypto::PROVIDER;
use wycheproof_tests::agreement;

wycheproof_tests::tests_alike!(&PROVIDER);

#[test]
fn ml_kem() {
    assert_eq!(agreement::ml_kem_decapsulation(&PROVIDER), counts(181, 20));
    assert_eq!(agreement::ml_kem_encapsulation(&PROVIDER), counts(265, 0));
    assert_eq!(agreement::ml_kem_key_generation(&PROVIDER), counts(100, 0));
}
