//! Which algorithms are used, [RFC 4253 §7.1](https://www.rfc-editor.org/rfc/rfc4253#section-7.1).

use alloc::vec::Vec;

use rand_core::CryptoRng;

use super::super::Role;
use super::super::compress::Compression;
use super::super::keys::Suite;
use super::super::messages::KexInit;
use crate::algorithms::Algorithms;
use crate::crypto::{KexMethod, SignatureMethod};
use crate::error::{AlgorithmKind, Error, PeerIncompatible};
use crate::wire::{NameList, Put, number};

/// In the first KEXINIT of a client that understands EXT_INFO (RFC 8308 §2.1).
pub(crate) const EXT_INFO_C: &str = "ext-info-c";
/// In the first KEXINIT of a server that understands EXT_INFO (RFC 8308 §2.1).
pub(crate) const EXT_INFO_S: &str = "ext-info-s";
/// In the first KEXINIT of a client that wants strict key exchange.
pub(crate) const STRICT_C: &str = "kex-strict-c-v00@openssh.com";
/// In the first KEXINIT of a server that wants strict key exchange.
pub(crate) const STRICT_S: &str = "kex-strict-s-v00@openssh.com";

/// What both sides will use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreement {
    pub(crate) kex: KexMethod,
    pub(crate) host_key: SignatureMethod,
    pub(super) client_to_server: DirectionAgreement,
    pub(super) server_to_client: DirectionAgreement,
    /// Whether the two sides have the same first choices.
    pub(crate) first_choices: FirstChoices,
    /// What becomes of a packet that the peer sent on a guess.
    pub(crate) peers_guess: Guess,
    /// What becomes of a packet that we sent on a guess.
    pub(crate) our_guess: Guess,
}

/// What one direction will use.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirectionAgreement {
    pub(super) suite: Suite,
    pub(super) compression: Compression,
}

/// Whether the first key exchange method of both lists is the same, and the first host key algorithm too.
///
/// Where they are, a key exchange packet that a client sends on a guess is right (RFC 4253 §7): see
/// [`client::Config::guess`](crate::client::Config::guess).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a yes or a no with a name")]
pub enum FirstChoices {
    /// Both are the same.
    Agree,
    /// One of them is another.
    Differ,
}

/// Whether a client sends its first key exchange packet before it knows what is agreed on (RFC 4253 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "a yes or a no with a name")]
pub enum KexGuess {
    /// It waits for the server's KEXINIT.
    #[default]
    Wait,
    /// It sends the packet behind its KEXINIT, for the first method and the first host key algorithm of its lists. A
    /// first method that begins otherwise, group exchange, is not guessed.
    Send,
}

/// A side may send its first key exchange packet before it knows what is agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    /// There is none, or it is right: the packet counts.
    Right,
    /// "If the guess was wrong, the server MUST silently ignore the packet": the next packet is dropped.
    Wrong,
}

/// Which extension names a KEXINIT carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Markers {
    /// The first: it announces EXT_INFO and strict key exchange.
    First,
    /// A later one: both have been decided for ever.
    Later,
}

/// Writes our KEXINIT. A server lists only the host key algorithms that it has a key for.
pub(crate) fn put_kexinit(
    out: &mut Vec<u8>,
    role: Role,
    algorithms: &Algorithms,
    (markers, guess): (Markers, KexGuess),
    rng: &mut dyn CryptoRng,
) {
    out.put_u8(number::KEXINIT);
    let mut cookie = [0; 16];
    rng.fill_bytes(&mut cookie);
    out.put_bytes(&cookie);
    let extensions: &[&str] = match (markers, role) {
        (Markers::First, Role::Client) => &[EXT_INFO_C, STRICT_C],
        (Markers::First, Role::Server) => &[EXT_INFO_S, STRICT_S],
        (Markers::Later, _) => &[],
    };
    out.put_name_list(algorithms.kex.iter().map(|method| method.name).chain(extensions.iter().copied()));
    out.put_name_list(algorithms.host_keys.iter().map(|method| method.name));
    for _direction in 0..2 {
        out.put_name_list(algorithms.ciphers.iter().map(|method| method.name));
    }
    for _direction in 0..2 {
        out.put_name_list(algorithms.macs.iter().map(|method| method.name));
    }
    for _direction in 0..2 {
        out.put_name_list(algorithms.compression.iter().map(Compression::name));
    }
    for _direction in 0..2 {
        out.put_name_list([]);
    }
    out.put_bool(guess == KexGuess::Send);
    out.put_u32(0);
}

/// "The chosen algorithm MUST be the first algorithm on the client's name-list that is also on the server's name-list."
pub(crate) fn negotiate(
    role: Role,
    ours: &Algorithms,
    our_init: &KexInit<'_>,
    peers: &KexInit<'_>,
) -> Result<Agreement, Error> {
    let (client, server) = match role {
        Role::Client => (our_init, peers),
        Role::Server => (peers, our_init),
    };
    let kex = choose(Lists(client.kex, server.kex, AlgorithmKind::KeyExchange), |name| {
        ours.kex.iter().find(|method| method.name == name).copied()
    })?;
    let host_key = choose(Lists(client.host_key, server.host_key, AlgorithmKind::HostKey), |name| {
        ours.host_keys.iter().find(|method| method.name == name).copied()
    })?;
    let client_to_server = negotiate_direction(
        ours,
        Lists(client.cipher_c2s, server.cipher_c2s, AlgorithmKind::CipherClientToServer),
        Lists(client.mac_c2s, server.mac_c2s, AlgorithmKind::MacClientToServer),
        Lists(client.compression_c2s, server.compression_c2s, AlgorithmKind::CompressionClientToServer),
    )?;
    let server_to_client = negotiate_direction(
        ours,
        Lists(client.cipher_s2c, server.cipher_s2c, AlgorithmKind::CipherServerToClient),
        Lists(client.mac_s2c, server.mac_s2c, AlgorithmKind::MacServerToClient),
        Lists(client.compression_s2c, server.compression_s2c, AlgorithmKind::CompressionServerToClient),
    )?;
    // "The guess is considered wrong if: the kex algorithm and/or the host key algorithm is guessed wrong (server and
    // client have different preferred algorithm), or if any of the other algorithms cannot be agreed upon."
    let same = our_init.kex.first() == peers.kex.first() && our_init.host_key.first() == peers.host_key.first();
    let guess = |follows: bool| if follows && !same { Guess::Wrong } else { Guess::Right };
    Ok(Agreement {
        kex,
        host_key,
        client_to_server,
        server_to_client,
        first_choices: if same { FirstChoices::Agree } else { FirstChoices::Differ },
        peers_guess: guess(peers.first_kex_packet_follows),
        our_guess: guess(our_init.first_kex_packet_follows),
    })
}

/// The client's list of a kind of algorithm, and the server's.
#[derive(Clone, Copy)]
struct Lists<'a>(NameList<'a>, NameList<'a>, AlgorithmKind);

fn negotiate_direction(
    ours: &Algorithms,
    ciphers: Lists<'_>,
    macs: Lists<'_>,
    compression: Lists<'_>,
) -> Result<DirectionAgreement, Error> {
    let cipher = choose(ciphers, |name| ours.ciphers.iter().find(|method| method.name == name).copied())?;
    let mac = || choose(macs, |name| ours.macs.iter().find(|method| method.name == name).copied()).ok();
    let suite = Suite::new(cipher, mac).ok_or_else(|| no_common(macs.2))?;
    let compression =
        choose(compression, |name| ours.compression.iter().find(|method| method.name() == name).copied())?;
    Ok(DirectionAgreement { suite, compression })
}

fn choose<T>(Lists(client, server, kind): Lists<'_>, ours: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    client.names().filter(|name| server.contains(name)).find_map(ours).ok_or_else(|| no_common(kind))
}

const fn no_common(kind: AlgorithmKind) -> Error {
    Error::PeerIncompatible(PeerIncompatible::NoCommonAlgorithm(kind))
}
