//! `[[app]]`

use std::time::Duration;

use crate::check;
use crate::limits::{MAX_HOSTS, MAX_SIGNING_KEYS};
use crate::rule::{
    Kind, Rule, ValueError, checked, defined, list, millis, one_or_many, optional, or_default, or_nothing, required,
    seconds, table, text, word,
};
use crate::value::{Dialect, Host, HttpsUrl, Name, OnFailure, OnStreamEnd, Rate, SecretRef, rate, secret};

table! {
    /// An application: where the flow request goes, and how its streams look.
    pub struct App in "`[[app]]`" {
        /// Its name in routes, logs and metrics.
        name: Name = required(defined(Kind::App), "name = \"support-bot\""),
        /// Where the signed flow request goes.
        flow_url: HttpsUrl = required(text::<HttpsUrl>(), "flow_url = \"https://bot.example.com/flow\""),
        /// The signing keys: every request is signed with all of them, so that a key can be replaced without a gap.
        signing: Vec<SecretRef> = required(signing_keys(), "signing = [{ credential = \"webhook-2026-11\" }]"),
        /// How streams to it look.
        stream: AppStream = or_default("{}", table::<AppStream>()),
        /// Names and addresses of this application that may lie in a private network. All others must be public.
        private_hosts: Vec<Host> = or_nothing(list(text::<Host>(), 0..=MAX_HOSTS)),
        /// Roots (PEM) trusted for this application beside those of the system.
        ca: Option<SecretRef> = optional(secret()),
        /// The account named in flow requests and streams. Default: the name of the application.
        account: Option<Name> = optional(text::<Name>()),
        /// Seconds in which a flow request must be answered.
        flow_timeout: Duration = or_default("5", seconds(1..=30)),
        /// Seconds in which a stream must be open.
        stream_timeout: Duration = or_default("10", seconds(1..=60)),
        /// What happens when the application closes its stream in good order.
        on_stream_end: OnStreamEnd = or_default("\"continue\"", word::<OnStreamEnd>()),
        /// What happens when the application cannot be reached, answers nonsense, or its stream breaks.
        on_failure: OnFailure = or_default("\"hangup\"", word::<OnFailure>()),
    }
    later { "trunks", "status_url", "events_url", "redaction", "client_certificate", "bearer", "retries" }
    check(cx) {
        if let (Some(flow_url), Some(private_hosts)) = (&flow_url, &private_hosts) {
            check::reachable_host(cx, "flow_url", flow_url.host(), private_hosts);
            for (index, host) in stream.iter().flat_map(|stream| &stream.hosts).enumerate() {
                check::reachable_host(cx, &format!("stream.hosts[{index}]"), host, private_hosts);
            }
        }
    }
}

table! {
    /// How the streams of an application look. A flow answer may choose otherwise.
    pub struct AppStream in "`app.stream`" {
        /// The protocol.
        dialect: Dialect = or_default("\"native\"", word::<Dialect>()),
        /// Samples a second. Default: 16000 for native, 8000 for teler.
        rate: Option<Rate> = optional(rate()),
        /// Milliseconds of audio in a message, a multiple of 20. Default: 20 for native, 400 for teler.
        chunk as "chunk_ms": Option<Duration> = optional(chunk_ms()),
        /// The hosts a flow answer may name. Default: the host of `flow_url` only.
        hosts: Vec<Host> = or_nothing(list(text::<Host>(), 0..=MAX_HOSTS)),
    }
    later { "subprotocol", "bearer", "record" }
    check(cx) {
        check::stream_format(cx, dialect, rate.flatten(), chunk.flatten());
    }
}

/// How one stream looks, with nothing left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFormat {
    /// The protocol.
    pub dialect: Dialect,
    /// The sample rate towards the application.
    pub rate: Rate,
    /// Audio in one message.
    pub chunk: Duration,
}

impl StreamFormat {
    /// Fills what is not given with the defaults of the dialect.
    pub fn new(dialect: Dialect, rate: Option<Rate>, chunk: Option<Duration>) -> Self {
        let rate = rate.filter(|rate| dialect.has_rate(*rate)).unwrap_or_else(|| dialect.default_rate());
        Self { dialect, rate, chunk: chunk.unwrap_or_else(|| dialect.default_chunk()) }
    }
}

impl App {
    /// The account named in flow requests and streams.
    pub fn account(&self) -> &str {
        self.account.as_ref().unwrap_or(&self.name).as_str()
    }

    /// How its streams look when the flow answer says nothing.
    pub fn format(&self) -> StreamFormat {
        StreamFormat::new(self.stream.dialect, self.stream.rate, self.stream.chunk)
    }

    /// Whether a flow answer may name this host.
    pub fn trusts(&self, host: &Host) -> bool {
        host == self.flow_url.host() || self.stream.hosts.contains(host)
    }
}

/// One signing key, or several.
pub(super) fn signing_keys() -> impl Rule<Out = Vec<SecretRef>> {
    one_or_many(secret, MAX_SIGNING_KEYS)
}

/// Audio in a message: whole frames of 20 ms.
pub(super) fn chunk_ms() -> impl Rule<Out = Duration> {
    checked(millis(20..=2_000), |chunk| {
        if chunk.as_millis() % 20 == 0 {
            return Ok(chunk);
        }
        Err(ValueError::new("is no multiple of 20 ms", "audio comes in frames of 20 ms: write 20, 40, 60, ..."))
    })
}
