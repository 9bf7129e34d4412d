//! What comes from the application.

use std::fmt;

use bytes::Bytes;

/// What came from the application.
#[derive(Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A text message; always UTF-8.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
    /// The socket is closed: by the application, or after our own close. Nothing comes after it.
    Closed {
        /// The application's code, if it gave one.
        code: Option<u16>,
    },
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(octets) => f.debug_struct("Text").field("len", &octets.len()).finish_non_exhaustive(),
            Self::Binary(octets) => f.debug_struct("Binary").field("len", &octets.len()).finish_non_exhaustive(),
            Self::Closed { code } => f.debug_struct("Closed").field("code", code).finish(),
        }
    }
}
