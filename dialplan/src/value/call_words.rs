//! Closed lists of words about calls: how they are signalled, proved, placed and passed on.

use crate::rule::words;

words! {
    /// Whether provisional responses are acknowledged (100rel, RFC 3262).
    pub enum Reliable {
        /// Only where the peer requires it.
        Off = "off",
        /// If the peer supports it.
        Supported = "supported",
        /// Always; a caller that cannot is refused (421), and a callee must.
        Required = "required",
    }
}

words! {
    /// What is done with a request of the peer that would move a call elsewhere.
    pub enum InDialog {
        /// It is refused.
        Refuse = "refuse",
        /// It is carried out, as far as `destinations` reach.
        Accept = "accept",
    }
}

words! {
    /// What is done with the `Identity` header of a call (STIR, RFC 8224).
    pub enum IdentityPolicy {
        /// It is not looked at; the call counts as `none`.
        Ignore = "ignore",
        /// It is verified, and the result is given to the routes and to the application.
        Mark = "mark",
        /// As `mark`, and a call whose identity fails is refused (RFC 8224, section 6.2.2).
        Refuse = "refuse",
    }
}

words! {
    /// How a trunk writes numbers that have no `+`, for identities, which have numbers of the world alone (RFC 8224, 8.3).
    pub enum Numbering {
        /// With the country code.
        International = "international",
        /// Ten digits are a number of the North American plan, whose country code is 1.
        NorthAmerican = "north-american",
    }
}

words! {
    /// How far the caller's number is vouched for (SHAKEN, RFC 8588, section 4).
    pub enum Attest {
        /// Full: the carrier knows the caller, and that the number is his.
        A = "A",
        /// Partial: the carrier knows the caller, not whether the number is his.
        B = "B",
        /// Gateway: the carrier knows only where the call came in.
        C = "C",
        /// Nobody vouches for it: no identity came, or it was not looked at.
        None = "none",
        /// An identity came, and it does not hold.
        Failed = "failed",
    }
}

words! {
    /// A hash of digest authentication (RFC 7616, section 3.2; RFC 8760).
    pub enum DigestAlgorithm {
        /// SHA-512/256.
        Sha512_256 = "SHA-512-256",
        /// SHA-256.
        Sha256 = "SHA-256",
        /// MD5: broken. Used only if it is listed.
        Md5 = "MD5",
    }
    later { "SHA-512-256-sess", "SHA-256-sess", "MD5-sess" }
}

words! {
    /// How digits are sent to the far end.
    pub enum Digits {
        /// As telephone events in RTP (RFC 4733).
        Rfc4733 = "rfc4733",
        /// As INFO requests with `application/dtmf-relay`: over the signalling, for a far end that knows no telephone events.
        Info = "info",
    }
    later { "inband" }
}

words! {
    /// How a call is passed on.
    pub enum TransferMode {
        /// The peer is told to call the target itself (REFER, RFC 3515): we are out of the call.
        Blind = "blind",
        /// We call the target first; when it has answered the peer is told to take our place (REFER with Replaces, RFC 3891).
        Attended = "attended",
        /// We call the target and stay between: the audio of both legs goes through us.
        Bridge = "bridge",
    }
}

words! {
    /// What happens when the far end of a second leg hangs up.
    pub enum OnEnd {
        /// The call ends.
        Hangup = "hangup",
        /// The next step of the route is taken.
        Continue = "continue",
    }
}
