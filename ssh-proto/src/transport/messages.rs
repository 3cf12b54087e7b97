//! The messages of the transport layer: RFC 4253 §7.1, §10 and §11, RFC 8308 §2.3.

use alloc::vec::Vec;

use crate::error::DisconnectReason;
use crate::wire::{InvalidMessage, NameList, Put, Reader, number};

/// Ends the connection. [RFC 4253 §11.1](https://www.rfc-editor.org/rfc/rfc4253#section-11.1)
///
/// ```text
/// byte SSH_MSG_DISCONNECT (1) · uint32 reason code · string description · string language tag
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disconnect<'a> {
    pub(crate) reason: u32,
    pub(crate) description: &'a [u8],
}

impl<'a> Disconnect<'a> {
    /// Old peers leave out what follows the reason; a message that ends the connection anyway is read kindly.
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let reason = reader.u32("reason code")?;
        Ok(Self { reason, description: reader.string("description").unwrap_or_default() })
    }
}

pub(crate) fn put_disconnect(out: &mut Vec<u8>, reason: DisconnectReason, description: &str) {
    out.put_u8(number::DISCONNECT);
    out.put_u32(reason as u32);
    out.put_string(description.as_bytes());
    out.put_string(b"");
}

/// Something to log. [RFC 4253 §11.3](https://www.rfc-editor.org/rfc/rfc4253#section-11.3)
///
/// ```text
/// byte SSH_MSG_DEBUG (4) · boolean always_display · string message · string language tag
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Debug<'a> {
    pub(crate) message: &'a [u8],
}

impl<'a> Debug<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        reader.boolean("always_display")?;
        let message = reader.string("message")?;
        reader.string("language tag")?;
        reader.finish("SSH_MSG_DEBUG")?;
        Ok(Self { message })
    }
}

/// Answers a message that is not known. [RFC 4253 §11.4](https://www.rfc-editor.org/rfc/rfc4253#section-11.4)
///
/// ```text
/// byte SSH_MSG_UNIMPLEMENTED (3) · uint32 packet sequence number of rejected message
/// ```
pub(crate) fn put_unimplemented(out: &mut Vec<u8>, sequence: u32) {
    out.put_u8(number::UNIMPLEMENTED);
    out.put_u32(sequence);
}

/// Names a service, asked for or accepted. [RFC 4253 §10](https://www.rfc-editor.org/rfc/rfc4253#section-10)
///
/// ```text
/// byte SSH_MSG_SERVICE_REQUEST (5) or SSH_MSG_SERVICE_ACCEPT (6) · string service name
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Service<'a> {
    pub(crate) name: &'a [u8],
}

impl<'a> Service<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let name = reader.string("service name")?;
        reader.finish("service message")?;
        Ok(Self { name })
    }
}

/// What a side can do. [RFC 4253 §7.1](https://www.rfc-editor.org/rfc/rfc4253#section-7.1)
///
/// ```text
/// byte SSH_MSG_KEXINIT (20) · byte[16] cookie (random bytes)
/// name-list kex_algorithms · name-list server_host_key_algorithms
/// name-list encryption_algorithms_client_to_server · name-list encryption_algorithms_server_to_client
/// name-list mac_algorithms_client_to_server · name-list mac_algorithms_server_to_client
/// name-list compression_algorithms_client_to_server · name-list compression_algorithms_server_to_client
/// name-list languages_client_to_server · name-list languages_server_to_client
/// boolean first_kex_packet_follows · uint32 0 (reserved for future extension)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KexInit<'a> {
    pub(crate) kex: NameList<'a>,
    pub(crate) host_key: NameList<'a>,
    pub(crate) cipher_c2s: NameList<'a>,
    pub(crate) cipher_s2c: NameList<'a>,
    pub(crate) mac_c2s: NameList<'a>,
    pub(crate) mac_s2c: NameList<'a>,
    pub(crate) compression_c2s: NameList<'a>,
    pub(crate) compression_s2c: NameList<'a>,
    pub(crate) first_kex_packet_follows: bool,
}

impl<'a> KexInit<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        reader.array::<16>("cookie")?;
        let message = Self {
            kex: reader.name_list("kex_algorithms")?,
            host_key: reader.name_list("server_host_key_algorithms")?,
            cipher_c2s: reader.name_list("encryption_algorithms_client_to_server")?,
            cipher_s2c: reader.name_list("encryption_algorithms_server_to_client")?,
            mac_c2s: reader.name_list("mac_algorithms_client_to_server")?,
            mac_s2c: reader.name_list("mac_algorithms_server_to_client")?,
            compression_c2s: reader.name_list("compression_algorithms_client_to_server")?,
            compression_s2c: reader.name_list("compression_algorithms_server_to_client")?,
            first_kex_packet_follows: {
                reader.name_list("languages_client_to_server")?;
                reader.name_list("languages_server_to_client")?;
                reader.boolean("first_kex_packet_follows")?
            },
        };
        // "reserved for future extension": a value that is not 0 promises something that we do not know.
        reader.u32("reserved")?;
        reader.finish("SSH_MSG_KEXINIT")?;
        Ok(message)
    }
}

/// One extension of an [`ExtInfo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
}

/// Extensions. [RFC 8308 §2.3](https://www.rfc-editor.org/rfc/rfc8308#section-2.3)
///
/// ```text
/// byte SSH_MSG_EXT_INFO (7) · uint32 nr-extensions · { string extension-name · string extension-value }*
/// ```
#[derive(Clone, Debug)]
pub(crate) struct ExtInfo<'a> {
    reader: Reader<'a>,
    left: u32,
}

impl<'a> ExtInfo<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let left = reader.u32("nr-extensions")?;
        let mut check = Self { reader: reader.clone(), left };
        while check.next_extension()?.is_some() {}
        check.reader.finish("SSH_MSG_EXT_INFO")?;
        Ok(Self { reader, left })
    }

    /// The next one. The count is never trusted: each extension takes at least eight bytes that are there.
    pub(crate) fn next_extension(&mut self) -> Result<Option<Extension<'a>>, InvalidMessage> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let name = self.reader.string("extension-name")?;
        Ok(Some(Extension { name, value: self.reader.string("extension-value")? }))
    }
}

#[cfg(test)]
mod tests;
