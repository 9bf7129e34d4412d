//! What no single value shows: whether the values fit together.

mod file;
mod routes;
mod tables;
mod trunks;

pub(crate) use file::{environment, names, warnings};
pub(crate) use tables::{
    direct_stream, do_or_reject, listed_twice, listeners, media_addresses, patterns, plaintext_needs_danger,
    reachable_host, stream_format, wide_peers,
};
pub(crate) use trunks::needs_of_sip;
