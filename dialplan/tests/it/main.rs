//! The dialplan crate from outside.

mod broken;
