//! How the two ends agree on the extended protocol and on what each of them takes.

use super::message::Id;
use crate::term::{Atom, DecodeLimits, Map, Term};

/// The versions of the protocol that are spoken here.
const VERSIONS: [u64; 1] = [1];

/// What one end takes from the other. [`default`](Self::default) is what holds for an end that has said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest frame, in octets. Never less than [`Limits::FRAME`].
    pub frame: usize,
    /// The longest message in parts, in octets of its external term.
    pub message: usize,
    /// The sum of the sizes of messages in parts that may be under way at once.
    pub assembly: usize,
    /// The credit, in octets, with which each stream begins.
    pub window: u64,
    /// How many requests may be unanswered at once. A node's.
    pub calls: usize,
    /// The sum of the lengths of requests that may be unanswered at once. A node's.
    pub pending: usize,
}

impl Limits {
    /// The least that every end takes in a frame.
    pub const FRAME: usize = 64 << 10;

    /// The defaults, for constants.
    pub const DEFAULT: Self = Self {
        frame: Self::FRAME,
        message: DecodeLimits::DEFAULT.max_bytes,
        assembly: 128 << 20,
        window: 1 << 20,
        calls: 1024,
        pending: 128 << 20,
    };

    /// The same, with the sums at least as large as one message.
    fn sound(mut self) -> Self {
        self.frame = self.frame.max(Self::FRAME);
        self.assembly = self.assembly.max(self.message);
        self.pending = self.pending.max(self.message);
        self.calls = self.calls.max(1);
        self
    }

    fn entries(&self, role: Role) -> impl Iterator<Item = (Term, Term)> {
        let number = |name, value: usize| (Term::atom(name), Term::from(value));
        let both = [
            number("frame", self.frame),
            number("message", self.message),
            number("assembly", self.assembly),
            (Term::atom("window"), self.window.into()),
        ];
        let node = match role {
            Role::Client => None,
            Role::Node => Some([number("calls", self.calls), number("pending", self.pending)]),
        };
        both.into_iter().chain(node.into_iter().flatten())
    }

    /// What is not said holds by default. `None` when something is no size.
    fn read(map: &Map) -> Option<Self> {
        let mut limits = Self::DEFAULT;
        for (key, value) in map {
            let place = match key.as_atom().map(Atom::as_str) {
                Some("frame") => &mut limits.frame,
                Some("message") => &mut limits.message,
                Some("assembly") => &mut limits.assembly,
                Some("calls") => &mut limits.calls,
                Some("pending") => &mut limits.pending,
                Some("window") => {
                    limits.window = value.as_u64()?.min(Id::MAX.get());
                    continue;
                }
                _ => continue,
            };
            // What an end takes beyond our range, we never send.
            *place = usize::try_from(value.as_u64()?).unwrap_or(usize::MAX);
        }
        Some(limits.sound())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[derive(Clone, Copy)]
enum Role {
    Client,
    Node,
}

/// `{sshrpc, hello, Offer}`: a client's first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) limits: Limits,
}

impl Offer {
    pub(crate) fn to_term(self) -> Term {
        let versions = Term::list(VERSIONS.map(Term::from));
        hello(Term::map([(Term::atom("versions"), versions)].into_iter().chain(self.limits.entries(Role::Client))))
    }

    /// `None` for any other term, and for an offer of versions that nobody here speaks: both are answered as what a plain
    /// node does not know.
    pub(super) fn read(term: &Term) -> Option<Self> {
        let map = hello_map(term)?;
        let mut versions = map.get(&Term::atom("versions"))?.as_list()?;
        versions.any(|version| version.as_u64().is_some_and(|version| VERSIONS.contains(&version))).then_some(())?;
        Some(Self { limits: Limits::read(map)? })
    }
}

/// `{sshrpc, hello, Accepted}`, in a node's first answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The node's name.
    pub node: Atom,
    /// What it takes.
    pub limits: Limits,
}

impl Accepted {
    pub(super) fn to_term(&self) -> Term {
        let [version] = VERSIONS;
        let said = [(Term::atom("version"), version.into()), (Term::atom("node"), self.node.clone().into())];
        hello(Term::map(said.into_iter().chain(self.limits.entries(Role::Node))))
    }

    pub(crate) fn read(term: &Term) -> Option<Self> {
        let map = hello_map(term)?;
        let version = map.get(&Term::atom("version"))?.as_u64()?;
        VERSIONS.contains(&version).then_some(())?;
        let node = match map.get(&Term::atom("node")) {
            Some(node) => node.as_atom()?.clone(),
            None => Atom::from_static("nonode@nohost"),
        };
        Some(Self { node, limits: Limits::read(map)? })
    }
}

fn hello(map: Term) -> Term {
    Term::tuple([Term::atom("sshrpc"), Term::atom("hello"), map])
}

fn hello_map(term: &Term) -> Option<&Map> {
    match term.as_tuple()? {
        [protocol, tag, map] if protocol.is_atom("sshrpc") && tag.is_atom("hello") => map.as_map(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read() {
        let mut limits = Limits::DEFAULT;
        limits.frame = 100_000;
        limits.window = 5;
        let offer = Offer { limits };
        assert_eq!(Offer::read(&offer.to_term()), Some(offer));
        limits.calls = 7;
        let accepted = Accepted { node: Atom::from_static("a@b"), limits };
        assert_eq!(Accepted::read(&accepted.to_term()), Some(accepted));
    }

    #[test]
    fn what_is_not_said_holds_by_default() {
        let read = |text: &str| Offer::read(&text.parse().expect("a term"));
        assert_eq!(read("{sshrpc,hello,#{versions => [2,1]}}"), Some(Offer { limits: Limits::DEFAULT }));
        let more = read("{sshrpc,hello,#{versions => [1], colour => red, frame => 1, message => 1000000000}}");
        let mut limits = Limits::DEFAULT;
        limits.message = 1_000_000_000;
        limits.assembly = limits.message;
        limits.pending = limits.message;
        assert_eq!(more, Some(Offer { limits }));
    }

    #[test]
    fn what_is_no_hello() {
        for text in [
            "hello",
            "{sshrpc,hello,[]}",
            "{sshrpc,hello,#{}}",
            "{sshrpc,hello,#{versions => [2]}}",
            "{sshrpc,hello,#{versions => 1}}",
            "{sshrpc,hello,#{versions => [1], window => -1}}",
            "{sshrpc,hello,#{versions => [1], calls => many}}",
        ] {
            assert_eq!(Offer::read(&text.parse().expect("a term")), None, "{text}");
        }
    }
}
