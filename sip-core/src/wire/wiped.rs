//! A buffer that leaves nothing behind: an SDP in it carries SRTP keys.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use zeroize::Zeroizing;

/// Octets that are added at the end and taken at the front. Whatever memory it lets go of is wiped.
#[derive(Default)]
pub(super) struct WipedBuffer {
    octets: Zeroizing<Vec<u8>>,
    /// Before here all is taken.
    start: usize,
}

impl WipedBuffer {
    /// Adds at the end. A `Vec` that grows would leave a copy where it was.
    pub(super) fn extend(&mut self, more: &[u8]) {
        if self.octets.len().saturating_add(more.len()) > self.octets.capacity() {
            let room = self.len().saturating_add(more.len()).next_power_of_two();
            let mut larger = Zeroizing::new(Vec::with_capacity(room));
            larger.extend_from_slice(self);
            self.octets = larger;
            self.start = 0;
        }
        self.octets.extend_from_slice(more);
    }

    /// Drops octets at the front.
    pub(super) fn advance(&mut self, length: usize) {
        self.start = self.start.saturating_add(length);
        if self.start >= self.octets.len() {
            *self = Self::default();
        }
    }

    /// Takes octets at the front, at most those that are there. They are wiped when the last of their users is gone.
    pub(super) fn take(&mut self, length: usize) -> Bytes {
        let taken = Zeroizing::new(self.get(..length).unwrap_or(self).to_vec());
        self.advance(taken.len());
        Bytes::from_owner(taken)
    }
}

impl Deref for WipedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.octets.get(self.start..).unwrap_or_default()
    }
}

impl AsRef<[u8]> for WipedBuffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for WipedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WipedBuffer").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::WipedBuffer;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut buffer = WipedBuffer::default();
        let mut taken = Vec::new();
        for round in 0_u8..200 {
            buffer.extend(&[round; 7]);
            taken.extend_from_slice(&buffer.take(5));
        }
        assert_eq!(buffer.len(), 400);
        buffer.advance(1);
        assert_eq!(buffer.first(), buffer.get(..1).and_then(<[u8]>::first));
        taken.push(taken.last().copied().unwrap_or_default());
        taken.extend_from_slice(&buffer.take(1_000));
        assert!(buffer.is_empty());
        let whole: Vec<u8> = (0_u8..200).flat_map(|round| [round; 7]).collect();
        assert_eq!(taken.len(), whole.len());
        assert_eq!(taken.get(1001..), whole.get(1001..));
        assert_eq!(taken.get(..1000), whole.get(..1000));
    }
}
