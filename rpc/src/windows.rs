//! The windows of channels that carry calls.

use ssh_proto::Limits;

/// Windows that hold little, as long as the connection is no longer: a small call waits behind what is under way on its
/// channel, in both directions.
pub(crate) const fn for_calls(mut limits: Limits) -> Limits {
    limits.largest_window = limits.window;
    limits.window = 128 << 10;
    limits
}
