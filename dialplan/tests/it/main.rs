//! The dialplan crate from outside.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod broken;
mod documents;
mod robust;
mod schema;
mod secrets;
