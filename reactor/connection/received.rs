//! Bytes that have come and were not taken, in one piece.

/// The bytes. Between messages it has no memory.
#[derive(Default)]
pub(super) struct Received {
    bytes: Vec<u8>,
    /// How many of them were taken already.
    taken: usize,
}

impl Received {
    pub(super) fn push(&mut self, data: &[u8]) {
        // Moved only when half was taken, so that each byte is moved once at most.
        if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// Puts bytes in front of all others: they came first.
    pub(super) fn push_front(&mut self, data: &[u8]) {
        self.bytes.splice(..self.taken, data.iter().copied());
        self.taken = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// The first `count` bytes were taken.
    pub(super) fn consume(&mut self, count: usize) {
        self.taken += count;
        debug_assert!(self.taken <= self.bytes.len(), "only what is there");
        if self.taken == self.bytes.len() {
            *self = Self::default();
        }
    }

    /// Moves as many bytes to `buffer` as it has room for, and returns how many.
    pub(super) fn take_to(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.as_slice()[..count]);
        self.consume(count);
        count
    }

    /// All of them.
    pub(super) fn take_all(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(self);
        all.bytes.drain(..all.taken);
        all.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_the_order_in_which_they_came_however_they_are_taken() {
        let mut received = Received::default();
        let (mut next, mut expected) = (0_u8, 0_u8);
        for round in 0..1_000_usize {
            for _ in 0..round % 13 {
                received.push(&[next]);
                next = next.wrapping_add(1);
            }
            let mut buffer = vec![0; round % 11];
            let count = received.take_to(&mut buffer);
            if round % 5 == 0 {
                received.push_front(&buffer[..count]);
                continue;
            }
            for byte in &buffer[..count] {
                assert_eq!(*byte, expected);
                expected = expected.wrapping_add(1);
            }
        }
        let left = received.take_all();
        assert_eq!(left.first().copied().unwrap_or(next), expected);
        assert_eq!((received.len(), received.bytes.capacity()), (0, 0));
    }
}
