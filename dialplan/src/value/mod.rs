//! The values of the file. Each is right by construction: there is no other way to it than its parser.

mod addresses;
mod host;
mod listen;
mod name;
mod number;
mod path;
mod peer;
mod ports;
mod prefix;
mod secret;
#[cfg(test)]
mod tests;
mod url;
mod words;

pub use crate::rule::ValueError;
pub use addresses::Addresses;
pub(crate) use addresses::addresses;
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

from_str!(DnsName, Host, Listen, Name, NumberPattern, SoundFile, Peer, PortRange, Prefix, HttpsUrl, WssUrl);
