//! Telephone keys as RFC 4733 events: [`Receiver`] makes one digit of the many packets of an event, [`Sender`] the packets
//! of a digit.

mod digit;
mod receiver;
mod sender;

pub use digit::{Key, MenuDigit};
pub use receiver::Receiver;
pub use sender::{Report, Sender};
