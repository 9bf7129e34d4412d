//! Every bound of this crate, in one place.
//!
//! The file is written by the operator, so these bounds guard against accidents (a wrong file, a generated file gone
//! wrong) rather than against an attacker. The run bounds guard against an application that never lets a call end.

/// Largest dialplan file that is read, in octets.
pub const MAX_FILE_OCTETS: usize = 1024 * 1024;

/// Most problems that are reported at once; the rest is counted.
pub const MAX_PROBLEMS: usize = 100;

/// Longest piece of a line shown in an excerpt, in characters.
pub const MAX_EXCERPT_CHARS: usize = 120;

/// Most listeners of `[sip]`.
pub const MAX_LISTENERS: usize = 32;

/// Most `[[trunk]]` tables.
pub const MAX_TRUNKS: usize = 256;

/// Most peers of one trunk.
pub const MAX_PEERS: usize = 256;

/// Longest user name or realm of digest authentication, in octets.
pub const MAX_AUTH_OCTETS: usize = 128;

/// Most users of one trunk that are asked for a password.
pub const MAX_DIGEST_USERS: usize = 64;

/// Most `[[api.client]]` tables.
pub const MAX_API_CLIENTS: usize = 256;

/// Most media prefixes of one trunk.
pub const MAX_MEDIA_PREFIXES: usize = 64;

/// Most codecs or crypto suites of one trunk.
pub const MAX_PREFERENCES: usize = 16;

/// Most `[[app]]` tables.
pub const MAX_APPS: usize = 1024;

/// Most host names in one list of an application.
pub const MAX_HOSTS: usize = 64;

/// Most signing keys of one application: the current one and those it replaces.
pub const MAX_SIGNING_KEYS: usize = 4;

/// Most `[[route]]` tables.
pub const MAX_ROUTES: usize = 2048;

/// Most numbers or trunks in one condition of a route.
pub const MAX_PATTERNS: usize = 256;

/// Most steps of one route.
pub const MAX_STEPS: usize = 32;

/// Longest name of a trunk, application or route, in characters.
pub const MAX_NAME_CHARS: usize = 64;

/// Longest URL, in octets.
pub const MAX_URL_OCTETS: usize = 2048;

/// Longest user part of a SIP URI that is looked at, in octets; what is longer matches no number.
pub const MAX_USER_OCTETS: usize = 128;

/// Most digits of a number: E.164 has 15; a national prefix and a carrier code may come before them.
pub const MAX_NUMBER_DIGITS: usize = 20;

/// Most flow requests during one call: an application that answers each flow request with another one ends here.
pub const MAX_FLOW_REQUESTS: u32 = 100;
