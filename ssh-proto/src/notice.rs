//! What a log should know: one stream of typed notices out of the core.

use alloc::collections::VecDeque;
use alloc::string::String;

use crate::transport::{Identification, Negotiated};

/// Something that happened and asks for no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Who the peer says it is.
    PeerIdentified(Identification),
    /// A line that the server sent before its identification, control characters removed.
    BannerLine(String),
    /// What was agreed on, at the end of each key exchange.
    Negotiated(Negotiated),
    /// The peer's SSH_MSG_DEBUG, control characters removed.
    Debug(String),
    /// The peer does not know the message with this sequence number.
    Unimplemented(u32),
    /// The server's login banner (RFC 4252 §5.4), control characters removed.
    LoginBanner(String),
    /// A login was refused: the user, as sent, control characters removed, and the method.
    LoginRefused {
        /// The user name.
        user: String,
        /// The method's name.
        method: String,
        /// Refused attempts so far.
        tries: u32,
    },
    /// The server logged us in and nothing was shown for it: no key signed, no password and no answer was given (trivial
    /// authentication, CVE-2021-36367). What looks like a question for a secret from now on may be the server's own.
    TrivialLogin,
}

/// Notices that nobody has fetched yet; the oldest go first when there are too many.
#[derive(Debug, Default)]
pub(crate) struct Notices(VecDeque<Notice>);

impl Notices {
    const CAPACITY: usize = 32;

    pub(crate) fn push(&mut self, notice: Notice) {
        if self.0.len() >= Self::CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(notice);
    }

    pub(crate) fn pop(&mut self) -> Option<Notice> {
        self.0.pop_front()
    }
}

/// Text from a peer for people: control characters are dropped (RFC 4251 §9.2), at most 1,024 characters are kept.
pub(crate) fn printable(bytes: &[u8]) -> String {
    printable_up_to(bytes, 1024)
}

/// The same with at most `maximum` characters.
pub(crate) fn printable_up_to(bytes: &[u8], maximum: usize) -> String {
    String::from_utf8_lossy(bytes.get(..maximum.saturating_mul(4)).unwrap_or(bytes))
        .chars()
        .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
        .take(maximum)
        .collect()
}
