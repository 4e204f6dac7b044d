//! Bytes that were received while nothing may be delivered.

/// What is left of a read when a callback has paused reading in the middle of it.
///
/// Taking from the front moves nothing, so that a protocol which pauses after every message costs
/// no more than one that never does. Holds no memory while it is empty.
#[derive(Default)]
pub(crate) struct Undelivered {
    bytes: Vec<u8>,
    /// How many of them were delivered.
    delivered: usize,
}

impl Undelivered {
    pub(crate) fn is_empty(&self) -> bool {
        self.delivered == self.bytes.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.delivered
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.delivered..]
    }

    /// Appends bytes.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // After each line there is nothing to append: that is worth no call.
        if !bytes.is_empty() {
            self.append(bytes);
        }
    }

    /// The delivered bytes make room first, once they are the larger part, so that each byte is moved
    /// at most twice.
    fn append(&mut self, bytes: &[u8]) {
        if self.delivered > self.bytes.len() / 2 {
            self.bytes.drain(..self.delivered);
            self.delivered = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Puts bytes before those that are undelivered.
    #[inline]
    pub(crate) fn push_front(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let behind = std::mem::take(self);
            self.append(bytes);
            self.push(behind.bytes());
        }
    }

    /// Keeps the last `left` bytes; those before them were delivered.
    pub(crate) fn keep(&mut self, left: usize) {
        self.delivered = self.bytes.len() - left;
        if left == 0 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_comes_out_in_order_and_the_empty_one_has_no_memory() {
        let mut undelivered = Undelivered::default();
        undelivered.push(b"cd");
        undelivered.push_front(b"ab");
        assert_eq!(undelivered.bytes(), b"abcd");
        undelivered.keep(1);
        undelivered.push(b"ef");
        assert_eq!(undelivered.bytes(), b"def");
        undelivered.keep(0);
        assert!(undelivered.is_empty());
        assert_eq!(undelivered.bytes.capacity(), 0);
    }

    #[test]
    fn delivered_bytes_do_not_pile_up() {
        let mut undelivered = Undelivered::default();
        undelivered.push(&[0; 100]);
        for _ in 0..10_000 {
            undelivered.push(&[0; 10]);
            undelivered.keep(100);
        }
        assert!(
            undelivered.bytes.capacity() < 1_000,
            "{}",
            undelivered.bytes.capacity()
        );
    }
}
