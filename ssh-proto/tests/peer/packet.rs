//! RFC 4253 §6, as plainly as it can be written.

use ssh_proto::crypto::{BlockMode, CipherKind, CipherMethod, Mac, MacMethod, MacOrder, PacketAead};

/// What protects one direction.
pub(super) enum Keys {
    Clear,
    Blocks { cipher: Box<dyn BlockMode>, block: usize, mac: Box<dyn Mac>, tag: usize, order: MacOrder, first: bool },
    Aead { cipher: Box<dyn PacketAead>, block: usize, tag: usize },
}

impl Keys {
    pub(super) fn new(
        cipher: &CipherMethod,
        key: &[u8],
        iv: &[u8],
        mac: Option<(&MacMethod, Vec<u8>)>,
        sealing: bool,
    ) -> Self {
        let block = cipher.block_size.max(8);
        match cipher.kind {
            CipherKind::Aead { tag_length, make } => Self::Aead { cipher: make(key, iv), block, tag: tag_length },
            CipherKind::Blocks { encrypt, decrypt, .. } => {
                let (mac, mac_key) = mac.expect("a cipher in blocks has a MAC");
                Self::Blocks {
                    cipher: if sealing { encrypt(key, iv) } else { decrypt(key, iv) },
                    block,
                    mac: (mac.make)(&mac_key),
                    tag: mac.tag_length,
                    order: mac.order,
                    first: true,
                }
            }
            _ => unreachable!("there are two kinds"),
        }
    }

    /// A packet with the least padding.
    pub(super) fn seal(&mut self, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let (block, uncounted) = match self {
            Self::Clear => (8, 0),
            Self::Blocks { block, order: MacOrder::EncryptAndMac, .. } => (*block, 0),
            Self::Blocks { block, .. } | Self::Aead { block, .. } => (*block, 4),
        };
        let counted = 5 + payload.len() - uncounted;
        let mut padding = block - counted % block;
        if padding < 4 {
            padding += block;
        }
        let length = 1 + payload.len() + padding;
        let mut packet = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        packet.push(u8::try_from(padding).unwrap());
        packet.extend_from_slice(payload);
        packet.resize(4 + length, 0);
        self.protect(sequence, packet)
    }

    /// Encrypts and signs a packet that is whole but for that.
    pub(super) fn protect(&mut self, sequence: u32, mut packet: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Clear => {}
            Self::Blocks { cipher, mac, tag, order, .. } => {
                let mut signed = vec![0; *tag];
                if *order == MacOrder::EncryptAndMac {
                    mac.sign(sequence, &packet, &mut signed);
                    cipher.apply(&mut packet);
                } else {
                    cipher.apply(&mut packet[4..]);
                    mac.sign(sequence, &packet, &mut signed);
                }
                packet.extend_from_slice(&signed);
            }
            Self::Aead { cipher, tag, .. } => {
                let mut signed = vec![0; *tag];
                cipher.seal(sequence, &mut packet, &mut signed);
                packet.extend_from_slice(&signed);
            }
        }
        packet
    }

    /// Takes the packet at the front of `input`, once it is whole, and gives its payload.
    pub(super) fn open(&mut self, sequence: u32, input: &mut Vec<u8>) -> Option<Vec<u8>> {
        let head: [u8; 4] = input.get(..4)?.try_into().ok()?;
        let (length, tag) = match self {
            Self::Clear => (u32::from_be_bytes(head), 0),
            Self::Blocks { tag, order: MacOrder::EncryptThenMac, .. } => (u32::from_be_bytes(head), *tag),
            Self::Blocks { cipher, block, tag, first, .. } => {
                let begun = input.get_mut(..*block)?;
                if std::mem::replace(first, false) {
                    cipher.apply(begun);
                }
                (u32::from_be_bytes(begun[..4].try_into().unwrap()), *tag)
            }
            Self::Aead { cipher, tag, .. } => (cipher.length(sequence, head), *tag),
        };
        let whole = 4 + usize::try_from(length).unwrap();
        if input.len() < whole + tag {
            return None;
        }
        let mut packet: Vec<u8> = input.drain(..whole + tag).collect();
        let signature = packet.split_off(whole);
        let mut expected = vec![0; tag];
        match self {
            Self::Clear => {}
            Self::Blocks { cipher, block, mac, order: MacOrder::EncryptAndMac, first, .. } => {
                *first = true;
                cipher.apply(&mut packet[*block..]);
                mac.sign(sequence, &packet, &mut expected);
                assert_eq!(expected, signature, "packet {sequence}");
            }
            Self::Blocks { cipher, mac, .. } => {
                mac.sign(sequence, &packet, &mut expected);
                assert_eq!(expected, signature, "packet {sequence}");
                cipher.apply(&mut packet[4..]);
            }
            Self::Aead { cipher, .. } => cipher.open(sequence, &mut packet, &signature).expect("a tag that fits"),
        }
        let padding = usize::from(packet[4]);
        assert!(padding >= 4, "RFC 4253 s6: at least four bytes of padding");
        Some(packet[5..whole - padding].to_vec())
    }
}
