//! Bytes that were written and that the socket has not taken yet.
//!
//! Most of the time this is empty and holds no memory. Writing appends a copy to `own`. A message
//! for many connections is not copied into each: a [`Group`](crate::Group) keeps one block a turn,
//! and each member notes which part of it comes next. What the socket does not take at the end of
//! the turn is copied then, so that a slow member never pins a block that others share:
//!
//! ```text
//! own    [ already sent | welcome\r\n ]
//! shared                               [ block: ...| hello\r\nhow are you\r\n |... ]
//!                                                  from                       to
//! ```

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

/// One turn's messages of a group, shared by all who receive them. It only grows while anybody
/// refers to it.
pub(crate) type Block = Rc<RefCell<Vec<u8>>>;

/// Buffers of at most this capacity are kept for reuse, and at most so many bytes of them for a
/// whole reactor.
const SPARE_CAPACITY: usize = 64 << 10;
const SPARE_BYTES: usize = 4 << 20;

/// Emptied buffers, for the next connection that has something to send.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Spare {
    fn take(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    fn give(&mut self, mut buffer: Vec<u8>) {
        let bytes = self.bytes + buffer.capacity();
        if buffer.capacity() <= SPARE_CAPACITY && bytes <= SPARE_BYTES {
            buffer.clear();
            self.buffers.push(buffer);
            self.bytes = bytes;
        }
    }
}

/// See the module's description. Sending takes `own` first, then `shared`.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    own: Vec<u8>,
    /// How much of `own` was sent already.
    start: usize,
    shared: Option<Shared>,
}

#[derive(Debug)]
struct Shared {
    block: Block,
    from: u32,
    to: u32,
}

impl Shared {
    fn len(&self) -> usize {
        (self.to - self.from) as usize
    }

    fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(&self.block.borrow()[self.from as usize..self.to as usize])
    }
}

impl Unsent {
    pub(crate) fn len(&self) -> usize {
        self.own.len() - self.start + self.shared.as_ref().map_or(0, Shared::len)
    }

    /// Appends a copy of `data`.
    pub(crate) fn push(&mut self, data: &[u8], spare: &RefCell<Spare>) {
        if data.is_empty() {
            return;
        }
        if self.shared.is_some() {
            self.own_shared(spare);
        }
        self.prepare_own(spare);
        self.own.extend_from_slice(data);
    }

    /// Appends the part `from..to` of a block without copying it.
    pub(crate) fn push_shared(
        &mut self,
        block: &Block,
        from: u32,
        to: u32,
        spare: &RefCell<Spare>,
    ) {
        if let Some(shared) = &mut self.shared {
            if Rc::ptr_eq(&shared.block, block) && shared.to == from {
                shared.to = to;
                return;
            }
            self.own_shared(spare);
        }
        self.shared = Some(Shared {
            block: Rc::clone(block),
            from,
            to,
        });
    }

    /// Hands the bytes to `send` once, which says how many it took. Afterwards nothing is shared
    /// any more, and where nothing is left no memory is held.
    ///
    /// # Errors
    ///
    /// The error of `send`, in which case nothing was taken.
    pub(crate) fn send(
        &mut self,
        spare: &RefCell<Spare>,
        send: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if self.own.is_empty() {
            return self.send_shared(spare, send);
        }
        if self.shared.is_some() {
            self.own_shared(spare);
        }
        let sent = send(&self.own[self.start..])?;
        self.start += sent;
        if self.start == self.own.len() {
            self.clear(spare);
        } else if self.start > self.own.len() / 2 {
            // At most half of what is moved was there before, so each byte moves once on average.
            self.own.drain(..self.start);
            self.start = 0;
        }
        Ok(sent)
    }

    fn send_shared(
        &mut self,
        spare: &RefCell<Spare>,
        send: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let Some(mut shared) = self.shared.take() else {
            return Ok(0);
        };
        let result = shared.with(send);
        shared.from += *result.as_ref().unwrap_or(&0) as u32;
        if shared.len() > 0 {
            self.shared = Some(shared);
            self.own_shared(spare);
        }
        result
    }

    /// Takes the bytes out, to pass them through layers.
    pub(crate) fn take(&mut self, spare: &RefCell<Spare>) -> Vec<u8> {
        self.own_shared(spare);
        self.own.drain(..self.start);
        self.start = 0;
        std::mem::take(&mut self.own)
    }

    /// Drops all bytes and the memory.
    pub(crate) fn clear(&mut self, spare: &RefCell<Spare>) {
        self.shared = None;
        self.start = 0;
        if self.own.capacity() > 0 {
            spare.borrow_mut().give(std::mem::take(&mut self.own));
        }
    }

    /// Turns the shared part into a copy of its own.
    fn own_shared(&mut self, spare: &RefCell<Spare>) {
        if let Some(shared) = self.shared.take() {
            self.prepare_own(spare);
            shared.with(|bytes| self.own.extend_from_slice(bytes));
        }
    }

    fn prepare_own(&mut self, spare: &RefCell<Spare>) {
        if self.own.capacity() == 0 {
            self.own = spare.borrow_mut().take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(unsent: &mut Unsent, spare: &RefCell<Spare>, at_most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let count = unsent.send(spare, |bytes| {
            out.extend_from_slice(&bytes[..bytes.len().min(at_most)]);
            Ok(out.len())
        });
        assert_eq!(count.expect("send does not fail"), out.len());
        out
    }

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came_whether_shared_or_own() {
        let spare = RefCell::default();
        let block: Block = Rc::new(RefCell::new(b"0123456789".to_vec()));
        let mut unsent = Unsent::default();
        unsent.push(b"own ", &spare);
        unsent.push_shared(&block, 0, 3, &spare);
        unsent.push_shared(&block, 3, 5, &spare);
        unsent.push_shared(&block, 7, 8, &spare);
        unsent.push(b" end", &spare);
        assert_eq!(unsent.len(), 14);
        let mut all = Vec::new();
        while unsent.len() > 0 {
            all.extend(sent(&mut unsent, &spare, 3));
        }
        assert_eq!(all, b"own 012347 end");
    }

    #[test]
    fn what_is_shared_is_sent_without_a_copy_and_what_is_left_is_copied() {
        let spare = RefCell::default();
        let block: Block = Rc::new(RefCell::new(b"hello".to_vec()));
        let mut unsent = Unsent::default();
        unsent.push_shared(&block, 0, 5, &spare);
        assert_eq!(unsent.own.capacity(), 0);
        assert_eq!(sent(&mut unsent, &spare, 2), b"he");
        assert_eq!(
            Rc::strong_count(&block),
            1,
            "a slow member does not pin the block"
        );
        assert_eq!(unsent.len(), 3);
        assert_eq!(sent(&mut unsent, &spare, 9), b"llo");
        assert_eq!(
            unsent.own.capacity(),
            0,
            "an idle connection holds no buffer"
        );
    }

    #[test]
    fn an_error_takes_nothing() {
        let spare = RefCell::default();
        let block: Block = Rc::new(RefCell::new(b"hello".to_vec()));
        let mut unsent = Unsent::default();
        unsent.push_shared(&block, 1, 4, &spare);
        let refuse = |_: &[u8]| Err(io::ErrorKind::WouldBlock.into());
        assert!(unsent.send(&spare, refuse).is_err());
        assert!(unsent.send(&spare, refuse).is_err());
        assert_eq!(unsent.len(), 3);
        assert_eq!(sent(&mut unsent, &spare, 9), b"ell");
    }

    #[test]
    fn large_buffers_are_not_kept() {
        let spare = RefCell::default();
        let mut unsent = Unsent::default();
        unsent.push(&vec![0; SPARE_CAPACITY + 1], &spare);
        sent(&mut unsent, &spare, usize::MAX);
        assert!(spare.borrow().buffers.is_empty());
        unsent.push(b"small", &spare);
        sent(&mut unsent, &spare, usize::MAX);
        assert_eq!(spare.borrow().buffers.len(), 1);
    }
}
