//! What a trunk is used for in the other direction: calls that we place.

use std::time::Duration;

use crate::check;
use crate::limits::MAX_PATTERNS;
use crate::rule::{flag, int, mapped, one_or_many, optional, or_default, or_nothing, required, seconds, table, text};
use crate::value::{DialTarget, Hop, Host, Number, NumberPattern, Party, SecretRef, UriPattern, UserPart, secret};

table! {
    /// Where the calls go that we place, whom they may reach, and as whom. Without it no call ever leaves.
    pub struct Outbound in "`trunk.outbound`" {
        /// The next hop: `sips:host`, `sip:host:port;transport=udp`. A name may lead to several servers (RFC 3263).
        to: Hop = required(text::<Hop>(), "to = \"sips:sbc.carrier.example\""),
        /// The numbers that may be called: `+14155550100`, `+1415*`, or a list of those. All others are refused.
        destinations: Vec<NumberPattern> = required(
            one_or_many(text::<NumberPattern>, MAX_PATTERNS),
            "destinations = [\"+1415*\"]",
        ),
        /// The SIP URIs that may be called: `sip:*@pbx.example`. All others are refused.
        uris: Vec<UriPattern> = or_nothing(one_or_many(text::<UriPattern>, MAX_PATTERNS)),
        /// The numbers that may be shown as the caller: the first is shown when nothing else is asked for.
        from: Vec<NumberPattern> = required(
            one_or_many(text::<NumberPattern>, MAX_PATTERNS),
            "from = [\"+14155550100\"]",
        ),
        /// Most calls placed in a second; an order for more is refused.
        calls_per_second: u32 = or_default("1", int(1..=1_000)),
        /// Most placed calls at the same time; an order for more is refused.
        max_calls: u32 = or_default("10", int(1..=100_000)),
        /// Most calls placed in any 24 hours; an order for more is refused.
        calls_per_day: u32 = or_default("1000", int(1..=10_000_000)),
        /// Seconds that the far end may ring.
        ring_timeout: Duration = or_default("60", seconds(5..=180)),
        /// Seconds in which a server must answer at all before the next one is tried. The last one has 32.
        fail_over_after: Duration = or_default("6", seconds(2..=32)),
        /// How many times a call follows a redirection (3xx), inside `destinations` and `uris`. 0 is never.
        redirects: u8 = or_default("0", mapped(int(0..=3), |times| u8::try_from(times).unwrap_or(0))),
        /// Sends the number in P-Asserted-Identity too (RFC 3325), for a carrier that trusts it.
        asserted_identity: bool = or_default("false", flag()),
        /// Withholds the number from the one who is called (RFC 3323): the carrier alone learns it.
        privacy: bool = or_default("false", flag()),
    }
    later { "route", "headers", "schedule", "cost" }
    check(cx) {
        if let Some(from) = &from {
            check::shown_numbers(cx, from);
        }
        if (privacy, asserted_identity) == (Some(true), Some(false)) {
            check::privacy_needs_identity(cx);
        }
    }
}

table! {
    /// Registers us with the carrier (REGISTER), so that it knows where to send calls.
    pub struct Register in "`trunk.register`" {
        /// The address of record: the user.
        user: UserPart = required(text::<UserPart>(), "user = \"acme\""),
        /// The address of record: the domain. Default: the host of `registrar`, or of `outbound.to`.
        domain: Option<Host> = optional(text::<Host>()),
        /// Where REGISTER is sent. Default: `outbound.to`.
        registrar: Option<Hop> = optional(text::<Hop>()),
        /// Seconds that a registration holds; the registrar may say less or more.
        expires: Duration = or_default("600", seconds(60..=86_400)),
        /// The user of the Contact, by which the carrier calls us. Default: `user`.
        contact_user: Option<UserPart> = optional(text::<UserPart>()),
    }
    later { "outbound", "instance" }
}

table! {
    /// How a trunk is kept open and watched.
    pub struct Keepalive in "`trunk.keepalive`" {
        /// Seconds between OPTIONS requests to each server of the trunk. Default: none are sent.
        options: Option<Duration> = optional(seconds(5..=3_600)),
        /// Seconds between empty lines on connections we opened (RFC 5626, section 3.5.1). Default: none are sent.
        crlf: Option<Duration> = optional(seconds(10..=3_600)),
        /// Seconds for which a server that comes back must stay good before it is used again.
        hold_down: Duration = or_default("30", seconds(1..=3_600)),
    }
    later { "stun" }
}

table! {
    /// Who we are, and whom we believe, on the TLS connections that we open to this trunk.
    pub struct TrunkTls in "`trunk.tls`" {
        /// The certificate chain we show (PEM). Default: none.
        certificate: Option<SecretRef> = optional(secret()),
        /// The private key of the certificate (PEM).
        key: Option<SecretRef> = optional(secret()),
        /// The roots (PEM) believed in place of those of the system.
        ca: Option<SecretRef> = optional(secret()),
    }
    later { "verify", "server_name", "fingerprint" }
    check(cx) {
        check::certificate_with_key(cx, certificate.as_ref(), key.as_ref());
    }
}

/// Why a call may not be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutboundRefusal {
    /// The trunk is not in the file.
    NoTrunk,
    /// The trunk has no `[trunk.outbound]`.
    NotOutbound,
    /// Neither `destinations` nor `uris` lists the target.
    Destination,
    /// `from` does not list the number that was to be shown.
    Caller,
}

impl OutboundRefusal {
    /// A word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoTrunk => "no-trunk",
            Self::NotOutbound => "not-outbound",
            Self::Destination => "destination",
            Self::Caller => "caller",
        }
    }
}

impl Outbound {
    /// Whether this target may be called.
    pub fn permits(&self, target: &DialTarget) -> bool {
        match target {
            DialTarget::Number(number) => lists(&self.destinations, number),
            DialTarget::Uri(uri) => self.uris.iter().any(|pattern| pattern.matches(uri)),
        }
    }

    /// The number to show: the one asked for if it is listed, the first one if none was.
    pub fn caller(&self, asked: Option<&Number>) -> Result<Number, OutboundRefusal> {
        let Some(asked) = asked else {
            let exact = self.from.iter().find_map(NumberPattern::exact);
            return exact.cloned().ok_or(OutboundRefusal::Caller);
        };
        if lists(&self.from, asked) { Ok(asked.clone()) } else { Err(OutboundRefusal::Caller) }
    }
}

fn lists(patterns: &[NumberPattern], number: &Number) -> bool {
    let party = Party::Number(number.clone());
    patterns.iter().any(|pattern| pattern.matches(&party))
}
