//! The values of the file. Each is right by construction: there is no other way to it than its parser.

mod addresses;
mod api;
mod call_words;
mod digest;
mod hop;
mod host;
mod listen;
mod name;
mod number;
mod path;
mod peer;
mod ports;
mod prefix;
mod secret;
mod target;
#[cfg(test)]
mod tests;
mod url;
mod words;

pub use crate::rule::ValueError;
pub use addresses::Addresses;
pub(crate) use addresses::addresses;
pub use api::ApiListen;
pub use call_words::{
    Attest, DigestAlgorithm, Digits, IdentityPolicy, InDialog, Numbering, OnEnd, Reliable, TransferMode,
};
pub use digest::{AuthUser, Realm};
pub use hop::Hop;
pub use host::{DnsName, Host};
pub use listen::{Listen, Transport};
pub use name::Name;
pub use number::{Number, NumberPattern, Party};
pub use path::SoundFile;
pub use peer::Peer;
pub use ports::PortRange;
pub(crate) use prefix::is_local;
pub use prefix::{Prefix, unmap};
pub(crate) use secret::secret;
pub use secret::{CredentialName, EnvName, SecretRef};
pub use target::{DialTarget, SipUri, UriPattern, UserPart};
pub use url::{HttpsUrl, WssUrl};
pub(crate) use words::rate;
pub use words::{Codec, Dialect, Direction, MediaSource, OnFailure, OnStreamEnd, Rate, SrtpPolicy, Suite};

/// `FromStr`, from the reader of the same text.
macro_rules! from_str {
    ($($Type:ty),+ $(,)?) => {
        $(impl std::str::FromStr for $Type {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                <Self as crate::rule::Text>::parse(text)
            }
        })+
    };
}

from_str!(
    ApiListen,
    AuthUser,
    DialTarget,
    DnsName,
    Hop,
    Host,
    HttpsUrl,
    Listen,
    Name,
    Number,
    NumberPattern,
    Peer,
    PortRange,
    Prefix,
    Realm,
    SipUri,
    SoundFile,
    UriPattern,
    UserPart,
    WssUrl,
);
