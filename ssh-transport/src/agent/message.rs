use ssh_proto::client::HostProof;
use ssh_proto::keys::{Certificate, PublicKey, Signature};
use ssh_proto::wire::{Put, Reader};

use super::{AgentError, AgentKey};

/// draft-miller-ssh-agent §4.4:
///
/// ```text
/// byte SSH_AGENTC_REQUEST_IDENTITIES (11)
/// ```
pub(super) fn request_identities() -> Vec<u8> {
    vec![REQUEST_IDENTITIES]
}

/// draft-miller-ssh-agent §4.4:
///
/// ```text
/// byte SSH_AGENT_IDENTITIES_ANSWER (12) · uint32 nkeys · nkeys times: string key blob, string comment
/// ```
///
/// "The agent shall reply with a message with the following preamble": a bare SSH_AGENT_SUCCESS is no reply to this
/// (CVE-2025-47913).
pub(super) fn read_identities(answer: &[u8]) -> Result<Vec<AgentKey>, AgentError> {
    let mut reader = expect(answer, IDENTITIES_ANSWER)?;
    let mut keys = Vec::new();
    for _ in 0..reader.u32("nkeys")? {
        let (blob, comment) = (reader.string("key blob")?, reader.string("comment")?);
        match PublicKey::from_blob(blob) {
            Ok(key) => keys.push(AgentKey { key, comment: printable(comment) }),
            // One key that nobody can use does not make the others useless.
            Err(error) => tracing::warn!(%error, comment = printable(comment), "the agent lists a key that is none"),
        }
    }
    reader.finish("list of keys")?;
    Ok(keys)
}

/// draft-miller-ssh-agent §4.5:
///
/// ```text
/// byte SSH_AGENTC_SIGN_REQUEST (13) · string key blob · string data · uint32 flags
/// ```
pub(super) fn sign_request(key: &PublicKey, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, AgentError> {
    let flags = flags(key.key_type(), algorithm).ok_or_else(|| AgentError::NoSuchAlgorithm {
        key_type: key.key_type().to_owned(),
        algorithm: algorithm.to_owned(),
    })?;
    let mut request = Vec::with_capacity(key.blob().len() + data.len() + 16);
    request.put_u8(SIGN_REQUEST);
    request.put_string(key.blob());
    request.put_string(data);
    request.put_u32(flags);
    Ok(request)
}

/// draft-miller-ssh-agent §4.5.1: the flags "are only valid for "ssh-rsa" keys". The key in a certificate signs as it does
/// without.
fn flags(key_type: &str, algorithm: &str) -> Option<u32> {
    match (Certificate::signature_name(key_type), algorithm) {
        ("ssh-rsa", "rsa-sha2-256") => Some(RSA_SHA2_256),
        ("ssh-rsa", "rsa-sha2-512") => Some(RSA_SHA2_512),
        (key_type, algorithm) if key_type == algorithm => Some(0),
        _ => None,
    }
}

/// draft-miller-ssh-agent §4.5:
///
/// ```text
/// byte SSH_AGENT_SIGN_RESPONSE (14) · string signature
/// ```
pub(super) fn read_signature(answer: &[u8], algorithm: &str) -> Result<Signature, AgentError> {
    let mut reader = expect(answer, SIGN_RESPONSE)?;
    let signature = Signature::from_wire(reader.string("signature")?)?;
    reader.finish("sign response")?;
    if signature.algorithm != algorithm {
        return Err(AgentError::WrongAlgorithm { asked: algorithm.to_owned(), answered: signature.algorithm });
    }
    Ok(signature)
}

/// Whether the client logs in with the agent's keys, or lends it to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Authentication,
    Forwarding,
}

/// OpenSSH's PROTOCOL.agent §1:
///
/// ```text
/// byte SSH_AGENTC_EXTENSION (27) · string session-bind@openssh.com · string hostkey · string session identifier
/// string signature · bool is_forwarding
/// ```
pub(super) fn session_bind(proof: &HostProof, usage: Use) -> Vec<u8> {
    let mut request = vec![EXTENSION];
    request.put_string(b"session-bind@openssh.com");
    request.put_string(proof.host_key.blob());
    request.put_string(proof.session_id.as_bytes());
    request.put_string(&proof.signature);
    request.put_bool(usage == Use::Forwarding);
    request
}

/// Its answer: a bare success.
pub(super) fn read_bound(answer: &[u8]) -> Result<(), AgentError> {
    match answer {
        [EXTENSION_FAILURE] => Err(AgentError::Refused),
        answer => Ok(expect(answer, SUCCESS)?.finish("success")?),
    }
}

/// What follows the number of an answer, when it is the one that answers the question.
fn expect(answer: &[u8], wanted: u8) -> Result<Reader<'_>, AgentError> {
    let mut reader = Reader::new(answer);
    match reader.u8("message number")? {
        number if number == wanted => Ok(reader),
        FAILURE => Err(AgentError::Refused),
        number => Err(AgentError::Unexpected { number }),
    }
}

/// A comment comes from whoever made the key, and goes to terminals.
fn printable(comment: &[u8]) -> String {
    String::from_utf8_lossy(comment).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const EXTENSION: u8 = 27;
const EXTENSION_FAILURE: u8 = 28;

const RSA_SHA2_256: u32 = 2;
const RSA_SHA2_512: u32 = 4;
