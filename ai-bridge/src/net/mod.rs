//! The tokio shell: it resolves, checks, connects, speaks TLS, and holds no rules of the protocol.
//!
//! Every connection goes one way: [`AddressGuard`] resolves the name once and checks every address; the socket is opened
//! to a checked address and no second look-up happens; TLS verifies the certificate for the name, always.

mod address;
mod connect;
mod guard;
mod http;
mod socket;
mod tls;

#[cfg(test)]
mod tests;

pub use self::address::{AddressRefusal, check_listed, check_public};
pub use self::connect::{ConnectError, ConnectFacts, Stage};
pub use self::guard::{AddressGuard, GuardError, Resolve, Resolving, SystemResolver};
pub use self::http::{HttpAnswer, HttpClient, HttpError, HttpOptions};
pub use self::socket::{Incoming, SendError, SocketError, SocketFacts, SocketOptions, StreamRequest, StreamSocket};
pub use self::tls::{ClientTls, Roots, TlsFacts, TlsSetupError};
