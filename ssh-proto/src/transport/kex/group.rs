//! The messages before the public values where the group is chosen for each exchange,
//! [RFC 4419](https://www.rfc-editor.org/rfc/rfc4419), within the bounds of RFC 8270.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::hash::Round;
use super::server::ExpectInit;
use super::{Context, State, unexpected};
use crate::crypto::{DhGroup, GroupExchange, GroupSizes};
use crate::error::{Error, PeerIncompatible, PeerMisbehaved};
use crate::transport::Transport;
use crate::wire::{InvalidMessage, MessageNumber, Put, Reader, number};

/// What a client of ours asks for, and the bounds of what a server of ours gives. "Servers and clients SHOULD support
/// groups with a modulus length of k bits where 2048 <= k <= 8192 [...] clients SHOULD be able to send a value of 3072
/// bits for the preferred acceptable group size" (RFC 8270 §3): as strong as X25519.
const OURS: GroupSizes = GroupSizes { minimum: 2048, preferred: 3072, maximum: 8192 };

/// A client has asked for a group.
#[derive(Debug)]
pub(super) struct ExpectGroup {
    pub(super) context: Context,
    groups: &'static dyn GroupExchange,
    request: Request,
}

/// A server waits for the client's wishes.
#[derive(Debug)]
pub(super) struct ExpectGroupRequest {
    pub(super) context: Context,
    pub(super) groups: &'static dyn GroupExchange,
}

/// Asks for a group. [RFC 4419 §3](https://www.rfc-editor.org/rfc/rfc4419#section-3), and §5 for the old form
///
/// ```text
/// byte SSH_MSG_KEX_DH_GEX_REQUEST (34)
/// uint32 min, minimal size in bits of an acceptable group
/// uint32 n, preferred size in bits of the group the server will send
/// uint32 max, maximal size in bits of an acceptable group
///
/// byte SSH_MSG_KEX_DH_GEX_REQUEST_OLD (30) · uint32 n
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    New(GroupSizes),
    Old { preferred: u32 },
}

impl Request {
    fn decode(number: u8, body: &[u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let request = if number == number::KEX_DH_GEX_REQUEST_OLD {
            Self::Old { preferred: reader.u32("n")? }
        } else {
            let (minimum, preferred, maximum) = (reader.u32("min")?, reader.u32("n")?, reader.u32("max")?);
            Self::New(GroupSizes { minimum, preferred, maximum })
        };
        reader.finish("SSH_MSG_KEX_DH_GEX_REQUEST")?;
        Ok(request)
    }

    /// As it stands in the message and in the exchange hash: "In addition, the hash is calculated using only 'n' instead
    /// of 'min || n || max'."
    fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::New(GroupSizes { minimum, preferred, maximum }) => {
                [minimum, preferred, maximum].into_iter().for_each(|size| out.put_u32(size));
            }
            Self::Old { preferred } => out.put_u32(preferred),
        }
    }

    /// What is asked for, held to our bounds.
    fn sizes(self) -> Result<GroupSizes, Error> {
        match self {
            Self::New(sizes) if !(sizes.minimum..=sizes.maximum).contains(&sizes.preferred) => {
                Err(Error::PeerMisbehaved(PeerMisbehaved::BadGroupRequest))
            }
            Self::New(GroupSizes { minimum, preferred, maximum }) => {
                Ok(GroupSizes { minimum: minimum.max(OURS.minimum), preferred, maximum: maximum.min(OURS.maximum) })
            }
            Self::Old { preferred } => Ok(GroupSizes { preferred, ..OURS }),
        }
    }

    /// The two messages that follow in `group`.
    fn round(self, group: &DhGroup) -> Round {
        let mut hashed = Vec::new();
        self.put(&mut hashed);
        put_group(&mut hashed, group);
        Round::in_group(hashed)
    }
}

/// The server's group. [RFC 4419 §3](https://www.rfc-editor.org/rfc/rfc4419#section-3)
///
/// ```text
/// byte SSH_MSG_KEX_DH_GEX_GROUP (31) · mpint p, safe prime · mpint g, generator for subgroup in GF(p)
/// ```
fn put_group(out: &mut Vec<u8>, group: &DhGroup) {
    out.put_mpint(&group.prime);
    out.put_mpint(&group.generator);
}

/// The group, and how many bits its p has.
fn decode_group(body: &[u8]) -> Result<(DhGroup, u32), InvalidMessage> {
    let mut reader = Reader::new(body);
    let (p, g) = (reader.mpint("p")?, reader.mpint("g")?);
    reader.finish("SSH_MSG_KEX_DH_GEX_GROUP")?;
    let group = DhGroup { prime: p.magnitude().to_vec(), generator: g.magnitude().to_vec() };
    Ok((group, u32::try_from(p.bits()).unwrap_or(u32::MAX)))
}

impl Transport {
    pub(super) fn send_group_request(
        &mut self,
        context: Context,
        groups: &'static dyn GroupExchange,
        out: &mut Vec<u8>,
    ) -> ExpectGroup {
        let request = Request::New(OURS);
        self.send_now(out, |payload| {
            payload.put_u8(number::KEX_DH_GEX_REQUEST);
            request.put(payload);
        });
        ExpectGroup { context, groups, request }
    }

    pub(super) fn receive_group(
        &mut self,
        expect: ExpectGroup,
        number: u8,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if number != number::KEX_DH_GEX_GROUP {
            return Err(unexpected(number));
        }
        let ExpectGroup { context, groups, request } = expect;
        let (group, bits) = decode_group(body).map_err(|error| Error::InvalidMessage(MessageNumber(number), error))?;
        if !(OURS.minimum..=OURS.maximum).contains(&bits) {
            return Err(Error::PeerIncompatible(PeerIncompatible::GroupSize(bits)));
        }
        let arithmetic = groups.agreement(&group).map_err(|_bad| Error::PeerMisbehaved(PeerMisbehaved::BadGroup))?;
        let initiated = arithmetic.initiate(&mut *self.rng);
        let expect = self.send_init(context, request.round(&group), initiated, out);
        self.kex.state = State::ExpectReply(Box::new(expect));
        Ok(())
    }

    pub(super) fn receive_group_request(
        &mut self,
        expect: ExpectGroupRequest,
        number: u8,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if !matches!(number, number::KEX_DH_GEX_REQUEST | number::KEX_DH_GEX_REQUEST_OLD) {
            return Err(unexpected(number));
        }
        let ExpectGroupRequest { context, groups } = expect;
        let invalid = |error| Error::InvalidMessage(MessageNumber(number), error);
        let request = Request::decode(number, body).map_err(invalid)?;
        // A group of ours without arithmetic would be no fault of the client's.
        let chosen = groups.choose(&request.sizes()?).and_then(|group| Some((groups.agreement(&group).ok()?, group)));
        let (arithmetic, group) = chosen.ok_or(Error::PeerIncompatible(PeerIncompatible::NoSuchGroup))?;
        self.send_now(out, |payload| {
            payload.put_u8(number::KEX_DH_GEX_GROUP);
            put_group(payload, &group);
        });
        let expect = ExpectInit { context, round: request.round(&group), arithmetic };
        self.kex.state = State::ExpectInit(Box::new(expect));
        Ok(())
    }
}
