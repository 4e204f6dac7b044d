//! Bytes that were written and that the socket has not taken yet.
//!
//! Everything that a turn writes, to any connection, goes into one block, and each connection notes
//! which part of the block is its own. A group's message lies there once, and all its members note the
//! same part. At the end of the turn each connection hands its part to its socket. What the socket does
//! not take is copied out of the block, into memory of the connection's own, so that a slow peer keeps
//! no bytes of other connections in memory. So is a part that another connection's bytes separate from
//! the next one, since a connection notes one part only:
//!
//! ```text
//! own    [ sent already | left over from turns before ]
//! part                              block of the turn: [ ... | hello\r\nhow are you\r\n | ... ]
//!                                                            from                       to
//! ```
//!
//! Both are counted: what a turn has written, where a group's message counts once, and what all
//! sockets were offered and have left, where it counts for each member that has it.

use std::cell::{Cell, RefCell};
use std::io;

/// A block that grew beyond this in one turn gives the rest of its memory back. Twice what a turn reads,
/// so that a server which answers everything allocates no block in the long run.
const KEPT: usize = 512 << 10;

/// What all connections together may have unsent by default.
const DEFAULT_LIMIT: usize = 256 << 20;

/// The block that is being written, and the one before while it is being flushed.
#[derive(Debug)]
pub(crate) struct Blocks {
    writing: RefCell<Vec<u8>>,
    flushing: RefCell<Vec<u8>>,
    /// The number of the block that is being written.
    number: Cell<u32>,
    /// How much of the block that is being written was copied out of it already.
    copied: Cell<usize>,
    /// How much all sockets together were offered and have left.
    left: Cell<usize>,
    /// How much that may be, and how much a turn may write.
    limit: Cell<usize>,
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            writing: RefCell::default(),
            flushing: RefCell::default(),
            number: Cell::default(),
            copied: Cell::default(),
            left: Cell::default(),
            limit: Cell::new(DEFAULT_LIMIT),
        }
    }
}

/// A part of a block. It means something until the flush of its block ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    block: u32,
    from: usize,
    to: usize,
}

impl Part {
    pub(crate) fn len(self) -> usize {
        self.to - self.from
    }
}

impl Blocks {
    /// Copies `data` into the turn's block, unless the turn has written too much before.
    #[inline]
    pub(crate) fn append(&self, data: &[u8]) -> Option<Part> {
        self.append_with(|block| block.extend_from_slice(data))
    }

    /// Copies `pieces` into the turn's block, one behind the other, as `append` does.
    #[inline]
    pub(crate) fn append_all(&self, pieces: &[&[u8]]) -> Option<Part> {
        self.append_with(|block| {
            for piece in pieces {
                block.extend_from_slice(piece);
            }
        })
    }

    #[inline]
    fn append_with(&self, extend: impl FnOnce(&mut Vec<u8>)) -> Option<Part> {
        let mut block = self.writing.borrow_mut();
        // What the turn wrote before, and not this: a single write of any size is accepted, so that a
        // program need not know the limit to write one large answer.
        let from = block.len();
        if from + self.copied.get() > self.limit.get() {
            return None;
        }
        extend(&mut block);
        Some(Part {
            block: self.number.get(),
            from,
            to: block.len(),
        })
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.get()
    }

    /// Counts that a socket which had left `before` has left `now`.
    pub(crate) fn count_left(&self, before: usize, now: usize) {
        self.left.set(self.left.get() - before + now);
    }

    /// How much all sockets together were offered and have left.
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    pub(crate) fn set_limit(&self, bytes: usize) {
        self.limit.set(bytes);
    }

    /// How much the turn has written.
    #[inline]
    pub(crate) fn written(&self) -> usize {
        self.writing.borrow().len()
    }

    /// What is written from now on goes into another block, and is flushed by the next turn.
    pub(crate) fn begin_flush(&self) {
        // Two blocks and not one: the callbacks of the flush write, too, while parts of it are read.
        self.writing.swap(&self.flushing);
        // A part knows its block by number, and is checked: one of a block that is gone would send the
        // bytes of another connection.
        self.number.set(self.number.get().wrapping_add(1));
        self.copied.set(0);
    }

    /// Every part of the block that was flushed has been sent or copied.
    pub(crate) fn end_flush(&self) {
        let mut block = self.flushing.borrow_mut();
        block.clear();
        block.shrink_to(KEPT);
    }

    /// Counts what is copied out of the block that is being written.
    fn count_copied(&self, part: Part) {
        if part.block == self.number.get() {
            self.copied.set(self.copied.get() + part.len());
        }
    }

    /// The bytes of a part.
    #[inline]
    fn with<R>(&self, part: Part, f: impl FnOnce(&[u8]) -> R) -> R {
        let is_writing = part.block == self.number.get();
        let block = if is_writing {
            &self.writing
        } else {
            assert!(
                part.block.wrapping_add(1) == self.number.get(),
                "a part is sent or copied in the flush of its turn"
            );
            &self.flushing
        };
        f(&block.borrow()[part.from..part.to])
    }
}

/// See the module's description. Sending takes `own` first, then `part`.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    /// Ends with what is left of it; what comes before was sent already.
    own: Vec<u8>,
    part: Part,
    /// How much is unsent, in `own` and `part`.
    len: usize,
}

impl Unsent {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends a part of the turn's block.
    #[inline]
    pub(crate) fn push(&mut self, part: Part, blocks: &Blocks) {
        self.len += part.len();
        if self.part.len() > 0 {
            // The usual case of a message that is written in pieces: they lie side by side.
            if self.part.block == part.block && self.part.to == part.from {
                self.part.to = part.to;
                return;
            }
            self.copy_part(blocks);
        }
        self.part = part;
    }

    /// Appends a copy of bytes that are in no block.
    pub(crate) fn push_copy(&mut self, data: &[u8]) {
        self.own.extend_from_slice(data);
        self.len += data.len();
    }

    /// Hands the bytes to `send` once, which says how many it took. Afterwards no block is
    /// referred to, and where nothing is left no memory is held.
    ///
    /// # Errors
    ///
    /// The error of `send`, in which case nothing was taken.
    #[inline(always)]
    pub(crate) fn send(
        &mut self,
        blocks: &Blocks,
        send: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if !self.own.is_empty() {
            return self.send_own(blocks, send);
        }
        let sent = match blocks.with(self.part, send) {
            Ok(sent) => sent,
            Err(error) => {
                self.settle(blocks);
                return Err(error);
            }
        };
        self.part.from += sent;
        self.len -= sent;
        self.settle(blocks);
        Ok(sent)
    }

    /// As [`send`](Self::send), when turns before have left something over.
    #[cold]
    fn send_own(
        &mut self,
        blocks: &Blocks,
        send: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.settle(blocks);
        let sent = send(&self.own[self.own.len() - self.len..])?;
        self.len -= sent;
        if self.len == 0 {
            self.clear();
        } else if self.len < self.own.len() / 2 {
            // At most half of what is moved was there before, so each byte moves once on average.
            self.drop_sent();
        }
        Ok(sent)
    }

    /// Copies what is left of the part, whose block is about to be emptied.
    #[inline]
    pub(crate) fn settle(&mut self, blocks: &Blocks) {
        if self.part.len() > 0 {
            self.copy_part(blocks);
        }
    }

    #[cold]
    fn copy_part(&mut self, blocks: &Blocks) {
        blocks.with(self.part, |bytes| self.own.extend_from_slice(bytes));
        blocks.count_copied(self.part);
        self.part = Part::default();
    }

    /// Makes `own` begin with what is left of it.
    fn drop_sent(&mut self) {
        self.own.drain(..self.own.len() - self.len);
    }

    /// Takes the bytes out, to pass them through layers.
    pub(crate) fn take(&mut self, blocks: &Blocks) -> Vec<u8> {
        self.settle(blocks);
        self.drop_sent();
        self.len = 0;
        std::mem::take(&mut self.own)
    }

    /// Drops all bytes and the memory.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(unsent: &mut Unsent, blocks: &Blocks, at_most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let count = unsent.send(blocks, |bytes| {
            out.extend_from_slice(&bytes[..bytes.len().min(at_most)]);
            Ok(out.len())
        });
        assert_eq!(count.expect("send does not fail"), out.len());
        out
    }

    fn append(blocks: &Blocks, data: &[u8]) -> Part {
        blocks.append(data).expect("there is room")
    }

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came_whoever_writes_between() {
        let blocks = Blocks::default();
        let (mut one, mut other) = (Unsent::default(), Unsent::default());
        one.push(append(&blocks, b"one "), &blocks);
        let both = append(&blocks, b"both ");
        one.push(both, &blocks);
        other.push(both, &blocks);
        other.push(append(&blocks, b"other "), &blocks);
        one.push(append(&blocks, b"end"), &blocks);
        assert_eq!((one.len(), other.len()), (12, 11));
        blocks.begin_flush();
        let mut all = Vec::new();
        while one.len() > 0 {
            all.extend(sent(&mut one, &blocks, 5));
        }
        assert_eq!(all, b"one both end");
        assert_eq!(sent(&mut other, &blocks, 99), b"both other ");
    }

    #[test]
    fn what_the_socket_takes_is_never_copied_and_what_is_left_outlives_the_block() {
        let blocks = Blocks::default();
        let mut unsent = Unsent::default();
        unsent.push(append(&blocks, b"hello"), &blocks);
        blocks.begin_flush();
        assert_eq!(unsent.own.capacity(), 0);
        assert_eq!(sent(&mut unsent, &blocks, 2), b"he");
        blocks.end_flush();
        append(&blocks, b"what the next turn writes");
        assert_eq!(unsent.len(), 3);
        blocks.begin_flush();
        assert_eq!(sent(&mut unsent, &blocks, 9), b"llo");
        assert_eq!(
            unsent.own.capacity(),
            0,
            "an idle connection holds no buffer"
        );
    }

    #[test]
    fn what_is_written_while_others_are_flushed_comes_after_what_was_written_before() {
        let blocks = Blocks::default();
        let mut unsent = Unsent::default();
        unsent.push(append(&blocks, b"before "), &blocks);
        blocks.begin_flush();
        unsent.push(append(&blocks, b"meanwhile"), &blocks);
        blocks.end_flush();
        blocks.begin_flush();
        assert_eq!(sent(&mut unsent, &blocks, 99), b"before meanwhile");
    }

    #[test]
    fn what_was_sent_long_ago_is_not_kept() {
        let blocks = Blocks::default();
        let mut unsent = Unsent::default();
        unsent.push(append(&blocks, b"0123456789"), &blocks);
        unsent.settle(&blocks);
        assert_eq!(sent(&mut unsent, &blocks, 4), b"0123");
        assert_eq!((unsent.len(), unsent.own.len()), (6, 10));
        assert_eq!(sent(&mut unsent, &blocks, 2), b"45");
        assert_eq!((unsent.len(), unsent.own.len()), (4, 4));
        assert_eq!(unsent.take(&blocks), b"6789");
    }

    #[test]
    fn an_error_takes_nothing() {
        let blocks = Blocks::default();
        let mut unsent = Unsent::default();
        unsent.push(append(&blocks, b"hello"), &blocks);
        blocks.begin_flush();
        let refuse = |_: &[u8]| Err(io::ErrorKind::WouldBlock.into());
        assert!(unsent.send(&blocks, refuse).is_err());
        assert!(unsent.send(&blocks, refuse).is_err());
        blocks.end_flush();
        assert_eq!(sent(&mut unsent, &blocks, 9), b"hello");
    }

    #[test]
    fn a_block_that_grew_large_gives_its_memory_back() {
        let blocks = Blocks::default();
        let mut unsent = Unsent::default();
        unsent.push(append(&blocks, &vec![0; 2 * KEPT]), &blocks);
        blocks.begin_flush();
        sent(&mut unsent, &blocks, usize::MAX);
        blocks.end_flush();
        assert!(blocks.flushing.borrow().capacity() <= KEPT);
    }

    #[test]
    fn what_a_turn_writes_counts_once_and_once_more_when_it_is_copied() {
        let blocks = Blocks::default();
        blocks.set_limit(22);
        let (mut one, mut other) = (Unsent::default(), Unsent::default());
        let both = append(&blocks, b"for both");
        one.push(both, &blocks);
        other.push(both, &blocks);
        one.push(append(&blocks, b"!"), &blocks);
        append(&blocks, b"12345");
        // It does not lie behind what was for both, which is copied therefore.
        assert!(blocks.append(b"").is_some());
        other.push(append(&blocks, b"?"), &blocks);
        assert!(blocks.append(b"").is_none());
        blocks.begin_flush();
        assert!(blocks.append(b"in the next turn").is_some());
    }
}
