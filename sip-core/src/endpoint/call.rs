//! A call: one dialog and what is under way in it.

/// Names a call for as long as it lives. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub(super) u64);

impl CallKey {
    /// The number, for logs.
    pub const fn number(self) -> u64 {
        self.0
    }
}
