use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Limb, Odd, U1024, U2048, U3072, U4096, U6144, U8192};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::crypto::{BadGroup, BadPublicValue, DhGroup, Initiated, KeyAgreement, Responded, SharedSecret};

/// 1024 bits, for old servers ([RFC 2409 §6.2](https://www.rfc-editor.org/rfc/rfc2409#section-6.2)).
pub(super) static GROUP1: Group = Group { prime: PRIME1.as_limbs() };
/// 2048 bits ([RFC 3526 §3](https://www.rfc-editor.org/rfc/rfc3526#section-3)).
pub(super) static GROUP14: Group = Group { prime: PRIME14.as_limbs() };
/// 3072 bits (RFC 3526 §4).
pub(super) static GROUP15: Group = Group { prime: PRIME15.as_limbs() };
/// 4096 bits (RFC 3526 §5).
pub(super) static GROUP16: Group = Group { prime: PRIME16.as_limbs() };
/// 6144 bits (RFC 3526 §6).
pub(super) static GROUP17: Group = Group { prime: PRIME17.as_limbs() };
/// 8192 bits (RFC 3526 §7).
pub(super) static GROUP18: Group = Group { prime: PRIME18.as_limbs() };

const GENERATOR: u8 = 2;

/// The group modulo a safe prime p with the generator 2 (RFC 2409, RFC 3526, RFC 8268 §3).
#[derive(Debug)]
pub(super) struct Group {
    prime: &'static [Limb],
}

impl Group {
    fn prime(&self) -> BoxedUint {
        BoxedUint::from_words(self.prime.iter().map(|limb| limb.0))
    }

    /// p is prepared for exponentiation: cheap enough (half a percent of one) to do anew for each exchange, which keeps
    /// this crate without global state.
    fn arithmetic(&self) -> Arithmetic {
        let modulus = BoxedMontyParams::new_vartime(Odd::new(self.prime()).expect("all primes are odd"));
        let generator = BoxedUint::from_be_slice_truncated(&[GENERATOR], modulus.bits_precision());
        Arithmetic { modulus, generator }
    }

    /// How many bits p has.
    pub(super) fn bits(&self) -> u32 {
        self.prime().bit_width_vartime()
    }

    /// As it goes by the wire.
    pub(super) fn to_wire(&self) -> DhGroup {
        DhGroup { prime: self.prime().to_be_bytes().into_vec(), generator: alloc::vec![GENERATOR] }
    }
}

impl KeyAgreement for Group {
    fn initiate(&self, rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        self.arithmetic().initiate(rng)
    }

    fn respond(&self, init: &[u8], rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        self.arithmetic().respond(init, rng)
    }
}

/// Powers of one number modulo another.
pub(super) struct Arithmetic {
    modulus: BoxedMontyParams,
    generator: BoxedUint,
}

impl Arithmetic {
    /// In a group that came by the wire.
    pub(super) fn new(group: &DhGroup) -> Result<Self, BadGroup> {
        let bits = u32::try_from(group.prime.len()).ok().and_then(|bytes| bytes.checked_mul(8)).ok_or(BadGroup)?;
        let prime = BoxedUint::from_be_slice(&group.prime, bits.next_multiple_of(Limb::BITS)).map_err(|_| BadGroup)?;
        let modulus = BoxedMontyParams::new_vartime(Option::from(Odd::new(prime)).ok_or(BadGroup)?);
        let generator = validate(&modulus, &group.generator).map_err(|_| BadGroup)?;
        Ok(Self { modulus, generator })
    }

    /// Secret exponents are short, which is safe modulo a safe prime (RFC 4419 §7) and takes a fraction of the time of
    /// long ones. They have at least twice the 256 bits of the longest cipher key (RFC 4419 §6.2) and at least what the
    /// larger estimate of RFC 3526 §8 asks for: 320, 420, 480, 540 and 620 bits for groups 14 to 18.
    fn exponent_bits(&self) -> u32 {
        match self.modulus.bits_precision() {
            ..=4096 => 512,
            4097..=6144 => 576,
            6145.. => 640,
        }
    }
}

impl KeyAgreement for Arithmetic {
    fn initiate(&self, rng: &mut dyn CryptoRng) -> Box<dyn Initiated> {
        Box::new(EphemeralKey::new(self, rng))
    }

    fn respond(&self, init: &[u8], rng: &mut dyn CryptoRng) -> Result<Responded, BadPublicValue> {
        // First, so that a bad value costs nothing.
        let init = validate(&self.modulus, init)?;
        let key = EphemeralKey::new(self, rng);
        let secret = key.agree(init)?;
        Ok(Responded::new(key.public, secret))
    }
}

impl fmt::Debug for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arithmetic({} bits)", self.modulus.modulus().as_ref().bit_width_vartime())
    }
}

/// x and g^x mod p.
struct EphemeralKey {
    modulus: BoxedMontyParams,
    exponent: Zeroizing<BoxedUint>,
    public: Vec<u8>,
}

impl EphemeralKey {
    fn new(arithmetic: &Arithmetic, rng: &mut dyn CryptoRng) -> Self {
        let (Arithmetic { modulus, generator }, exponent_bits) = (arithmetic, arithmetic.exponent_bits());
        let mut bytes = Zeroizing::new(alloc::vec![0; (exponent_bits / 8) as usize]);
        rng.fill_bytes(&mut bytes);
        // With its highest bit set x is neither 0 nor so small that g^x says what it is, and it is below the order of g,
        // (p-1)/2 or p-1: the public value is in range without another look.
        if let Some(highest) = bytes.first_mut() {
            *highest |= 0x80;
        }
        let exponent = Zeroizing::new(BoxedUint::from_be_slice_truncated(&bytes, exponent_bits));
        let public = power(generator.clone(), &exponent, modulus).to_be_bytes_trimmed_vartime().into_vec();
        Self { modulus: modulus.clone(), exponent, public }
    }

    fn agree(&self, peer: BoxedUint) -> Result<SharedSecret, BadPublicValue> {
        let secret = Zeroizing::new(power(peer, &self.exponent, &self.modulus));
        if !is_in_range(&self.modulus, &secret) {
            return Err(BadPublicValue);
        }
        Ok(SharedSecret::Mpint(Zeroizing::new(secret.to_be_bytes().into_vec())))
    }
}

impl Initiated for EphemeralKey {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        let reply = validate(&self.modulus, reply)?;
        self.agree(reply)
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey([redacted])")
    }
}

/// RFC 8268 §4: "DH Public Key values MUST be checked and both conditions: 1 < e < p-1, 1 < f < p-1 MUST be true."
fn validate(modulus: &BoxedMontyParams, magnitude: &[u8]) -> Result<BoxedUint, BadPublicValue> {
    let zeros = magnitude.iter().take_while(|&&byte| byte == 0).count();
    let digits = magnitude.get(zeros..).unwrap_or_default();
    let value = BoxedUint::from_be_slice(digits, modulus.bits_precision()).map_err(|_| BadPublicValue)?;
    if is_in_range(modulus, &value) { Ok(value) } else { Err(BadPublicValue) }
}

/// 1 < value < p-1. Comparisons of big integers take the same time whatever they find.
fn is_in_range(modulus: &BoxedMontyParams, value: &BoxedUint) -> bool {
    let one = BoxedUint::from_be_slice_truncated(&[1], modulus.bits_precision());
    let greatest = modulus.modulus().as_ref().wrapping_sub(&one);
    *value > one && *value < greatest
}

/// base^exponent mod p, in a time that depends on the length of the exponent alone.
fn power(base: BoxedUint, exponent: &BoxedUint, modulus: &BoxedMontyParams) -> BoxedUint {
    let base = BoxedMontyForm::new(base, modulus);
    let power = Zeroizing::new(base.pow_bounded_exp(exponent, exponent.bits_precision()));
    power.retrieve()
}

// RFC 2409 and RFC 3526: the top and bottom 64 bits are ones, between them stands a piece of pi, corrected to make p a safe prime.
const PRIME1: U1024 = U1024::from_be_hex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
     EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
);

const PRIME14: U2048 = U2048::from_be_hex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
     EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
     83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
     E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
     15728E5A8AACAA68FFFFFFFFFFFFFFFF",
);

const PRIME15: U3072 = U3072::from_be_hex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
     EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
     83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
     E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
     15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
     ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
     BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
);

const PRIME16: U4096 = U4096::from_be_hex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
     EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
     83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
     E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
     15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
     ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
     BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A92108011A723C12A787E6D7\
     88719A10BDBA5B2699C327186AF4E23C1A946834B6150BDA2583E9CA2AD44CE8DBBBC2DB04DE8EF92E8EFC141FBECAA6\
     287C59474E6BC05D99B2964FA090C3A2233BA186515BE7ED1F612970CEE2D7AFB81BDD762170481CD0069127D5B05AA9\
     93B4EA988D8FDDC186FFB7DC90A6C08F4DF435C934063199FFFFFFFFFFFFFFFF",
);

const PRIME17: U6144 = U6144::from_be_hex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
     EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
     83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
     E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
     15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
     ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
     BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A92108011A723C12A787E6D7\
     88719A10BDBA5B2699C327186AF4E23C1A946834B6150BDA2583E9CA2AD44CE8DBBBC2DB04DE8EF92E8EFC141FBECAA6\
     287C59474E6BC05D99B2964FA090C3A2233BA186515BE7ED1F612970CEE2D7AFB81BDD762170481CD0069127D5B05AA9\
     93B4EA988D8FDDC186FFB7DC90A6C08F4DF435C93402849236C3FAB4D27C7026C1D4DCB2602646DEC9751E763DBA37BD\
     F8FF9406AD9E530EE5DB382F413001AEB06A53ED9027D831179727B0865A8918DA3EDBEBCF9B14ED44CE6CBACED4BB1B\
     DB7F1447E6CC254B332051512BD7AF426FB8F401378CD2BF5983CA01C64B92ECF032EA15D1721D03F482D7CE6E74FEF6\
     D55E702F46980C82B5A84031900B1C9E59E7C97FBEC7E8F323A97A7E36CC88BE0F1D45B7FF585AC54BD407B22B4154AA\
     CC8F6D7EBF48E1D814CC5ED20F8037E0A79715EEF29BE32806A1D58BB7C5DA76F550AA3D8A1FBFF0EB19CCB1A313D55C\
     DA56C9EC2EF29632387FE8D76E3C0468043E8F663F4860EE12BF2D5B0B7474D6E694F91E6DCC4024FFFFFFFFFFFFFFFF",
);

const PRIME18: U8192 = U8192::from_be_hex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
     EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
     83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
     E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
     15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
     ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
     BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A92108011A723C12A787E6D7\
     88719A10BDBA5B2699C327186AF4E23C1A946834B6150BDA2583E9CA2AD44CE8DBBBC2DB04DE8EF92E8EFC141FBECAA6\
     287C59474E6BC05D99B2964FA090C3A2233BA186515BE7ED1F612970CEE2D7AFB81BDD762170481CD0069127D5B05AA9\
     93B4EA988D8FDDC186FFB7DC90A6C08F4DF435C93402849236C3FAB4D27C7026C1D4DCB2602646DEC9751E763DBA37BD\
     F8FF9406AD9E530EE5DB382F413001AEB06A53ED9027D831179727B0865A8918DA3EDBEBCF9B14ED44CE6CBACED4BB1B\
     DB7F1447E6CC254B332051512BD7AF426FB8F401378CD2BF5983CA01C64B92ECF032EA15D1721D03F482D7CE6E74FEF6\
     D55E702F46980C82B5A84031900B1C9E59E7C97FBEC7E8F323A97A7E36CC88BE0F1D45B7FF585AC54BD407B22B4154AA\
     CC8F6D7EBF48E1D814CC5ED20F8037E0A79715EEF29BE32806A1D58BB7C5DA76F550AA3D8A1FBFF0EB19CCB1A313D55C\
     DA56C9EC2EF29632387FE8D76E3C0468043E8F663F4860EE12BF2D5B0B7474D6E694F91E6DBE115974A3926F12FEE5E4\
     38777CB6A932DF8CD8BEC4D073B931BA3BC832B68D9DD300741FA7BF8AFC47ED2576F6936BA424663AAB639C5AE4F568\
     3423B4742BF1C978238F16CBE39D652DE3FDB8BEFC848AD922222E04A4037C0713EB57A81A23F0C73473FC646CEA306B\
     4BCBC8862F8385DDFA9D4B7FA2C087E879683303ED5BDD3A062B3CF5B3A278A66D2A13F83F44F82DDF310EE074AB6A36\
     4597E899A0255DC164F31CC50846851DF9AB48195DED7EA1B1D510BD7EE74D73FAF36BC31ECFA268359046F4EB879F92\
     4009438B481C6CD7889A002ED5EE382BC9190DA6FC026E479558E4475677E9AA9E3050E2765694DFC81F56E880B96E71\
     60C980DD98EDD3DFFFFFFFFFFFFFFFFF",
);

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use vectors::{Chosen, records};

    use super::*;
    use crate::crypto::rustcrypto::tests::number;

    /// The answers were computed with the primes that the formulas of the RFCs give, so the primes here are those.
    #[test]
    fn known_answers() {
        for record in records("crypto/dh.txt") {
            let group = match record.text("group") {
                "1" => &GROUP1,
                "14" => &GROUP14,
                "15" => &GROUP15,
                "16" => &GROUP16,
                "17" => &GROUP17,
                _ => &GROUP18,
            };
            let initiated = group.initiate(&mut Chosen(record.hex("random")));
            assert_eq!(initiated.public(), record.hex("public"));
            assert_eq!(number(&initiated.finish(&record.hex("peer")).unwrap()), record.hex("secret"));
            let responded = group.respond(&record.hex("peer"), &mut Chosen(record.hex("random"))).unwrap();
            assert_eq!(responded.public, record.hex("public"));
            assert_eq!(number(&responded.secret), record.hex("secret"));
        }
    }

    #[test]
    fn rfc8268_s4_public_values_out_of_range_are_refused() {
        for group in [&GROUP1, &GROUP14, &GROUP15, &GROUP16, &GROUP17, &GROUP18] {
            let p = group.prime().to_be_bytes().into_vec();
            let near_p = |difference: i8| {
                let mut value = p.clone();
                let last = value.last_mut().unwrap();
                *last = last.wrapping_add_signed(difference);
                value
            };
            let mut longer = p.clone();
            longer.push(0);
            for bad in [&[][..], &[0], &[0, 0], &[1], &[0, 1], &near_p(-1), &p, &longer, &[0xff; 4096]] {
                assert_eq!(refusals(group, bad), [Some(BadPublicValue); 2], "{} bytes", bad.len());
            }
            // p ends in 64 ones: p + 1 carries through all of them.
            let mut above = p.clone();
            above[p.len() - 8..].fill(0);
            above[p.len() - 9] += 1;
            assert_eq!(refusals(group, &above), [Some(BadPublicValue); 2]);
            for good in [&[2][..], &[0, 0, 2], &near_p(-2)] {
                assert_eq!(refusals(group, good), [None; 2]);
            }
        }
    }

    /// CVE-2016-0739 took bits for bytes: every bit of an exponent must vary, but for the highest, which is set.
    #[test]
    fn exponents_have_the_length_that_was_asked_for() {
        for (group, bits) in [(&GROUP1, 512), (&GROUP14, 512), (&GROUP17, 576), (&GROUP18, 640)] {
            let mut rng = ChaCha20Rng::seed_from_u64(1);
            let (mut once, mut always) = (Vec::new(), Vec::new());
            for _ in 0..24 {
                let key = EphemeralKey::new(&group.arithmetic(), &mut rng);
                let exponent = key.exponent.to_be_bytes();
                assert_eq!(exponent.len(), bits / 8);
                once.resize(exponent.len(), 0x00);
                always.resize(exponent.len(), 0xff);
                for (byte, (once, always)) in exponent.iter().zip(once.iter_mut().zip(&mut always)) {
                    *once |= byte;
                    *always &= byte;
                }
            }
            assert!(once.iter().all(|&byte| byte == 0xff));
            assert!(always[0] == 0x80 && always[1..].iter().all(|&byte| byte == 0x00));
        }
    }

    /// What client and server say to a public value.
    fn refusals(group: &Group, public: &[u8]) -> [Option<BadPublicValue>; 2] {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        [group.initiate(&mut rng).finish(public).err(), group.respond(public, &mut rng).err()]
    }
}
