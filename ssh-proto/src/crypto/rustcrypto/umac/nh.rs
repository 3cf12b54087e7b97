use zeroize::Zeroizing;

use super::CHUNK;

/// Bytes of key for four hashes: a chunk's for the first, and 16 more for each further one.
pub(super) const KEY: usize = CHUNK + 3 * 16;
/// What NH takes at a time: messages are padded to that.
const BLOCK: usize = 32;

/// L1, the layer that sees every byte ([RFC 4418 §5.2](https://www.rfc-editor.org/rfc/rfc4418#section-5.2)).
pub(super) struct Nh {
    key: Zeroizing<[u32; KEY / 4]>,
}

impl Nh {
    pub(super) fn new(bytes: &[u8; KEY]) -> Self {
        let mut key = Zeroizing::new([0; KEY / 4]);
        for (to, from) in key.iter_mut().zip(bytes.as_chunks().0) {
            *to = u32::from_be_bytes(*from);
        }
        Self { key }
    }

    /// Each hash of one chunk, at most 1,024 bytes, with its length in bits added.
    pub(super) fn hash<const HASHES: usize>(&self, chunk: &[u8]) -> [u64; HASHES] {
        let (blocks, rest) = chunk.as_chunks::<BLOCK>();
        let mut last = [[0; BLOCK]; 1];
        for (to, from) in last.as_flattened_mut().iter_mut().zip(rest) {
            *to = *from;
        }
        // "If M is empty, [...] padded with zero bits": an empty chunk has one block too.
        let last = if rest.is_empty() && !blocks.is_empty() { &[] } else { &last[..] };
        let mut hashes = [0; HASHES];
        // "L1Key[(i-1)*128+1, (i-1)*128+8192]": each further hash begins four words later.
        for (to, offset) in hashes.iter_mut().zip((0..).step_by(4)) {
            let key = self.key.get(offset..).unwrap_or_default();
            let later = key.get(blocks.len().saturating_mul(BLOCK / 4)..).unwrap_or_default();
            let bits = (chunk.len() as u64).wrapping_mul(8);
            *to = sum(key, blocks).wrapping_add(sum(later, last)).wrapping_add(bits);
        }
        hashes
    }
}

/// NH (§5.2.2): pairs of words, four apart, with the key added, multiplied and summed up. Four sums side by side are
/// what vector units take.
fn sum(key: &[u32], blocks: &[[u8; BLOCK]]) -> u64 {
    let mut sums = [0_u64; 4];
    for (block, key) in blocks.iter().zip(key.as_chunks::<{ BLOCK / 4 }>().0) {
        let ([left, right], [left_key, right_key]) = (halves(block.as_chunks().0), halves(key));
        for (to, ((a, ak), (b, bk))) in sums.iter_mut().zip(left.zip(left_key).zip(right.zip(right_key))) {
            let (a, b) = (u32::from_le_bytes(*a).wrapping_add(*ak), u32::from_le_bytes(*b).wrapping_add(*bk));
            *to = to.wrapping_add(u64::from(a).wrapping_mul(u64::from(b)));
        }
    }
    sums.iter().fold(0, |all, one| all.wrapping_add(*one))
}

/// The first four and the last four of eight words.
fn halves<T>(words: &[T]) -> [core::slice::Iter<'_, T>; 2] {
    let (left, right) = words.split_at_checked(4).unwrap_or((words, &[]));
    [left.iter(), right.iter()]
}
