//! Every bound of a connection, with its default.

use core::time::Duration;

/// The bounds of one connection. Each has a safe default; a peer that meets one is told so and disconnected, or slowed
/// down where the field says so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest `packet_length` that is read before login, in bytes: 35,000, the least that RFC 4253 §6.1 asks for.
    pub packet_before_login: usize,
    /// The largest `packet_length` that is read after login, in bytes, and the largest payload that a compressed packet
    /// may expand to: 256 KiB, as OpenSSH has it.
    pub packet: usize,
    /// Bytes in either direction after which keys are re-exchanged: 1 GiB (RFC 4253 §9).
    pub rekey_bytes: u64,
    /// Packets in either direction after which keys are re-exchanged: 2^31 (RFC 4344 §3.1).
    pub rekey_packets: u64,
    /// The time after which keys are re-exchanged: 1 hour (RFC 4253 §9).
    pub rekey_interval: Duration,
    /// How long a re-exchange may take before the connection ends: 60 seconds.
    pub rekey_timeout: Duration,
    /// How often the peer may start a key exchange before login: 4, the first included.
    pub key_exchanges_before_login: u32,
    /// Bytes of messages that may wait for the end of a re-exchange: 256 KiB.
    pub held_output: usize,
    /// Output, in bytes, above which no further input is processed and no channel data is taken: 1 MiB. The peer that
    /// sends and never reads is slowed down, not disconnected.
    pub output_high_water: usize,
    /// Lines that a client reads before the server's identification (RFC 4253 §4.2): 1,024, as OpenSSH does.
    pub banner_lines: u32,
    /// How long such a line may be, in bytes: 8,192.
    pub banner_line: usize,
    /// The time from the start to a completed login: 120 seconds.
    pub login_grace: Duration,
    /// Requests of any kind, accepted queries for keys included, that one login to a server may take: 128.
    pub login_requests: u32,
    /// Refusals after which a client leaves a server that never stops saying no (CVE-2026-59849): 64.
    pub login_refusals: u32,
    /// Rounds of questions, and demands for a new password, after which a client leaves a server that never stops asking: 64.
    pub login_questions: u32,
    /// The longest password or answer that a server looks at, in bytes: 1,024. Hashing longer ones would be work for the asking
    /// (CVE-2016-6515).
    pub password: usize,
    /// Channels that may be open at once: 128. Further ones are refused with `SSH_OPEN_RESOURCE_SHORTAGE`.
    pub channels: usize,
    /// Requests of the peer, on one channel or global, that may wait for our answers: 64.
    pub pending_requests: usize,
    /// The window that a channel starts with, in bytes: 2 MiB. `ChannelOptions` sets it for one channel.
    pub window: u32,
    /// What the window of a channel may become, in bytes, where the connection is too long for it: 0, it stays. A window that
    /// starts small and may grow lets through soon what is sent behind much else. `ChannelOptions` sets it for one channel.
    pub largest_window: u32,
    /// The largest data string that we ask for on a channel, and the largest that we send, in bytes: 32 KiB.
    /// `ChannelOptions` sets the former for one channel.
    pub maximum_packet: u32,
    /// After this long without a packet from the peer, it is asked for a sign of life: off.
    pub keepalive_interval: Option<Duration>,
    /// How many of those questions may stay without an answer: 3.
    pub keepalive_tries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet_before_login: 35_000,
            packet: 256 * 1024,
            rekey_bytes: 1 << 30,
            rekey_packets: 1 << 31,
            rekey_interval: Duration::from_secs(3600),
            rekey_timeout: Duration::from_secs(60),
            key_exchanges_before_login: 4,
            held_output: 256 * 1024,
            output_high_water: 1 << 20,
            banner_lines: 1024,
            banner_line: 8192,
            login_grace: Duration::from_secs(120),
            login_requests: 128,
            login_refusals: 64,
            login_questions: 64,
            password: 1024,
            channels: 128,
            pending_requests: 64,
            window: 2 << 20,
            largest_window: 0,
            maximum_packet: 32 * 1024,
            keepalive_interval: None,
            keepalive_tries: 3,
        }
    }
}
