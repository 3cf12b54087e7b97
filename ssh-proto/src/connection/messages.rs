//! The messages of RFC 4254 §4 to §6, numbers 80 to 127.

use alloc::vec::Vec;

use super::channel::PeerChannel;
use crate::wire::{InvalidMessage, Put, Reader, number};

/// A message of the connection layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    GlobalRequest(GlobalRequestMessage<'a>),
    /// [RFC 4254 §4](https://www.rfc-editor.org/rfc/rfc4254#section-4)
    ///
    /// ```text
    /// byte SSH_MSG_REQUEST_SUCCESS (81) · .... response specific data
    /// ```
    RequestSuccess {
        data: &'a [u8],
    },
    /// ```text
    /// byte SSH_MSG_REQUEST_FAILURE (82)
    /// ```
    RequestFailure,
    ChannelOpen(ChannelOpen<'a>),
    ChannelOpenConfirmation(ChannelOpenConfirmation),
    ChannelOpenFailure(ChannelOpenFailure<'a>),
    /// [RFC 4254 §5.2](https://www.rfc-editor.org/rfc/rfc4254#section-5.2)
    ///
    /// ```text
    /// byte SSH_MSG_CHANNEL_WINDOW_ADJUST (93) · uint32 recipient channel · uint32 bytes to add
    /// ```
    ChannelWindowAdjust {
        recipient_channel: u32,
        bytes_to_add: u32,
    },
    /// ```text
    /// byte SSH_MSG_CHANNEL_DATA (94) · uint32 recipient channel · string data
    /// ```
    ChannelData {
        recipient_channel: u32,
        data: &'a [u8],
    },
    /// ```text
    /// byte SSH_MSG_CHANNEL_EXTENDED_DATA (95) · uint32 recipient channel · uint32 data_type_code · string data
    /// ```
    ChannelExtendedData {
        recipient_channel: u32,
        data_type_code: u32,
        data: &'a [u8],
    },
    /// [RFC 4254 §5.3](https://www.rfc-editor.org/rfc/rfc4254#section-5.3)
    ///
    /// ```text
    /// byte SSH_MSG_CHANNEL_EOF (96) · uint32 recipient channel
    /// ```
    ChannelEof {
        recipient_channel: u32,
    },
    /// ```text
    /// byte SSH_MSG_CHANNEL_CLOSE (97) · uint32 recipient channel
    /// ```
    ChannelClose {
        recipient_channel: u32,
    },
    ChannelRequest(ChannelRequestMessage<'a>),
    /// [RFC 4254 §5.4](https://www.rfc-editor.org/rfc/rfc4254#section-5.4)
    ///
    /// ```text
    /// byte SSH_MSG_CHANNEL_SUCCESS (99) · uint32 recipient channel
    /// ```
    ChannelSuccess {
        recipient_channel: u32,
    },
    /// ```text
    /// byte SSH_MSG_CHANNEL_FAILURE (100) · uint32 recipient channel
    /// ```
    ChannelFailure {
        recipient_channel: u32,
    },
}

/// Asks for something that concerns no channel. [RFC 4254 §4](https://www.rfc-editor.org/rfc/rfc4254#section-4)
///
/// ```text
/// byte SSH_MSG_GLOBAL_REQUEST (80) · string request name in US-ASCII only · boolean want reply
/// .... request-specific data follows
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GlobalRequestMessage<'a> {
    pub(super) name: &'a str,
    pub(super) want_reply: bool,
    pub(super) data: &'a [u8],
}

/// Opens a channel. [RFC 4254 §5.1](https://www.rfc-editor.org/rfc/rfc4254#section-5.1)
///
/// ```text
/// byte SSH_MSG_CHANNEL_OPEN (90) · string channel type · uint32 sender channel
/// uint32 initial window size · uint32 maximum packet size · .... channel type specific data
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelOpen<'a> {
    pub(super) channel_type: &'a str,
    pub(super) sender_channel: PeerChannel,
    pub(super) initial_window_size: u32,
    pub(super) maximum_packet_size: u32,
    pub(super) data: &'a [u8],
}

/// Accepts a channel. [RFC 4254 §5.1](https://www.rfc-editor.org/rfc/rfc4254#section-5.1)
///
/// ```text
/// byte SSH_MSG_CHANNEL_OPEN_CONFIRMATION (91) · uint32 recipient channel · uint32 sender channel
/// uint32 initial window size · uint32 maximum packet size · .... channel type specific data
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelOpenConfirmation {
    pub(super) recipient_channel: u32,
    pub(super) sender_channel: PeerChannel,
    pub(super) initial_window_size: u32,
    pub(super) maximum_packet_size: u32,
}

/// Refuses a channel. [RFC 4254 §5.1](https://www.rfc-editor.org/rfc/rfc4254#section-5.1)
///
/// ```text
/// byte SSH_MSG_CHANNEL_OPEN_FAILURE (92) · uint32 recipient channel · uint32 reason code
/// string description in ISO-10646 UTF-8 encoding · string language tag
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelOpenFailure<'a> {
    pub(super) recipient_channel: u32,
    pub(super) reason: OpenFailureReason,
    pub(super) description: &'a [u8],
}

/// Asks for something of one channel. [RFC 4254 §5.4](https://www.rfc-editor.org/rfc/rfc4254#section-5.4)
///
/// ```text
/// byte SSH_MSG_CHANNEL_REQUEST (98) · uint32 recipient channel · string request type in US-ASCII characters only
/// boolean want reply · .... type-specific data follows
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelRequestMessage<'a> {
    pub(super) recipient_channel: u32,
    pub(super) request_type: &'a str,
    pub(super) want_reply: bool,
    pub(super) data: &'a [u8],
}

/// Why a channel was not opened. [RFC 4254 §5.1](https://www.rfc-editor.org/rfc/rfc4254#section-5.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenFailureReason(pub u32);

#[expect(missing_docs, reason = "each is the RFC's own name without its SSH_OPEN_ prefix")]
impl OpenFailureReason {
    pub const ADMINISTRATIVELY_PROHIBITED: Self = Self(1);
    pub const CONNECT_FAILED: Self = Self(2);
    pub const UNKNOWN_CHANNEL_TYPE: Self = Self(3);
    pub const RESOURCE_SHORTAGE: Self = Self(4);
}

impl<'a> Message<'a> {
    /// Reads message `number`; `None` for one that RFC 4254 does not know.
    pub(super) fn decode(number: u8, body: &'a [u8]) -> Result<Option<Self>, InvalidMessage> {
        let mut reader = Reader::new(body);
        let message = match number {
            number::GLOBAL_REQUEST => {
                let (name, want_reply) = (reader.utf8("request name")?, reader.boolean("want reply")?);
                let request = GlobalRequestMessage { name, want_reply, data: reader.rest() };
                return Ok(Some(Self::GlobalRequest(request)));
            }
            number::REQUEST_SUCCESS => return Ok(Some(Self::RequestSuccess { data: body })),
            number::REQUEST_FAILURE => Self::RequestFailure,
            number::CHANNEL_OPEN => {
                let open = ChannelOpen {
                    channel_type: reader.utf8("channel type")?,
                    sender_channel: PeerChannel(reader.u32("sender channel")?),
                    initial_window_size: reader.u32("initial window size")?,
                    maximum_packet_size: reader.u32("maximum packet size")?,
                    data: reader.rest(),
                };
                return Ok(Some(Self::ChannelOpen(open)));
            }
            number::CHANNEL_OPEN_CONFIRMATION => {
                // What follows belongs to the channel type; none of ours has anything there.
                return Ok(Some(Self::ChannelOpenConfirmation(ChannelOpenConfirmation {
                    recipient_channel: reader.u32("recipient channel")?,
                    sender_channel: PeerChannel(reader.u32("sender channel")?),
                    initial_window_size: reader.u32("initial window size")?,
                    maximum_packet_size: reader.u32("maximum packet size")?,
                })));
            }
            number::CHANNEL_OPEN_FAILURE => {
                let failure = ChannelOpenFailure {
                    recipient_channel: reader.u32("recipient channel")?,
                    reason: OpenFailureReason(reader.u32("reason code")?),
                    description: reader.string("description")?,
                };
                reader.string("language tag")?;
                Self::ChannelOpenFailure(failure)
            }
            number::CHANNEL_WINDOW_ADJUST => Self::ChannelWindowAdjust {
                recipient_channel: reader.u32("recipient channel")?,
                bytes_to_add: reader.u32("bytes to add")?,
            },
            number::CHANNEL_DATA => {
                Self::ChannelData { recipient_channel: reader.u32("recipient channel")?, data: reader.string("data")? }
            }
            number::CHANNEL_EXTENDED_DATA => Self::ChannelExtendedData {
                recipient_channel: reader.u32("recipient channel")?,
                data_type_code: reader.u32("data_type_code")?,
                data: reader.string("data")?,
            },
            number::CHANNEL_EOF => Self::ChannelEof { recipient_channel: reader.u32("recipient channel")? },
            number::CHANNEL_CLOSE => Self::ChannelClose { recipient_channel: reader.u32("recipient channel")? },
            number::CHANNEL_REQUEST => {
                let request = ChannelRequestMessage {
                    recipient_channel: reader.u32("recipient channel")?,
                    request_type: reader.utf8("request type")?,
                    want_reply: reader.boolean("want reply")?,
                    data: reader.rest(),
                };
                return Ok(Some(Self::ChannelRequest(request)));
            }
            number::CHANNEL_SUCCESS => Self::ChannelSuccess { recipient_channel: reader.u32("recipient channel")? },
            number::CHANNEL_FAILURE => Self::ChannelFailure { recipient_channel: reader.u32("recipient channel")? },
            _ => return Ok(None),
        };
        reader.finish("the message")?;
        Ok(Some(message))
    }

    /// Appends the message, its number first.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::GlobalRequest(request) => {
                out.put_u8(number::GLOBAL_REQUEST);
                out.put_string(request.name.as_bytes());
                out.put_bool(request.want_reply);
                out.put_bytes(request.data);
            }
            Self::RequestSuccess { data } => {
                out.put_u8(number::REQUEST_SUCCESS);
                out.put_bytes(data);
            }
            Self::RequestFailure => out.put_u8(number::REQUEST_FAILURE),
            Self::ChannelOpen(open) => {
                out.put_u8(number::CHANNEL_OPEN);
                out.put_string(open.channel_type.as_bytes());
                out.put_u32(open.sender_channel.0);
                out.put_u32(open.initial_window_size);
                out.put_u32(open.maximum_packet_size);
                out.put_bytes(open.data);
            }
            Self::ChannelOpenConfirmation(confirmation) => {
                out.put_u8(number::CHANNEL_OPEN_CONFIRMATION);
                out.put_u32(confirmation.recipient_channel);
                out.put_u32(confirmation.sender_channel.0);
                out.put_u32(confirmation.initial_window_size);
                out.put_u32(confirmation.maximum_packet_size);
            }
            Self::ChannelOpenFailure(failure) => {
                out.put_u8(number::CHANNEL_OPEN_FAILURE);
                out.put_u32(failure.recipient_channel);
                out.put_u32(failure.reason.0);
                out.put_string(failure.description);
                out.put_string(b"");
            }
            Self::ChannelWindowAdjust { recipient_channel, bytes_to_add } => {
                out.put_u8(number::CHANNEL_WINDOW_ADJUST);
                out.put_u32(*recipient_channel);
                out.put_u32(*bytes_to_add);
            }
            Self::ChannelData { recipient_channel, data } => {
                out.put_u8(number::CHANNEL_DATA);
                out.put_u32(*recipient_channel);
                out.put_string(data);
            }
            Self::ChannelExtendedData { recipient_channel, data_type_code, data } => {
                out.put_u8(number::CHANNEL_EXTENDED_DATA);
                out.put_u32(*recipient_channel);
                out.put_u32(*data_type_code);
                out.put_string(data);
            }
            Self::ChannelEof { recipient_channel } => {
                out.put_u8(number::CHANNEL_EOF);
                out.put_u32(*recipient_channel);
            }
            Self::ChannelClose { recipient_channel } => {
                out.put_u8(number::CHANNEL_CLOSE);
                out.put_u32(*recipient_channel);
            }
            Self::ChannelRequest(request) => {
                out.put_u8(number::CHANNEL_REQUEST);
                out.put_u32(request.recipient_channel);
                out.put_string(request.request_type.as_bytes());
                out.put_bool(request.want_reply);
                out.put_bytes(request.data);
            }
            Self::ChannelSuccess { recipient_channel } => {
                out.put_u8(number::CHANNEL_SUCCESS);
                out.put_u32(*recipient_channel);
            }
            Self::ChannelFailure { recipient_channel } => {
                out.put_u8(number::CHANNEL_FAILURE);
                out.put_u32(*recipient_channel);
            }
        }
    }
}

#[cfg(test)]
mod tests;
