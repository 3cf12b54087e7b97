//! How much one encoded term may cost.

/// The bounds of one decode or scan. All are inclusive.
///
/// The defaults are those of the whole project, and hold what real calls carry. A plain term costs memory in proportion to
/// its octets, up to some 70 times as much; a compressed one may be small on the wire and reach every bound, with
/// `max_nodes` that is half a gigabyte. A node with many callers that it does not trust sets them lower. Start from
/// [`DecodeLimits::default`] and change what should differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeLimits {
    /// Octets of one encoded term, and also what a compressed one may inflate to. Default: 64 MiB, and a
    /// kibibyte for the call or the answer around a binary of that size.
    pub max_bytes: usize,
    /// How deep containers may nest; a term that is no container has depth 0, `[]` too, `[[a]]` has 2. Default: 10,000.
    pub max_depth: usize,
    /// Terms in the term, counting containers and their elements; a string counts as one. A decoded term takes 32 octets
    /// for each, and some 40 more for each container that is not empty. Default: 16,777,216.
    pub max_nodes: usize,
    /// Different atoms. Default: 65,536.
    pub max_atoms: usize,
    /// Octets of one integer's magnitude; printing takes time that grows with the square of it. Default: 65,536.
    pub max_integer_bytes: usize,
}

impl DecodeLimits {
    /// The defaults, for constants.
    pub const DEFAULT: Self = Self {
        max_bytes: (64 << 20) + 1024,
        max_depth: 10_000,
        max_nodes: 1 << 24,
        max_atoms: 1 << 16,
        max_integer_bytes: 1 << 16,
    };
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
