//! Gauges, and refusals counted by reason.

use std::fmt;

macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)*) => {
        /// Why something that came was not served. Each is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal { $($(#[doc = $doc])+ $variant,)* }

        impl Refusal {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name for metrics: lower case, underscores.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

refusals! {
    /// A packet or connection from no known trunk: dropped in silence.
    UnknownSource = "unknown_source",
    /// Malformed, and too broken to be answered: dropped.
    MalformedDropped = "malformed_dropped",
    /// Malformed: answered 400, 413, 414, 505 or 513.
    MalformedAnswered = "malformed_answered",
    /// Not answered because an answer would be a reflection: a request that names no usable Via.
    Unanswerable = "unanswerable",
    /// A message of ours that has no way to go: the connection is gone.
    Unreachable = "unreachable",
    /// A response that matches no request of ours.
    StrayResponse = "stray_response",
    /// An ACK that matches nothing.
    StrayAck = "stray_ack",
    /// A message in the wrong dialect of Via branches (RFC 2543): refused.
    Rfc2543 = "rfc2543",
    /// A CANCEL that matches no INVITE of the same trunk: 481.
    StrayCancel = "stray_cancel",
    /// An in-dialog request that matches no dialog: 481.
    NoDialog = "no_dialog",
    /// An in-dialog request with the right identifiers from a source that is not the dialog's trunk: 481, and the call stays.
    ForeignSource = "foreign_source",
    /// A CSeq that does not rise: 500 (RFC 3261 12.2.2).
    CSeqOrder = "cseq_order",
    /// A method that we know and do not serve: 405.
    MethodNotAllowed = "method_not_allowed",
    /// A method that we do not know: 501.
    NotImplemented = "not_implemented",
    /// Max-Forwards is zero where it may not be: 483.
    TooManyHops = "too_many_hops",
    /// Require names an extension that we do not have: 420.
    BadExtension = "bad_extension",
    /// The trunk's rule wants reliable provisional responses, which the caller does not have: 421.
    ExtensionRequired = "extension_required",
    /// A PRACK that acknowledges nothing: 481 (RFC 3262 3).
    StrayPrack = "stray_prack",
    /// No PRACK came for a reliable provisional response: 504 to the INVITE.
    PrackTimeout = "prack_timeout",
    /// A body of a kind that we do not read: 415.
    MediaType = "media_type",
    /// A Request-URI scheme that we do not serve: 416.
    UriScheme = "uri_scheme",
    /// The same request by two paths: 482 (RFC 3261 8.2.2.2).
    Merged = "merged",
    /// A redirection of a call of ours to where the trunk's rule lets no call go: passed over (THREATS T38).
    RedirectTarget = "redirect_target",
    /// Replaces names no dialog that may be replaced: 481 (RFC 3891 3).
    Replaces = "replaces",
    /// A Replaces that cannot be read: 400.
    ReplacesMalformed = "replaces_malformed",
    /// Replaces only wants an early dialog, and this one is answered: 486 (RFC 3891 3).
    ReplacesEarlyOnly = "replaces_early_only",
    /// Replaces names a dialog that has just ended: 603 (RFC 3891 3).
    ReplacesOver = "replaces_over",
    /// A REFER outside of any dialog: 403 (THREATS T39).
    ReferOutside = "refer_outside",
    /// A REFER over a trunk whose rule takes none: 403 (THREATS T39).
    ReferForbidden = "refer_forbidden",
    /// A REFER while another one is under way, or before the call is answered: 491.
    ReferPending = "refer_pending",
    /// More REFERs than the rate allows: 500 and Retry-After.
    ReferRate = "refer_rate",
    /// A REFER to something that is not called: another scheme (416), another method than INVITE (403), a body of its own
    /// or no readable address (400).
    ReferTarget = "refer_target",
    /// A NOTIFY of a subscription that we do not have: 481, or of another event: 489 (RFC 6665 4.1.3).
    NoSubscription = "no_subscription",
    /// A NOTIFY that cannot be read: 400 or 415.
    NotifyMalformed = "notify_malformed",
    /// The session interval is below ours: 422 (RFC 4028).
    SessionInterval = "session_interval",
    /// Over the trunk's rate of calls: 503.
    TrunkRate = "trunk_rate",
    /// Over the trunk's number of calls: 503.
    TrunkCalls = "trunk_calls",
    /// The table of transactions is full: 503.
    TransactionsFull = "transactions_full",
    /// The table of dialogs is full: 503.
    DialogsFull = "dialogs_full",
    /// As many inbound calls wait for an answer as may: 503.
    UnansweredFull = "unanswered_full",
    /// The endpoint shuts down: 503.
    ShuttingDown = "shutting_down",
    /// A re-INVITE or UPDATE while one of ours is under way: 491.
    Glare = "glare",
    /// A re-INVITE or UPDATE while the peer's own last one is unanswered: 500.
    ReinvitePending = "reinvite_pending",
    /// More changes of the session than the rate allows: 500 and Retry-After.
    ReinviteRate = "reinvite_rate",
    /// More in-dialog requests than the rate allows: 500 and Retry-After.
    InDialogRate = "in_dialog_rate",
    /// A request without credentials from a trunk that is asked for them: 401.
    Challenged = "challenged",
    /// Credentials that prove nothing: 401.
    BadCredentials = "bad_credentials",
    /// The right password with a nonce that is too old, or was used before: 401 (THREATS T37).
    StaleNonce = "stale_nonce",
    /// A challenge from elsewhere than the trunk's own next hop, or for another realm: not answered (THREATS T35).
    ChallengeForeign = "challenge_foreign",
    /// A challenge with no algorithm that we may use: not answered.
    ChallengeUnusable = "challenge_unusable",
    /// A challenge once more, after credentials were refused or the limit was reached: not answered (THREATS T34).
    ChallengeRepeated = "challenge_repeated",
    /// The TU left a transaction to the last resort (THREATS T32).
    LastResort = "last_resort",
    /// A connection over the number that one source may hold: closed.
    ConnectionsPerSource = "connections_per_source",
    /// The table of connections is full and none is idle: closed.
    ConnectionsFull = "connections_full",
    /// A connection closed to make room for another.
    ConnectionEvicted = "connection_evicted",
    /// A connection that did not complete its TLS handshake or first message in time.
    ConnectionSlow = "connection_slow",
    /// A connection without traffic or keepalive for too long.
    ConnectionIdle = "connection_idle",
    /// A connection of ours whose keepalive was not answered in time (RFC 5626 4.4.1): closed.
    KeepaliveLost = "keepalive_lost",
    /// A connection whose octets cannot be framed any more: closed.
    Framing = "framing",
    /// A peer that does not read: its connection's queue is full; dropped and closed.
    BackPressure = "back_pressure",
    /// A datagram that the socket did not take.
    DatagramUnsent = "datagram_unsent",
    /// A call actor that does not read its events: its call is ended.
    SlowTu = "slow_tu",
    /// Over the rate of calls that may be placed over a trunk.
    OutboundRate = "outbound_rate",
    /// Over the number of calls that may be placed over a trunk at a time.
    OutboundCalls = "outbound_calls",
    /// Over the number of calls that may be placed over a trunk in 24 hours.
    OutboundDaily = "outbound_daily",
    /// A call to place over a trunk of which no hop can be used.
    TrunkDown = "trunk_down",
    /// A call that we placed went on to the trunk's next hop, because one failed (RFC 3263 4.3).
    FailedOver = "failed_over",
    /// Nobody read the events of the trunks: one was dropped.
    TrunkEventLost = "trunk_event_lost",
}

/// A snapshot of the endpoint's load and of all that it refused.
#[derive(Clone, PartialEq, Eq)]
pub struct Stats {
    /// Calls, from INVITE to the last event.
    pub calls: usize,
    /// Inbound calls without a final response.
    pub unanswered: usize,
    /// Transactions of all four kinds.
    pub transactions: usize,
    /// Dialogs, early ones too.
    pub dialogs: usize,
    /// Connections, those being made too.
    pub connections: usize,
    /// Registrations of ours that stand.
    pub registrations: usize,
    /// Look-ups of next hops that are under way.
    pub lookups: usize,
    /// REFERs under way and the subscriptions that came of them, of both sides.
    pub subscriptions: usize,
    /// Calls admitted since the start.
    pub admitted: u64,
    /// Messages read since the start, keepalives not counted.
    pub received: u64,
    /// Messages sent since the start.
    pub sent: u64,
    /// Messages sent again by a timer or for a retransmission, counted in `sent` too.
    pub retransmitted: u64,
    refused: [u64; Refusal::ALL.len()],
}

impl Stats {
    /// How often something was refused for this reason.
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused.get(reason as usize).copied().unwrap_or(0)
    }

    /// All refusals that happened, by reason.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        Refusal::ALL.iter().copied().zip(self.refused).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn count(&mut self, reason: Refusal) {
        if let Some(count) = self.refused.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
    }
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            calls: 0,
            unanswered: 0,
            transactions: 0,
            dialogs: 0,
            connections: 0,
            registrations: 0,
            lookups: 0,
            subscriptions: 0,
            admitted: 0,
            received: 0,
            sent: 0,
            retransmitted: 0,
            refused: [0; Refusal::ALL.len()],
        }
    }
}

impl fmt::Debug for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Stats");
        debug
            .field("calls", &self.calls)
            .field("unanswered", &self.unanswered)
            .field("transactions", &self.transactions)
            .field("dialogs", &self.dialogs)
            .field("connections", &self.connections)
            .field("registrations", &self.registrations)
            .field("lookups", &self.lookups)
            .field("subscriptions", &self.subscriptions)
            .field("admitted", &self.admitted)
            .field("received", &self.received)
            .field("sent", &self.sent)
            .field("retransmitted", &self.retransmitted);
        for (reason, count) in self.refusals() {
            debug.field(reason.name(), &count);
        }
        debug.finish_non_exhaustive()
    }
}
