//! What a user key signs, [RFC 4252 §7](https://www.rfc-editor.org/rfc/rfc4252#section-7).

use alloc::vec::Vec;

use crate::transport::SessionId;
use crate::wire::Put;

/// ```text
/// string session identifier · byte SSH_MSG_USERAUTH_REQUEST (50) · string user name · string service name
/// string "publickey" · boolean TRUE · string public key algorithm name · string public key
/// ```
///
/// `request` is everything behind the session identifier, as it stands in the message itself.
pub(super) fn to_sign(session_id: SessionId, request: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(request.len().saturating_add(68));
    data.put_string(session_id.as_bytes());
    data.put_bytes(request);
    data
}
