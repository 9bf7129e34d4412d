//! The gate of every outgoing connection: one look-up, every address checked, the checked address used.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::address::{AddressRefusal, check_listed, check_public};
use crate::limits::MAX_ADDRESSES;

/// Finds the addresses of names.
pub trait Resolve: Send + Sync {
    /// All addresses of a name.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

/// A look-up under way.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// The system's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// Decides where the server may be sent. It begins with public addresses only; hosts that the dialplan lists may be
/// inside.
#[derive(Clone)]
pub struct AddressGuard {
    hosts: Arc<[String]>,
    only_listed: bool,
    resolver: Arc<dyn Resolve>,
}

impl Default for AddressGuard {
    fn default() -> Self {
        Self { hosts: Arc::default(), only_listed: false, resolver: Arc::new(SystemResolver) }
    }
}

impl AddressGuard {
    /// A guard that lets the listed hosts be at private and loopback addresses.
    pub fn new<H: AsRef<str>>(hosts: impl IntoIterator<Item = H>) -> Self {
        let hosts = hosts.into_iter().map(|host| canonical(host.as_ref())).collect();
        Self { hosts, ..Self::default() }
    }

    /// Refuses every host that is not listed.
    #[must_use]
    pub fn only_listed(mut self, only: bool) -> Self {
        self.only_listed = only;
        self
    }

    /// Looks names up with another resolver.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// The addresses to connect to. One refused address refuses the name: who controls it controls the choice.
    pub async fn resolve(&self, host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, GuardError> {
        let name = canonical(host);
        let listed = self.hosts.contains(&name);
        if self.only_listed && !listed {
            return Err(GuardError::NotListed { host: name });
        }
        let addresses = match name.parse::<IpAddr>() {
            Ok(literal) => vec![SocketAddr::new(literal, port)],
            Err(_) => match timeout_at(deadline, self.resolver.resolve(&name, port)).await {
                Ok(Ok(found)) => found,
                Ok(Err(source)) => return Err(GuardError::LookUp { host: name, source }),
                Err(_) => return Err(GuardError::LookUpTimeout { host: name }),
            },
        };
        if addresses.is_empty() {
            return Err(GuardError::NoAddress { host: name });
        }
        let check = if listed { check_listed } else { check_public };
        for address in &addresses {
            if let Err(refusal) = check(address.ip()) {
                return Err(GuardError::Address { host: name, address: address.ip(), refusal });
            }
        }
        // A resolver cannot lead past the port that was asked for.
        Ok(addresses.into_iter().take(MAX_ADDRESSES).map(|found| SocketAddr::new(found.ip(), port)).collect())
    }
}

impl fmt::Debug for AddressGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressGuard")
            .field("hosts", &self.hosts)
            .field("only_listed", &self.only_listed)
            .finish_non_exhaustive()
    }
}

/// Names are compared without their case, brackets and final dot.
fn canonical(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

/// Why a host is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The application has a list of hosts, and this is not on it.
    #[error("the host {host} is not in the application's `hosts`: add it there, or mend the URL")]
    NotListed {
        /// The host.
        host: String,
    },
    /// The name was not found.
    #[error("the host {host} was not found: check its name and the server's resolver ({source})")]
    LookUp {
        /// The host.
        host: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// The resolver did not answer in time.
    #[error("the resolver did not answer for {host} in time: check the server's resolver")]
    LookUpTimeout {
        /// The host.
        host: String,
    },
    /// The name has no address.
    #[error("the host {host} has no address: check its DNS records")]
    NoAddress {
        /// The host.
        host: String,
    },
    /// An address that nobody may send the server to.
    #[error("the host {host} is at {address}, {refusal}: if that is meant, add {host} to the application's `hosts`")]
    Address {
        /// The host.
        host: String,
        /// The address that was refused.
        address: IpAddr,
        /// Why.
        refusal: AddressRefusal,
    },
}
