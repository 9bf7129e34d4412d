/// Audio that has passed the [`Guard`](super::Guard). To be read, not to be made.
#[derive(Debug, PartialEq, Eq)]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// Seen by the guard alone.
    pub(super) const fn mint(inner: T) -> Self {
        Self(inner)
    }

    /// What was cleared.
    pub const fn get(&self) -> &T {
        &self.0
    }
}
