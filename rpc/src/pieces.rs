//! Octets of a stream that wait to be used.

use std::collections::VecDeque;

/// Octets in their order, in few pieces, however small the pieces were in which they came: what is held in memory is about
/// as much as what is counted.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    /// How much of the first one was used.
    used: usize,
    octets: usize,
}

/// Up to so many octets, pieces are put together.
const TOGETHER: usize = 32 << 10;

impl Pieces {
    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.octets += octets.len();
        match self.pieces.back_mut() {
            Some(last) if last.len() + octets.len() <= TOGETHER => last.extend_from_slice(octets),
            _ if octets.is_empty() => {}
            _ => self.pieces.push_back(octets.to_vec()),
        }
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.octets
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.octets == 0
    }

    /// Some of the first ones; none only when there are none.
    pub(crate) fn front(&self) -> &[u8] {
        self.pieces.front().and_then(|piece| piece.get(self.used..)).unwrap_or_default()
    }

    /// So many of [`front`](Self::front) were used.
    pub(crate) fn consume(&mut self, octets: usize) {
        self.octets -= octets;
        self.used += octets;
        if self.pieces.front().is_some_and(|piece| piece.len() <= self.used) {
            self.pieces.pop_front();
            self.used = 0;
        }
    }

    /// Copies as many as fit, and says how many.
    pub(crate) fn read(&mut self, buffer: &mut tokio::io::ReadBuf<'_>) -> usize {
        let mut read = 0;
        while !self.is_empty() && buffer.remaining() > 0 {
            let front = self.front();
            let piece = front.get(..buffer.remaining()).unwrap_or(front);
            let octets = piece.len();
            buffer.put_slice(piece);
            self.consume(octets);
            read += octets;
        }
        read
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_come_out_as_they_went_in() {
        let (mut pieces, mut expected) = (Pieces::default(), Vec::new());
        for length in [0, 1, 2, 40_000, 0, 7, 32_000, 1_000, 32 << 10, 3] {
            let octets: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
            pieces.push(&octets);
            expected.extend(octets);
        }
        assert_eq!(pieces.len(), expected.len());
        let mut found = Vec::new();
        while !pieces.is_empty() {
            let mut room = [0; 1000];
            let mut buffer = tokio::io::ReadBuf::new(&mut room);
            assert_eq!(pieces.read(&mut buffer), buffer.filled().len());
            found.extend_from_slice(buffer.filled());
        }
        assert!(found == expected);
    }

    #[test]
    fn small_pieces_are_put_together() {
        let mut pieces = Pieces::default();
        for _ in 0..100_000 {
            pieces.push(b"x");
        }
        assert!(pieces.pieces.len() <= 4, "{} pieces", pieces.pieces.len());
    }
}
