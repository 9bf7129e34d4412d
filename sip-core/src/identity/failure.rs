//! Why an identity is not believed.

use crate::wire::StatusCode;

macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident $text:literal $status:ident,)*) => {
        /// Why an identity is not believed. Each can be counted, and has the status that RFC 8224 6.2.2 gives it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum Failure {
            $($(#[$doc])* #[error($text)] $name,)*
        }

        impl Failure {
            /// All of them, in order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word that logs and counters have for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The status of a response that refuses the call for it.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
        }
    };
}

failures! {
    // What the message says.
    /// More Identity lines than are looked at.
    TooMany "too_many" INVALID_IDENTITY_HEADER,
    /// The Identity value is not one (RFC 8224 4).
    Header "header" INVALID_IDENTITY_HEADER,
    /// The compact form (RFC 8225 7), which is not read: it has no claims to look at before the fetch.
    CompactForm "compact_form" INVALID_IDENTITY_HEADER,
    /// Several SHAKEN PASSporTs.
    Several "several" INVALID_IDENTITY_HEADER,
    /// The parameter says `shaken`, the PASSporT does not.
    Extension "extension" INVALID_IDENTITY_HEADER,
    /// The PASSporT's header or its encoding is wrong (RFC 8225 4).
    PassportHeader "passport_header" INVALID_IDENTITY_HEADER,
    /// An algorithm other than ES256.
    Algorithm "algorithm" INVALID_IDENTITY_HEADER,
    /// The claims are not those of SHAKEN (RFC 8588 4, 5).
    PassportClaims "passport_claims" INVALID_IDENTITY_HEADER,
    /// `info` and `x5u` differ.
    Info "info" BAD_IDENTITY_INFO,
    /// `x5u` is not an `https` URL.
    Url "url" BAD_IDENTITY_INFO,
    /// The PASSporT is not from this minute.
    Stale "stale" FORBIDDEN,
    /// Date is malformed, not from this minute, or not from the PASSporT's.
    Date "date" FORBIDDEN,
    /// The caller is another, or no number.
    Caller "caller" INVALID_IDENTITY_HEADER,
    /// The callee is another, or no number.
    Callee "callee" INVALID_IDENTITY_HEADER,
    // What became of the fetch.
    /// The URL names a port, host or address that nothing is fetched from.
    FetchRefused "fetch_refused" BAD_IDENTITY_INFO,
    /// A redirect.
    FetchRedirect "fetch_redirect" BAD_IDENTITY_INFO,
    /// Too slow.
    FetchTimeout "fetch_timeout" BAD_IDENTITY_INFO,
    /// Too long.
    FetchTooLong "fetch_too_long" BAD_IDENTITY_INFO,
    /// Too many fetches at once.
    FetchBusy "fetch_busy" BAD_IDENTITY_INFO,
    /// Any other way to come back without it.
    Fetch "fetch" BAD_IDENTITY_INFO,
    // What the certificates say.
    /// What was fetched is not a list of certificates.
    Certificates "certificates" UNSUPPORTED_CREDENTIAL,
    /// The leaf's key is not on P-256.
    Key "key" UNSUPPORTED_CREDENTIAL,
    /// A certificate may not be used in its place: basic constraints, key usage, names.
    KeyUsage "key_usage" UNSUPPORTED_CREDENTIAL,
    /// No TNAuthList, or one that cannot be read (RFC 8226 9).
    TnAuthList "tn_auth_list" UNSUPPORTED_CREDENTIAL,
    /// The certificates do not lead to a root.
    Untrusted "untrusted" UNSUPPORTED_CREDENTIAL,
    /// A certificate has expired.
    Expired "expired" UNSUPPORTED_CREDENTIAL,
    /// A certificate is not valid yet.
    NotValidYet "not_valid_yet" UNSUPPORTED_CREDENTIAL,
    /// The certificate is not for this number.
    NotForNumber "not_for_number" UNSUPPORTED_CREDENTIAL,
    /// The signature is not the certificate's.
    Signature "signature" INVALID_IDENTITY_HEADER,
}
