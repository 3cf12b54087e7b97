//! AWS-LC, the provider of `ssh-transport`'s feature. Its keys come from its own random numbers: of key exchanges, what is
//! accepted is checked alone.

use ssh_transport::aws_lc::PROVIDER;
use wycheproof_tests::agreement;

wycheproof_tests::tests_alike!(&PROVIDER);

#[test]
fn ml_kem() {
    assert_eq!(agreement::ml_kem_decapsulation(&PROVIDER), counts(20, 181));
    assert_eq!(agreement::ml_kem_encapsulation(&PROVIDER), counts(265, 0));
}
