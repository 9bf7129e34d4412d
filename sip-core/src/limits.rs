//! Every bound on what a peer controls, in one table (THREATS: overlong and many fields).
//!
//! A message that exceeds one of these is refused with a [`crate::wire::Reason`] of its own, so that each can be counted.

use std::time::Duration;

/// Octets of a datagram that may be one SIP message (RFC 3261 18.1.1: 65,535 less the IP and UDP headers).
pub const DATAGRAM_MESSAGE: usize = 64 * 1024;
/// Octets of one message on a stream, start line to the end of the body.
pub const STREAM_MESSAGE: usize = 128 * 1024;
/// Octets of the start line.
pub const START_LINE: usize = 4 * 1024;
/// Octets of one header line, its folded continuations included.
pub const HEADER_LINE: usize = 8 * 1024;
/// Header lines of one message.
pub const HEADERS: usize = 256;
/// Via values of one message, over all its Via lines.
pub const VIAS: usize = 64;
/// Route values of one message; the same for Record-Route.
pub const ROUTES: usize = 20;
/// Contact values of one message.
pub const CONTACTS: usize = 32;
/// Parameters of one URI, of one header value, or headers of one URI.
pub const PARAMS: usize = 64;
/// Parameters that this server adds to a value it has received: `received` and `rport`, or a tag.
pub const OWN_PARAMS: usize = 2;
/// Option tags in all Require, Proxy-Require or Supported lines of one message.
pub const OPTION_TAGS: usize = 64;
/// Octets of a method name. RFC 3261 sets none; the longest registered one has nine.
pub const METHOD: usize = 64;
/// Octets of a Call-ID.
pub const CALL_ID: usize = 1024;
/// Octets of a tag or of a Via branch.
pub const TAG: usize = 512;
/// CRLF octets that may stand before a start line in a datagram (RFC 3261 7.5).
pub const LEADING_CRLF: usize = 64;

/// The shortest interval of OPTIONS to one hop of a trunk.
pub const PING_AT_LEAST: Duration = Duration::from_secs(5);
/// The shortest silence of a hop after which a call goes on to the next one: an INVITE is sent three times by then.
pub const FAIL_OVER_AT_LEAST: Duration = Duration::from_secs(2);
/// The longest: timer B (RFC 3261 17.1.1.2).
pub const FAIL_OVER_AT_MOST: Duration = Duration::from_secs(32);
/// The shortest expiry of a registration that we ask for.
pub const REGISTRATION_AT_LEAST: Duration = Duration::from_mins(1);
/// The longest expiry of a registration that we ask for, accept, or obey in a 423.
pub const REGISTRATION_AT_MOST: Duration = Duration::from_hours(24);

/// Next hops of one trunk; more that a look-up gives are not used.
pub const HOPS: usize = 16;
/// The shortest time for which located hops are believed, whatever a name server says.
pub const LOCATED_AT_LEAST: Duration = Duration::from_secs(30);
/// The longest time for which located hops are believed.
pub const LOCATED_AT_MOST: Duration = Duration::from_hours(24);
/// How long located hops are used beyond that while look-ups fail (RFC 8767 5 suggests one to three days).
pub const LOCATED_STALE: Duration = Duration::from_hours(24);
/// Hops of one trunk that left its look-ups and stay its peers for the calls that are up over them.
pub const FORMER_HOPS: usize = 32;
/// The longest time for which they do.
pub const FORMER_HOP: Duration = Duration::from_hours(24);
/// Routes that a registrar may have us preload (RFC 3608).
pub const SERVICE_ROUTES: usize = 8;
/// Octets of all of those.
pub const SERVICE_ROUTE_OCTETS: usize = 1024;
/// How often one registration is tried again at once after a 423 (RFC 3261 10.2.8).
pub const REGISTRATION_INTERVAL_RETRIES: u8 = 2;
/// The longest Retry-After of a registrar that is obeyed.
pub const RETRY_AFTER_AT_MOST: Duration = Duration::from_hours(1);

/// Levels of multipart within multipart.
pub const MULTIPART_DEPTH: usize = 2;
/// Parts of one multipart body, over all levels.
pub const MULTIPART_PARTS: usize = 8;
/// Octets of the header block of one part.
pub const MULTIPART_HEADER: usize = 4 * 1024;

/// Octets of a session description.
pub const SDP: usize = 64 * 1024;
/// Octets of one line of a session description.
pub const SDP_LINE: usize = 4 * 1024;
/// `m=` lines of one session description.
pub const SDP_MEDIA: usize = 32;
/// `a=` lines of one session description, over all levels.
pub const SDP_ATTRIBUTES: usize = 512;
/// Formats (payload types) of one `m=` line.
pub const SDP_FORMATS: usize = 64;
/// `c=` lines of one media description.
pub const SDP_CONNECTIONS: usize = 8;
/// `a=crypto` lines of one media description.
pub const SDP_CRYPTO: usize = 16;
/// Master keys in one `a=crypto` line (RFC 4568 9.2).
pub const SDP_CRYPTO_KEYS: usize = 16;
/// Octets of one decoded SRTP master key and salt.
pub const SDP_KEY: usize = 128;

/// Changes of the session (re-INVITE, or UPDATE with an offer) that a peer may ask for in one dialog within
/// [`REINVITE_WINDOW`].
pub const REINVITES: u32 = 5;
/// The window of [`REINVITES`].
pub const REINVITE_WINDOW: Duration = Duration::from_secs(10);
/// Requests of all kinds that a peer may send in one dialog within [`REINVITE_WINDOW`].
pub const IN_DIALOG_REQUESTS: u32 = 200;
/// How long the TU may think about a re-INVITE or UPDATE. RFC 3311 5.2 wants UPDATE answered at once, and an UPDATE is dead
/// after 32 s.
pub const REINVITE_ANSWER: Duration = Duration::from_secs(20);
/// Reliable provisional responses of one call that wait for their turn.
pub const QUEUED_PROVISIONALS: usize = 4;
/// Early dialogs of one INVITE of ours.
pub const EARLY_DIALOGS: usize = 8;
/// Forks of one INVITE of ours that may answer 2xx.
pub const FORKS: usize = 16;
/// Messages that wait for one connection that is being opened.
pub const OPENING_QUEUE: usize = 32;
/// How often one request of ours is tried again after a 422.
pub const SESSION_INTERVAL_RETRIES: u8 = 2;
/// How often a change of the session that we ask for is tried again after a 491.
pub const GLARE_RETRIES: u8 = 8;
/// The longest Retry-After of a peer that a refresh of the session of ours waits for.
pub const REFRESH_RETRY_AFTER: Duration = Duration::from_mins(2);

/// Challenges (401, 407) that one request of ours answers (THREATS T34).
pub const AUTH_TRIES: u8 = 2;
/// Lines of one kind of authentication header that are looked at in one message.
pub const AUTH_HEADERS: usize = 8;
/// Schemes and parameters of one line of authentication.
pub const AUTH_PARAMS: usize = 64;
/// Octets of one parameter's value there: a nonce is sent back with each request.
pub const AUTH_VALUE: usize = 1024;
/// Places (a trunk and a next hop of it) that a realm and its nonces are remembered for.
pub const AUTH_PLACES: usize = 256;
/// How long a nonce of ours can be used (THREATS T37).
pub const AUTH_NONCE_LIFE: Duration = Duration::from_mins(1);
/// Nonces of ours whose use is remembered at a time; the oldest make room and are then taken no more.
pub const AUTH_NONCES: usize = 4 * 1024;

/// Octets of a request of ours that still goes in a datagram (RFC 3261 18.1.1).
pub const DATAGRAM_REQUEST: usize = 1_300;
/// UDP flows that are kept alive.
pub const BINDINGS: usize = 256;
/// Addresses that are remembered for taking no TCP connection.
pub const NO_STREAM: usize = 64;

/// Questions that one look-up of a server may ask of the name servers.
pub const LOCATE_QUESTIONS: usize = 64;
/// Records of one answer that are read.
pub const LOCATE_RECORDS: usize = 64;
/// Aliases (CNAME) that are followed from one name.
pub const LOCATE_ALIASES: usize = 8;
/// Addresses that one look-up gives.
pub const LOCATE_HOPS: usize = 32;
/// The least time for which a look-up is believed, whatever its records say: a domain cannot have us ask for each call.
pub const LOCATE_FLOOR: Duration = Duration::from_secs(5);
/// The most.
pub const LOCATE_CAP: Duration = Duration::from_hours(1);

/// Identity lines of one request that are looked at.
pub const IDENTITIES: usize = 8;
/// Parameters of one Identity value.
pub const IDENTITY_PARAMS: usize = 16;
/// Octets of the URL that a PASSporT names its certificate by.
pub const PASSPORT_URL: usize = 1024;
/// Numbers that a PASSporT is for.
pub const PASSPORT_DESTINATIONS: usize = 64;
/// Octets of a PASSporT's `origid`; a UUID has 36.
pub const PASSPORT_ORIGID: usize = 64;
/// How far `iat` and Date may be from now, either way (RFC 8224 6.2 step 4 recommends 60 s).
pub const PASSPORT_FRESHNESS: Duration = Duration::from_mins(1);
/// Digits of a telephone number (E.164; RFC 8226 9, TelephoneNumber).
pub const TELEPHONE_DIGITS: usize = 15;
/// Octets of a list of certificates, as it is fetched.
pub const CHAIN: usize = 16 * 1024;
/// Certificates of one list.
pub const CHAIN_CERTIFICATES: usize = 6;
/// Entries of the TNAuthList of one certificate.
pub const TN_ENTRIES: usize = 1024;
/// REFERs that a peer may send in one dialog within [`REFER_WINDOW`].
pub const REFERS: u32 = 3;
/// The window of [`REFERS`].
pub const REFER_WINDOW: Duration = Duration::from_mins(1);
/// How long the TU may think about a REFER: a request other than INVITE is dead after 32 s.
pub const REFER_ANSWER: Duration = Duration::from_secs(20);
/// How long the call that a REFER asks for may stay without an outcome, in both roles (THREATS T32).
pub const REFER_OUTCOME: Duration = Duration::from_mins(3);
/// How long a subscription may stay behind after its last word.
pub const REFER_AFTERMATH: Duration = Duration::from_secs(32);
/// Provisional states of one REFER of ours that the TU is told.
pub const REFER_NEWS: u32 = 32;
/// INFOs of ours that wait for the one before them: one for each of the digits that may be ordered at once.
pub const INFO_QUEUE: usize = 64;

/// Values of Reason in one message.
pub const REASONS: usize = 8;
/// Values of one Privacy header.
pub const PRIVACY: usize = 16;
/// Values of Diversion in one message; the same for History-Info.
pub const DIVERSIONS: usize = 32;
/// Octets of an index of History-Info.
pub const HISTORY_INDEX: usize = 64;
/// Octets of an INFO body that is read as a digit.
pub const INFO_DIGIT: usize = 256;
/// The shortest digit of an INFO that is believed.
pub const DIGIT_SHORTEST: Duration = Duration::from_millis(40);
/// The longest digit of an INFO that is believed.
pub const DIGIT_LONGEST: Duration = Duration::from_secs(5);
