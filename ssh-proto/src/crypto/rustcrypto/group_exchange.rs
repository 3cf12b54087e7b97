use alloc::boxed::Box;

use super::dh;
use crate::crypto::{BadGroup, DhGroup, GroupExchange, GroupSizes, KeyAgreement};

/// RFC 4419. The groups that a server chooses from are those with names (RFC 3526): safe primes that everybody could
/// check, and nobody had to generate.
#[derive(Debug)]
pub(super) struct NamedGroups;

static GROUPS: [&dh::Group; 5] = [&dh::GROUP14, &dh::GROUP15, &dh::GROUP16, &dh::GROUP17, &dh::GROUP18];

impl GroupExchange for NamedGroups {
    fn choose(&self, sizes: &GroupSizes) -> Option<DhGroup> {
        let chosen = sizes.choose(GROUPS.iter().map(|group| group.bits()))?;
        GROUPS.iter().find(|group| group.bits() == chosen).map(|group| group.to_wire())
    }

    fn agreement(&self, group: &DhGroup) -> Result<Box<dyn KeyAgreement>, BadGroup> {
        Ok(Box::new(dh::Arithmetic::new(group)?))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use vectors::{Chosen, records};

    use super::*;
    use crate::crypto::BadPublicValue;
    use crate::crypto::rustcrypto::tests::number;

    fn group(prime: &[u8], generator: &[u8]) -> DhGroup {
        DhGroup { prime: prime.to_vec(), generator: generator.to_vec() }
    }

    #[test]
    fn known_answers() {
        for record in records("crypto/dh_groups.txt") {
            let group = group(&record.hex("prime"), &record.hex("generator"));
            let agreement = NamedGroups.agreement(&group).unwrap();
            let initiated = agreement.initiate(&mut Chosen(record.hex("random")));
            assert_eq!(initiated.public(), record.hex("public"));
            // The crate pads secrets to the width of its words, the file to that of the prime.
            let secret = |secret: &[u8]| secret.iter().copied().skip_while(|&byte| byte == 0).collect::<Vec<u8>>();
            let expected = secret(&record.hex("secret"));
            assert_eq!(secret(number(&initiated.finish(&record.hex("peer")).unwrap())), expected);
            let responded = agreement.respond(&record.hex("peer"), &mut Chosen(record.hex("random"))).unwrap();
            assert_eq!(responded.public, record.hex("public"));
            assert_eq!(secret(number(&responded.secret)), expected);
        }
    }

    #[test]
    fn groups_without_arithmetic_are_refused() {
        let prime = dh::GROUP14.to_wire().prime;
        let near_p = |difference: u8| {
            let mut value = prime.clone();
            *value.last_mut().unwrap() -= difference;
            value
        };
        let mut even = prime.clone();
        *even.last_mut().unwrap() ^= 1;
        let longer = [&prime[..], &[1]].concat();
        for (prime, generator) in [
            (&even[..], &[2][..]),
            (&[], &[2]),
            (&[0], &[2]),
            (&[1], &[2]),
            (&[3], &[2]),
            (&prime, &[]),
            (&prime, &[0]),
            (&prime, &[1]),
            (&prime, &near_p(1)),
            (&prime, &prime),
            (&prime, &longer),
        ] {
            let refused = NamedGroups.agreement(&group(prime, generator)).err();
            assert_eq!(refused, Some(BadGroup), "{} bytes, {} bytes", prime.len(), generator.len());
        }
        for generator in [vec![2], vec![5], near_p(2)] {
            assert!(NamedGroups.agreement(&group(&prime, &generator)).is_ok());
        }
    }

    #[test]
    fn rfc8268_s4_public_values_out_of_range_are_refused_in_every_group() {
        for record in records("crypto/dh_groups.txt") {
            let prime = record.hex("prime");
            let agreement = NamedGroups.agreement(&group(&prime, &record.hex("generator"))).unwrap();
            let mut below = prime.clone();
            *below.last_mut().unwrap() -= 1;
            for bad in [&[][..], &[1], &below, &prime, &[0xff; 1100]] {
                let random = || Chosen(vec![7; 80]);
                assert_eq!(agreement.respond(bad, &mut random()).err(), Some(BadPublicValue));
                assert_eq!(agreement.initiate(&mut random()).finish(bad).err(), Some(BadPublicValue));
            }
        }
    }

    #[test]
    fn rfc4419_s3_a_server_chooses_among_the_named_groups() {
        for (minimum, preferred, maximum, chosen) in [
            (2048, 2048, 8192, Some(&dh::GROUP14)),
            (2048, 3072, 8192, Some(&dh::GROUP15)),
            (2048, 4000, 8192, Some(&dh::GROUP16)),
            (2048, 4097, 8192, Some(&dh::GROUP17)),
            (2048, 7680, 8192, Some(&dh::GROUP18)),
            (2048, 8192, 8192, Some(&dh::GROUP18)),
            (2048, 8192, 4096, Some(&dh::GROUP16)),
            (2500, 2500, 2600, None),
        ] {
            let sizes = GroupSizes { minimum, preferred, maximum };
            assert_eq!(NamedGroups.choose(&sizes), chosen.map(dh::Group::to_wire), "{sizes:?}");
        }
    }
}
