//! Header names: the ones this server reads, and the rest as they came.

use std::fmt;

use super::Text;

macro_rules! names {
    ($($variant:ident $name:literal $($compact:literal)?,)*) => {
        /// The name of a header. Names compare without regard to case; compact forms (RFC 3261 7.3.3) are the same names.
        #[derive(Clone)]
        pub enum HeaderName {
            $(#[doc = $name]
            $variant,)*
            /// A header that this server does not know, as it was written.
            Other(Text),
        }

        const KNOWN: &[(HeaderName, &str)] = &[
            $((HeaderName::$variant, $name),)*
            $($((HeaderName::$variant, $compact),)?)*
        ];

        impl HeaderName {
            /// The name in its long form.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name.as_str(),
                }
            }

            /// A number per known name; `None` for the rest.
            fn ordinal(&self) -> Option<u8> {
                #[derive(Clone, Copy)]
                enum Ordinal { $($variant,)* }
                match self {
                    $(Self::$variant => Some(Ordinal::$variant as u8),)*
                    Self::Other(_) => None,
                }
            }
        }
    };
}

names! {
    Accept "Accept",
    AcceptContact "Accept-Contact" "a",
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    AlertInfo "Alert-Info",
    Allow "Allow",
    AllowEvents "Allow-Events" "u",
    AuthenticationInfo "Authentication-Info",
    Authorization "Authorization",
    CallId "Call-ID" "i",
    CallInfo "Call-Info",
    Contact "Contact" "m",
    ContentDisposition "Content-Disposition",
    ContentEncoding "Content-Encoding" "e",
    ContentLanguage "Content-Language",
    ContentLength "Content-Length" "l",
    ContentType "Content-Type" "c",
    CSeq "CSeq",
    Date "Date",
    Diversion "Diversion",
    ErrorInfo "Error-Info",
    Event "Event" "o",
    Expires "Expires",
    From "From" "f",
    HistoryInfo "History-Info",
    Identity "Identity" "y",
    IdentityInfo "Identity-Info" "n",
    InReplyTo "In-Reply-To",
    InfoPackage "Info-Package",
    MaxForwards "Max-Forwards",
    MimeVersion "MIME-Version",
    MinExpires "Min-Expires",
    MinSe "Min-SE",
    Organization "Organization",
    PAssertedIdentity "P-Asserted-Identity",
    PPreferredIdentity "P-Preferred-Identity",
    Path "Path",
    Priority "Priority",
    Privacy "Privacy",
    ProxyAuthenticate "Proxy-Authenticate",
    ProxyAuthenticationInfo "Proxy-Authentication-Info",
    ProxyAuthorization "Proxy-Authorization",
    ProxyRequire "Proxy-Require",
    RAck "RAck",
    RSeq "RSeq",
    Reason "Reason",
    RecordRoute "Record-Route",
    RecvInfo "Recv-Info",
    ReferSub "Refer-Sub",
    ReferTo "Refer-To" "r",
    ReferredBy "Referred-By" "b",
    RejectContact "Reject-Contact" "j",
    RemotePartyId "Remote-Party-ID",
    Replaces "Replaces",
    ReplyTo "Reply-To",
    RequestDisposition "Request-Disposition" "d",
    Require "Require",
    RetryAfter "Retry-After",
    Route "Route",
    Server "Server",
    ServiceRoute "Service-Route",
    SessionExpires "Session-Expires" "x",
    SipEtag "SIP-ETag",
    SipIfMatch "SIP-If-Match",
    Subject "Subject" "s",
    SubscriptionState "Subscription-State",
    Supported "Supported" "k",
    TargetDialog "Target-Dialog",
    Timestamp "Timestamp",
    To "To" "t",
    Unsupported "Unsupported",
    UserAgent "User-Agent",
    UserToUser "User-to-User",
    Via "Via" "v",
    Warning "Warning",
    WwwAuthenticate "WWW-Authenticate",
}

impl HeaderName {
    /// The known name that `name` writes, long or compact.
    pub fn known(name: &[u8]) -> Option<Self> {
        let mut slot = usize::from(hash(name));
        loop {
            let entry = TABLE.get(slot).copied().filter(|&entry| entry != FREE)?;
            let (known, text) = KNOWN.get(usize::from(entry))?;
            // Nearly always written as the RFC writes it, and that is quicker to compare.
            if text.as_bytes() == name || text.as_bytes().eq_ignore_ascii_case(name) {
                return Some(known.clone());
            }
            slot = slot.wrapping_add(1) % SLOTS;
        }
    }

    /// The name that `name` writes.
    pub fn new(name: Text) -> Self {
        Self::known(name.as_bytes()).unwrap_or(Self::Other(name))
    }

    /// A bit of its own for each header that may stand once in a message.
    pub(super) fn single_bit(&self) -> Option<u128> {
        let is_single = matches!(
            self,
            Self::CallId
                | Self::ContentDisposition
                | Self::ContentLength
                | Self::ContentType
                | Self::CSeq
                | Self::Date
                | Self::Event
                | Self::Expires
                | Self::From
                | Self::MaxForwards
                | Self::MimeVersion
                | Self::MinExpires
                | Self::MinSe
                | Self::Organization
                | Self::Priority
                | Self::RAck
                | Self::RSeq
                | Self::ReferSub
                | Self::ReferTo
                | Self::ReferredBy
                | Self::Replaces
                | Self::ReplyTo
                | Self::RetryAfter
                | Self::Server
                | Self::SessionExpires
                | Self::SipEtag
                | Self::SipIfMatch
                | Self::Subject
                | Self::SubscriptionState
                | Self::TargetDialog
                | Self::Timestamp
                | Self::To
                | Self::UserAgent
        );
        if is_single { 1_u128.checked_shl(u32::from(self.ordinal()?)) } else { None }
    }

    /// Whether the header's value is a credential or a token that must not be seen in a log.
    pub const fn is_secret(&self) -> bool {
        matches!(
            self,
            Self::Authorization
                | Self::ProxyAuthorization
                | Self::AuthenticationInfo
                | Self::ProxyAuthenticationInfo
                | Self::Identity
        )
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(left), Self::Other(right)) => left.as_bytes().eq_ignore_ascii_case(right.as_bytes()),
            _ => self.ordinal() == other.ordinal(),
        }
    }
}

impl Eq for HeaderName {}

impl From<&'static str> for HeaderName {
    fn from(name: &'static str) -> Self {
        Self::new(Text::from_static(name))
    }
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Open addressing: a slot holds an index into `KNOWN`.
const SLOTS: usize = 256;
const FREE: u8 = u8::MAX;

static TABLE: [u8; SLOTS] = table();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler: a mistake does not build"
)]
const fn table() -> [u8; SLOTS] {
    let mut table = [FREE; SLOTS];
    let mut index = 0;
    while index < KNOWN.len() {
        let mut slot = hash(KNOWN[index].1.as_bytes()) as usize;
        while table[slot] != FREE {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = index as u8;
        index += 1;
    }
    table
}

/// Length and three letters tell nearly all known names apart.
const fn hash(name: &[u8]) -> u8 {
    let [first, .., last] = name else {
        return match name {
            [only] => (*only | 0x20).wrapping_mul(37),
            _ => 0,
        };
    };
    let middle = match name.split_at_checked(name.len() / 2) {
        Some((_, [middle, ..])) => *middle,
        _ => 0,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a hash")]
    let length = name.len() as u8;
    length
        .wrapping_mul(29)
        .wrapping_add((*first | 0x20).wrapping_mul(7))
        .wrapping_add((*last | 0x20).wrapping_mul(53))
        .wrapping_add((middle | 0x20).wrapping_mul(11))
}
