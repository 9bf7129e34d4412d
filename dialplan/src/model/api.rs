//! `[api]`

use crate::check;
use crate::limits::{MAX_API_CLIENTS, MAX_PATTERNS};
use crate::rule::{
    Kind, defined, int, list, one_or_many, optional, or_default, or_nothing, reference, required, table, tables, text,
};
use crate::value::{ApiListen, Name, NumberPattern, SecretRef, secret};

table! {
    /// The HTTP API, by which calls are placed and steered.
    pub struct Api in "`[api]`" {
        /// Where it listens: `tls://address:port`, or `http://` on this machine alone.
        listen: ApiListen = required(text::<ApiListen>(), "listen = \"http://127.0.0.1:8080\""),
        /// The certificate chain for TLS (PEM).
        certificate: Option<SecretRef> = optional(secret()),
        /// The private key of the certificate (PEM).
        key: Option<SecretRef> = optional(secret()),
        /// Who may use it.
        clients as "client": Vec<ApiClient> = tables::<ApiClient>(MAX_API_CLIENTS),
    }
    later { "cors", "client_ca", "webhooks" }
    check(cx) {
        check::api_listener(cx, listen, certificate.as_ref(), key.as_ref());
        check::api_has_clients(cx, clients.as_deref());
    }
}

table! {
    /// Someone who may use the API, known by a key.
    pub struct ApiClient in "`[[api.client]]`" {
        /// Its name in logs and metrics.
        name: Name = required(defined(Kind::ApiClient), "name = \"crm\""),
        /// The key (a bearer token), of at least 32 characters.
        key: SecretRef = required(secret(), "key = { credential = \"api-crm\" }"),
        /// The application whose calls these are.
        app: Name = required(reference(Kind::App), "app = \"support-bot\""),
        /// The trunks over which it may place calls.
        trunks: Vec<Name> = required(list(reference(Kind::Trunk), 1..=MAX_PATTERNS), "trunks = [\"carrier-a\"]"),
        /// The numbers it may show, of those that the trunk may. Default: all of them.
        from: Vec<NumberPattern> = or_nothing(one_or_many(text::<NumberPattern>, MAX_PATTERNS)),
        /// Most requests a second; more are refused with 429.
        requests_per_second: u32 = or_default("10", int(1..=10_000)),
    }
    later { "addresses", "max_calls" }
}
