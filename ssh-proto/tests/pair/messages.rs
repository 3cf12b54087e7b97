//! Messages as any program may send them, byte by byte: not written by `ssh-proto`'s own code.

use ssh_proto::wire::{Put, number};

/// SERVICE_REQUEST or SERVICE_ACCEPT.
pub(crate) fn service(number: u8, name: &str) -> Vec<u8> {
    let mut payload = vec![number];
    payload.put_string(name.as_bytes());
    payload
}

/// USERAUTH_REQUEST as far as its method's name.
pub(crate) fn auth_request(user: &str, service: &str, method: &str) -> Vec<u8> {
    let mut payload = vec![number::USERAUTH_REQUEST];
    for field in [user, service, method] {
        payload.put_string(field.as_bytes());
    }
    payload
}

/// A request to be asked.
pub(crate) fn keyboard_request(user: &str) -> Vec<u8> {
    let mut payload = auth_request(user, "ssh-connection", "keyboard-interactive");
    payload.put_string(b"");
    payload.put_string(b"");
    payload
}

/// A request by public key as far as its signature.
pub(crate) fn public_key_request(user: &str, algorithm: &str, key: &[u8], signed: bool) -> Vec<u8> {
    let mut payload = auth_request(user, "ssh-connection", "publickey");
    payload.put_bool(signed);
    payload.put_string(algorithm.as_bytes());
    payload.put_string(key);
    payload
}

/// A request by password, or for a new one.
pub(crate) fn password_request(user: &str, password: &[u8], new: Option<&[u8]>) -> Vec<u8> {
    let mut payload = auth_request(user, "ssh-connection", "password");
    payload.put_bool(new.is_some());
    payload.put_string(password);
    if let Some(new) = new {
        payload.put_string(new);
    }
    payload
}

/// USERAUTH_FAILURE with its list and its flag.
pub(crate) fn failure(methods: &str, partial: bool) -> Vec<u8> {
    let mut payload = vec![number::USERAUTH_FAILURE];
    payload.put_string(methods.as_bytes());
    payload.put_bool(partial);
    payload
}

pub(crate) fn global_request(name: &str, want_reply: bool, data: &[u8]) -> Vec<u8> {
    let mut payload = vec![number::GLOBAL_REQUEST];
    payload.put_string(name.as_bytes());
    payload.put_bool(want_reply);
    payload.put_bytes(data);
    payload
}

/// A message that has nothing but numbers.
pub(crate) fn message(number: u8, fields: &[u32]) -> Vec<u8> {
    let mut payload = vec![number];
    fields.iter().for_each(|&field| payload.put_u32(field));
    payload
}

/// CHANNEL_OPEN as far as the data of its type.
pub(crate) fn open(channel_type: &str, sender: u32, window: u32, maximum_packet: u32) -> Vec<u8> {
    let mut payload = vec![number::CHANNEL_OPEN];
    payload.put_string(channel_type.as_bytes());
    payload.put_bytes(&message(0, &[sender, window, maximum_packet])[1..]);
    payload
}

pub(crate) fn data(channel: u32, bytes: &[u8]) -> Vec<u8> {
    let mut payload = message(number::CHANNEL_DATA, &[channel]);
    payload.put_string(bytes);
    payload
}

pub(crate) fn request(channel: u32, name: &str, want_reply: bool, rest: &[u8]) -> Vec<u8> {
    let mut payload = message(number::CHANNEL_REQUEST, &[channel]);
    payload.put_string(name.as_bytes());
    payload.put_bool(want_reply);
    payload.put_bytes(rest);
    payload
}
