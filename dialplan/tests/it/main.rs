//! The dialplan crate from outside.

mod broken;
mod documents;
mod robust;
mod schema;
