//! A peer whose every message a test writes: a second, simple implementation of the transport layer, from the RFCs and
//! not from `ssh-proto`'s code, that knows no rules. It shares only the arithmetic of the provider.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod bench;
mod packet;

pub(crate) use bench::{Bench, Machine, Reply, Try, Verdict};
use packet::Keys;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::crypto::{
    CipherMethod, CryptoProvider, DhGroup, Exchange, GroupSizes, Initiated, KexMethod, KeyAgreement, MacMethod,
    SharedSecret,
};
use ssh_proto::keys::PrivateKey;
use ssh_proto::wire::{Put, Reader, number};

/// Sizes that get the smallest group, which is the fastest.
pub(crate) const GROUP_SIZES: GroupSizes = GroupSizes { minimum: 2048, preferred: 2048, maximum: 8192 };

/// What a peer's KEXINIT says.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) kex: String,
    pub(crate) host_key: String,
    pub(crate) cipher: String,
    pub(crate) mac: String,
    pub(crate) compression: String,
    /// It lists the marker of strict key exchange of its role.
    pub(crate) strict: bool,
    /// It lists the marker of EXT_INFO of its role.
    pub(crate) ext_info: bool,
    pub(crate) first_kex_packet_follows: bool,
    pub(crate) reserved: u32,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            kex: "curve25519-sha256".into(),
            host_key: "ssh-ed25519".into(),
            cipher: "aes128-ctr".into(),
            mac: "hmac-sha2-256".into(),
            compression: "none".into(),
            strict: true,
            ext_info: false,
            first_kex_packet_follows: false,
            reserved: 0,
        }
    }
}

/// Which side the peer plays; the machine under test plays the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plays {
    Client,
    Server,
}

/// The peer.
pub(crate) struct Peer {
    pub(crate) plays: Plays,
    pub(crate) offer: Offer,
    /// A server's.
    pub(crate) host_key: PrivateKey,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) session_id: Option<Vec<u8>>,
    /// The number of the next packet that it sends.
    pub(crate) sequence: u32,
    pub(crate) strict: bool,
    outbound: Keys,
    inbound: Keys,
    received: u32,
    input: Vec<u8>,
    /// The identification lines, without CR LF.
    pub(crate) identification: Vec<u8>,
    pub(crate) their_identification: Option<Vec<u8>>,
    our_init: Vec<u8>,
    their_init: Vec<u8>,
    initiated: Option<Box<dyn Initiated>>,
    /// What a client of it asks for in a group exchange; `None` to ask in the old way.
    pub(crate) sizes: Option<GroupSizes>,
    /// In a group exchange: what was asked for and what was chosen, as it is hashed, and the arithmetic.
    group: Option<(Vec<u8>, Box<dyn KeyAgreement>)>,
    next: Option<(Keys, Keys)>,
    /// Every secret of every key exchange: K, and the keys that come from it.
    pub(crate) secrets: Vec<Vec<u8>>,
}

impl Peer {
    pub(crate) fn new(plays: Plays, offer: Offer, host_key: PrivateKey) -> Self {
        Self {
            plays,
            offer,
            host_key,
            rng: ChaCha20Rng::seed_from_u64(99),
            session_id: None,
            sequence: 0,
            strict: false,
            outbound: Keys::Clear,
            inbound: Keys::Clear,
            received: 0,
            input: Vec::new(),
            identification: b"SSH-2.0-peer a comment".to_vec(),
            their_identification: None,
            our_init: Vec::new(),
            their_init: Vec::new(),
            initiated: None,
            sizes: Some(GROUP_SIZES),
            group: None,
            next: None,
            secrets: Vec::new(),
        }
    }

    /// Its first line.
    pub(crate) fn line(&self) -> Vec<u8> {
        [&self.identification[..], b"\r\n"].concat()
    }

    /// The packet that carries `payload`.
    pub(crate) fn seal(&mut self, payload: &[u8]) -> Vec<u8> {
        let packet = self.outbound.seal(self.sequence, payload);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    /// A packet with any length field and any padding length, as far as its keys can make one.
    pub(crate) fn seal_raw(&mut self, packet: Vec<u8>) -> Vec<u8> {
        let packet = self.outbound.protect(self.sequence, packet);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    /// What the other side sent.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The next message of the other side: its number in the stream and its payload.
    pub(crate) fn receive(&mut self) -> Option<(u32, Vec<u8>)> {
        if self.their_identification.is_none() {
            let end = self.input.iter().position(|&byte| byte == b'\n')?;
            let line: Vec<u8> = self.input.drain(..=end).collect();
            self.their_identification = Some(line[..line.len() - 2].to_vec());
        }
        let payload = self.inbound.open(self.received, &mut self.input)?;
        let sequence = self.received;
        self.received = sequence.wrapping_add(1);
        match payload[0] {
            number::KEXINIT => self.their_init.clone_from(&payload),
            number::NEWKEYS => {
                self.inbound = std::mem::replace(&mut self.next.as_mut().expect("keys").1, Keys::Clear);
                if self.strict {
                    self.received = 0;
                }
            }
            _ => {}
        }
        Some((sequence, payload))
    }

    /// Its KEXINIT.
    pub(crate) fn kexinit(&mut self) -> Vec<u8> {
        let (strict, ext_info) = match self.plays {
            Plays::Client => ("kex-strict-c-v00@openssh.com", "ext-info-c"),
            Plays::Server => ("kex-strict-s-v00@openssh.com", "ext-info-s"),
        };
        let offer = &self.offer;
        let mut kex = offer.kex.clone();
        for (marker, listed) in [(strict, offer.strict), (ext_info, offer.ext_info)] {
            if listed && self.session_id.is_none() {
                kex = format!("{kex},{marker}");
            }
        }
        let mut init = vec![number::KEXINIT];
        let mut cookie = [0; 16];
        self.rng.fill_bytes(&mut cookie);
        init.put_bytes(&cookie);
        for list in [&kex, &offer.host_key, &offer.cipher, &offer.cipher, &offer.mac, &offer.mac] {
            init.put_string(list.as_bytes());
        }
        for list in [&offer.compression, &offer.compression, "", ""] {
            init.put_string(list.as_bytes());
        }
        init.put_bool(offer.first_kex_packet_follows);
        init.put_u32(offer.reserved);
        self.our_init.clone_from(&init);
        init
    }

    /// "The chosen algorithm MUST be the first algorithm on the client's name-list that is also on the server's", of the
    /// list at `index` of KEXINIT.
    fn chosen(&self, index: usize) -> String {
        let list = |init: &[u8]| {
            let mut reader = Reader::new(&init[17..]);
            let lists: Vec<String> = (0..8).map(|_| reader.name_list("list").unwrap().as_str().to_owned()).collect();
            lists[index].clone()
        };
        let (ours, theirs) = (list(&self.our_init), list(&self.their_init));
        let (client, server) = if self.plays == Plays::Client { (ours, theirs) } else { (theirs, ours) };
        let chosen = client.split(',').find(|name| server.split(',').any(|other| other == *name));
        chosen.expect("a common algorithm").to_owned()
    }

    pub(crate) fn kex(&self) -> &'static KexMethod {
        let name = self.chosen(0);
        PROVIDER.key_exchanges().iter().find(|row| row.name == name).unwrap()
    }

    pub(crate) fn has_both_kexinits(&self) -> bool {
        !self.our_init.is_empty() && !self.their_init.is_empty()
    }

    /// A key exchange has agreed on keys that NEWKEYS takes into use.
    pub(crate) fn has_next_keys(&self) -> bool {
        self.next.as_ref().is_some_and(|(outbound, _)| !matches!(outbound, Keys::Clear))
    }

    /// Settles whether key exchange is strict, once both KEXINITs are known.
    fn settle(&mut self) {
        if self.session_id.is_none() {
            let theirs = String::from_utf8_lossy(&self.their_init).contains("kex-strict-");
            self.strict = self.offer.strict && theirs;
        }
    }

    /// The method chooses its group for each exchange, and has not yet.
    pub(crate) fn needs_group(&self) -> bool {
        self.has_both_kexinits() && matches!(self.kex().exchange, Exchange::GroupExchange(_)) && self.group.is_none()
    }

    /// The group of this exchange is chosen.
    pub(crate) const fn is_in_group(&self) -> bool {
        self.group.is_some()
    }

    /// A client's REQUEST, or REQUEST_OLD.
    pub(crate) fn gex_request(&self) -> Vec<u8> {
        match self.sizes {
            Some(GroupSizes { minimum, preferred, maximum }) => {
                let mut request = vec![number::KEX_DH_GEX_REQUEST];
                [minimum, preferred, maximum].into_iter().for_each(|size| request.put_u32(size));
                request
            }
            None => {
                let mut request = vec![number::KEX_DH_GEX_REQUEST_OLD];
                request.put_u32(GROUP_SIZES.preferred);
                request
            }
        }
    }

    /// What a client does with the server's GROUP.
    pub(crate) fn take_gex_group(&mut self, group: &[u8]) {
        let Exchange::GroupExchange(groups) = self.kex().exchange else { panic!("no group exchange") };
        let mut reader = Reader::new(&group[1..]);
        let prime = reader.mpint("p").unwrap().magnitude().to_vec();
        let generator = reader.mpint("g").unwrap().magnitude().to_vec();
        let agreement = groups.agreement(&DhGroup { prime, generator }).unwrap();
        let request = self.gex_request();
        self.group = Some(([&request[1..], &group[1..]].concat(), agreement));
    }

    /// A server's GROUP, the smallest, in answer to the client's request.
    pub(crate) fn gex_group(&mut self, request: &[u8]) -> Vec<u8> {
        let Exchange::GroupExchange(groups) = self.kex().exchange else { panic!("no group exchange") };
        let chosen = groups.choose(&GROUP_SIZES).unwrap();
        let mut group = vec![number::KEX_DH_GEX_GROUP];
        group.put_mpint(&chosen.prime);
        group.put_mpint(&chosen.generator);
        self.group = Some(([&request[1..], &group[1..]].concat(), groups.agreement(&chosen).unwrap()));
        group
    }

    /// The arithmetic of the method agreed on.
    fn agreement(&self) -> &dyn KeyAgreement {
        match self.kex().exchange {
            Exchange::DiffieHellman(agreement) | Exchange::Ecdh(agreement) => agreement,
            _ => &*self.group.as_ref().expect("a group was chosen").1,
        }
    }

    /// A client's KEXDH_INIT, or INIT in a group.
    pub(crate) fn kexdh_init(&mut self) -> Vec<u8> {
        let exchange = self.kex().exchange;
        let mut rng = self.rng.clone();
        let initiated = self.agreement().initiate(&mut rng);
        self.rng = rng;
        let mut init = vec![if self.group.is_some() { number::KEX_DH_GEX_INIT } else { number::KEXDH_INIT }];
        put_public_value(&mut init, &exchange, initiated.public());
        self.initiated = Some(initiated);
        init
    }

    /// What a client does with the server's KEXDH_REPLY.
    pub(crate) fn take_kexdh_reply(&mut self, reply: &[u8]) {
        let mut reader = Reader::new(&reply[1..]);
        let host_key = reader.string("K_S").unwrap().to_vec();
        let initiated = self.initiated.take().expect("KEXDH_INIT was sent");
        let public = initiated.public().to_vec();
        let theirs = read_public_value(&mut reader, &self.kex().exchange);
        let secret = initiated.finish(&theirs).unwrap();
        let hash = self.exchange_hash(&host_key, &public, &theirs, &secret);
        let mut signature = Reader::new(reader.string("signature").unwrap());
        let name = signature.utf8("algorithm").unwrap();
        assert_eq!(name, self.chosen(1));
        let method = PROVIDER.signatures().iter().find(|row| row.name == name).unwrap();
        assert_eq!(method.verifier.verify(&host_key, &hash, signature.string("blob").unwrap()), Ok(()));
        self.agree(&secret, &hash);
    }

    /// A server's KEXDH_REPLY to the client's KEXDH_INIT.
    pub(crate) fn kexdh_reply(&mut self, init: &[u8]) -> Vec<u8> {
        let exchange = self.kex().exchange;
        let reply = if self.group.is_some() { number::KEX_DH_GEX_REPLY } else { number::KEXDH_REPLY };
        let theirs = read_public_value(&mut Reader::new(&init[1..]), &exchange);
        let mut rng = self.rng.clone();
        let responded = self.agreement().respond(&theirs, &mut rng).unwrap();
        self.rng = rng;
        let host_key = self.host_key.public().blob().to_vec();
        let hash = self.exchange_hash(&host_key, &theirs, &responded.public, &responded.secret);
        let signature = self.host_key.sign(&self.chosen(1), &hash, &mut self.rng).unwrap();
        self.agree(&responded.secret, &hash);
        let mut reply = vec![reply];
        reply.put_string(&host_key);
        put_public_value(&mut reply, &exchange, &responded.public);
        reply.put_nested(|nested| signature.to_wire(nested));
        reply
    }

    /// NEWKEYS as a packet; what it sends from now on is under the new keys.
    pub(crate) fn newkeys(&mut self) -> Vec<u8> {
        let packet = self.seal(&[number::NEWKEYS]);
        self.outbound = std::mem::replace(&mut self.next.as_mut().expect("keys").0, Keys::Clear);
        if self.strict {
            self.sequence = 0;
        }
        packet
    }

    /// "H = hash(V_C || V_S || I_C || I_S || K_S || e || f || K)" (RFC 4253 §8), with "min || n || max || p || g" before
    /// e in a group exchange (RFC 4419 §3).
    fn exchange_hash(&mut self, host_key: &[u8], e: &[u8], f: &[u8], secret: &SharedSecret) -> Vec<u8> {
        self.settle();
        let theirs = self.their_identification.clone().unwrap();
        let ours = (self.identification.clone(), self.our_init.clone());
        let theirs = (theirs, self.their_init.clone());
        let (client, server) = if self.plays == Plays::Client { (ours, theirs) } else { (theirs, ours) };
        let mut hashed = Vec::new();
        for part in [&client.0, &server.0, &client.1, &server.1] {
            hashed.put_string(part);
        }
        hashed.put_string(host_key);
        // Each exchange chooses anew.
        if let Some((group, _)) = self.group.take() {
            hashed.put_bytes(&group);
        }
        put_public_value(&mut hashed, &self.kex().exchange, e);
        put_public_value(&mut hashed, &self.kex().exchange, f);
        put_secret(&mut hashed, secret);
        self.kex().hash.digest(&[&hashed]).as_bytes().to_vec()
    }

    /// Derives the keys of both directions (RFC 4253 §7.2).
    fn agree(&mut self, secret: &SharedSecret, hash: &[u8]) {
        let session_id = self.session_id.get_or_insert_with(|| hash.to_vec()).clone();
        let mut shared = Vec::new();
        put_secret(&mut shared, secret);
        let kex = self.kex();
        let secrets = std::cell::RefCell::new(vec![shared.clone()]);
        let derive = |letter: u8, length: usize| {
            let mut key = kex.hash.digest(&[&shared, hash, &[letter], &session_id]).as_bytes().to_vec();
            while key.len() < length {
                let more = kex.hash.digest(&[&shared, hash, &key]);
                key.extend_from_slice(more.as_bytes());
            }
            key.truncate(length);
            secrets.borrow_mut().push(key.clone());
            key
        };
        let keys = |cipher: &CipherMethod, mac: Option<&MacMethod>, letters: [u8; 3], sealing| {
            let [iv, key, integrity] = letters;
            let (iv, key) = (derive(iv, cipher.iv_length), derive(key, cipher.key_length));
            Keys::new(cipher, &key, &iv, mac.map(|mac| (mac, derive(integrity, mac.key_length))), sealing)
        };
        let direction = |cipher: usize, mac: usize, letters, sealing| {
            let name = self.chosen(cipher);
            let cipher = PROVIDER.ciphers().iter().find(|row| row.name == name).unwrap();
            let needs_mac = matches!(cipher.kind, ssh_proto::crypto::CipherKind::Blocks { .. });
            let mac = needs_mac.then(|| self.chosen(mac));
            let mac = mac.map(|name| PROVIDER.macs().iter().find(|row| row.name == name).unwrap());
            keys(cipher, mac, letters, sealing)
        };
        let client = self.plays == Plays::Client;
        let c2s = direction(2, 4, *b"ACE", client);
        let s2c = direction(3, 5, *b"BDF", !client);
        self.secrets.extend(secrets.into_inner());
        self.next = Some(if client { (c2s, s2c) } else { (s2c, c2s) });
    }
}

pub(crate) fn put_public_value(out: &mut Vec<u8>, exchange: &Exchange, value: &[u8]) {
    match exchange {
        Exchange::Ecdh(_) => out.put_string(value),
        _ => out.put_mpint(value),
    }
}

fn read_public_value(reader: &mut Reader<'_>, exchange: &Exchange) -> Vec<u8> {
    match exchange {
        Exchange::Ecdh(_) => reader.string("public value").unwrap().to_vec(),
        _ => reader.mpint("public value").unwrap().magnitude().to_vec(),
    }
}

fn put_secret(out: &mut Vec<u8>, secret: &SharedSecret) {
    match secret {
        SharedSecret::Mpint(magnitude) => out.put_mpint(magnitude),
        SharedSecret::String(bytes) => out.put_string(bytes),
    }
}
