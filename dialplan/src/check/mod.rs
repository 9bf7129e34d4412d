//! What no single value shows: whether the values fit together.

mod across;
mod api;
mod file;
mod outbound;
mod routes;
mod tables;
mod trunks;

pub(crate) use across::across;
pub(crate) use api::{api_has_clients, api_listener};
pub(crate) use file::{environment, names, warnings};
pub(crate) use outbound::{certificate_with_key, leaving, privacy_needs_identity, shown_numbers, users_twice};
pub(crate) use routes::transfer_mode;
pub(crate) use tables::{
    direct_stream, do_or_reject, listed_twice, listeners, media_addresses, patterns, plaintext_needs_danger,
    reachable_host, stream_format, wide_peers,
};
pub(crate) use trunks::needs_of_sip;
