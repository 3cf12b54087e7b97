//! Nodes under their names.

use futures_util::future::join_all;

use crate::client::{Client, Connect, ConnectError};
use crate::term::Atom;

/// A node under its name, and the way to it, if there is one.
#[derive(Clone, Debug)]
pub struct NamedNode {
    name: Atom,
    client: Option<Client>,
}

/// Nodes in an order: what Erlang's functions take as `Nodes`. One may be there more than once.
///
/// The names are those by which the caller knows the nodes. Where a pid says whose it is, they must be the nodes' own.
#[derive(Clone, Debug, Default)]
pub struct Nodes(Vec<NamedNode>);

impl NamedNode {
    /// A node that is reached so.
    #[must_use]
    pub const fn new(name: Atom, client: Client) -> Self {
        Self { name, client: Some(client) }
    }

    /// A node that cannot be reached: what it is asked fails with `nodedown`.
    #[must_use]
    pub const fn down(name: Atom) -> Self {
        Self { name, client: None }
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &Atom {
        &self.name
    }

    /// The way to it.
    #[must_use]
    pub const fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// The way to it, unless its connection is known to have ended.
    pub(super) fn live(&self) -> Option<&Client> {
        self.client().filter(|client| client.ssh().is_none_or(|ssh| !ssh.is_closed()))
    }
}

impl Nodes {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Connects to all of them at once. One that cannot be reached is down, and the error beside it.
    pub async fn connect(nodes: impl IntoIterator<Item = (Atom, Connect)>) -> (Self, Vec<(Atom, ConnectError)>) {
        let connecting = nodes.into_iter().map(|(name, connect)| async { (name, connect.connect().await) });
        let (mut nodes, mut errors) = (Self::new(), Vec::new());
        for (name, connected) in join_all(connecting).await {
            nodes.push(match connected {
                Ok(client) => NamedNode::new(name, client),
                Err(error) => {
                    errors.push((name.clone(), error));
                    NamedNode::down(name)
                }
            });
        }
        (nodes, errors)
    }

    /// One more.
    pub fn push(&mut self, node: NamedNode) {
        self.0.push(node);
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &NamedNode> {
        self.0.iter()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &Atom> {
        self.iter().map(NamedNode::name)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first one of this name.
    #[must_use]
    pub fn find(&self, name: &Atom) -> Option<&NamedNode> {
        self.iter().find(|node| node.name == *name)
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = &Client> {
        self.iter().filter_map(NamedNode::client)
    }
}

impl FromIterator<NamedNode> for Nodes {
    fn from_iter<I: IntoIterator<Item = NamedNode>>(nodes: I) -> Self {
        Self(nodes.into_iter().collect())
    }
}

impl FromIterator<(Atom, Client)> for Nodes {
    fn from_iter<I: IntoIterator<Item = (Atom, Client)>>(nodes: I) -> Self {
        nodes.into_iter().map(|(name, client)| NamedNode::new(name, client)).collect()
    }
}

impl Extend<NamedNode> for Nodes {
    fn extend<I: IntoIterator<Item = NamedNode>>(&mut self, nodes: I) {
        self.0.extend(nodes);
    }
}
