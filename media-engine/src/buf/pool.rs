use std::{
    cell::{Cell, RefCell},
    fmt,
    ops::{Deref, DerefMut},
    rc::Rc,
};

use crate::limits::BUFFER_CAPACITY;

/// The buffers of one worker.
///
/// A handle: clones share the same buffers. It stays on its thread, as the calls of a worker do, so that taking and
/// giving back costs no atomic operation.
#[derive(Clone)]
pub struct Pool {
    shelf: Rc<Shelf>,
}

impl Pool {
    /// A pool that never makes more than `limit` buffers.
    pub fn new(limit: usize) -> Self {
        Self {
            shelf: Rc::new(Shelf { free: RefCell::new(Vec::new()), made: Cell::new(0), refused: Cell::new(0), limit }),
        }
    }

    /// Makes `count` buffers in advance (never more than the limit).
    pub fn warm(&self, count: usize) {
        let made = self.shelf.made.get();
        for _ in made..count.min(self.shelf.limit) {
            let store = self.shelf.make();
            self.shelf.put(store);
        }
    }

    /// An empty buffer, or `None` when all of them are in use: the packet is then to be dropped and counted.
    pub fn take(&self) -> Option<PacketBuf> {
        let shelved = self.shelf.free.borrow_mut().pop();
        let store = match shelved {
            Some(store) => store,
            None if self.shelf.made.get() < self.shelf.limit => self.shelf.make(),
            None => {
                self.shelf.refused.set(self.shelf.refused.get().saturating_add(1));
                return None;
            }
        };
        Some(PacketBuf { store, len: 0, dirty: 0, home: Rc::clone(&self.shelf) })
    }

    /// How full the pool is.
    pub fn gauge(&self) -> PoolGauge {
        let made = self.shelf.made.get();
        PoolGauge {
            made,
            in_use: made.saturating_sub(self.shelf.free.borrow().len()),
            limit: self.shelf.limit,
            refused: self.shelf.refused.get(),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.gauge()).finish()
    }
}

/// How full a [`Pool`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolGauge {
    /// Buffers that exist.
    pub made: usize,
    /// Buffers that somebody holds.
    pub in_use: usize,
    /// Buffers that may exist.
    pub limit: usize,
    /// How often [`Pool::take`] had none to give.
    pub refused: u64,
}

/// One packet in a pooled buffer; goes back to its pool when dropped.
///
/// It dereferences to the packet. Who needs the whole room (the socket, `protect`) asks for [`PacketBuf::room_mut`] and
/// then says with [`PacketBuf::set_len`] how much of it counts. What was in it is wiped before the next user sees it:
/// it may have held decrypted audio or a digit.
pub struct PacketBuf {
    store: Box<[u8]>,
    len: usize,
    /// The largest length ever set: so much is wiped.
    dirty: usize,
    home: Rc<Shelf>,
}

impl PacketBuf {
    /// The whole room, [`BUFFER_CAPACITY`] octets.
    pub fn room_mut(&mut self) -> &mut [u8] {
        &mut self.store
    }

    /// Says how many octets of the room are the packet; what exceeds the capacity is cut.
    pub fn set_len(&mut self, len: usize) {
        self.len = len.min(self.store.len());
        self.dirty = self.dirty.max(self.len);
    }

    /// Shortens the packet; does nothing when it is no longer than `len`.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Puts `octets` in place of the packet. `false`, and no change, when they do not fit.
    #[must_use]
    pub fn copy_from(&mut self, octets: &[u8]) -> bool {
        let Some(room) = self.store.get_mut(..octets.len()) else {
            return false;
        };
        room.copy_from_slice(octets);
        self.set_len(octets.len());
        true
    }
}

impl Deref for PacketBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.store.get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for PacketBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.store.get_mut(..self.len).unwrap_or_default()
    }
}

impl fmt::Debug for PacketBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketBuf").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Drop for PacketBuf {
    fn drop(&mut self) {
        if let Some(used) = self.store.get_mut(..self.dirty) {
            used.fill(0);
        }
        self.home.put(std::mem::take(&mut self.store));
    }
}

struct Shelf {
    free: RefCell<Vec<Box<[u8]>>>,
    made: Cell<usize>,
    refused: Cell<u64>,
    limit: usize,
}

impl Shelf {
    fn make(&self) -> Box<[u8]> {
        let made = self.made.get().saturating_add(1);
        self.made.set(made);
        // Room on the shelf for each buffer that exists, so that handing back never allocates.
        let mut free = self.free.borrow_mut();
        let shelved = free.len();
        free.reserve(made.saturating_sub(shelved));
        vec![0; BUFFER_CAPACITY].into_boxed_slice()
    }

    fn put(&self, store: Box<[u8]>) {
        self.free.borrow_mut().push(store);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_are_bounded() {
        let pool = Pool::new(2);
        pool.warm(1);
        assert_eq!(pool.gauge(), PoolGauge { made: 1, in_use: 0, limit: 2, refused: 0 });

        let first = pool.take().unwrap();
        let second = pool.take().unwrap();
        assert!(pool.take().is_none());
        assert_eq!(pool.gauge(), PoolGauge { made: 2, in_use: 2, limit: 2, refused: 1 });

        drop(first);
        assert_eq!(pool.gauge().in_use, 1);
        assert!(pool.take().is_some());
        drop(second);
        assert_eq!(pool.gauge().in_use, 0);
    }

    #[test]
    fn what_a_packet_held_is_wiped() {
        let pool = Pool::new(1);
        let mut buf = pool.take().unwrap();
        assert!(buf.copy_from(b"a digit"));
        assert_eq!(&*buf, b"a digit");
        buf.truncate(1);
        drop(buf);

        let mut buf = pool.take().unwrap();
        assert!(buf.is_empty());
        assert!(buf.room_mut().iter().all(|&octet| octet == 0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let pool = Pool::new(1);
        let mut buf = pool.take().unwrap();
        assert!(buf.copy_from(&[7; BUFFER_CAPACITY]));
        assert!(!buf.copy_from(&[8; BUFFER_CAPACITY + 1]));
        assert_eq!(buf.len(), BUFFER_CAPACITY);
        assert_eq!(buf[0], 7);
        buf.set_len(usize::MAX);
        assert_eq!(buf.len(), BUFFER_CAPACITY);
    }

    #[test]
    fn a_buffer_may_outlive_its_pool() {
        let pool = Pool::new(1);
        let mut buf = pool.take().unwrap();
        drop(pool);
        assert!(buf.copy_from(b"x"));
    }

    #[test]
    fn debug_shows_no_octets() {
        let pool = Pool::new(1);
        let mut buf = pool.take().unwrap();
        assert!(buf.copy_from(b"secret"));
        assert_eq!(format!("{buf:?}"), "PacketBuf { len: 6, .. }");
    }
}
