//! The thin shell around [`crate::endpoint`]: sockets, TLS, the clock. It holds no rules.
//!
//! [`serve`] binds the listeners and starts one driver task, which owns the endpoint. Channels, all bounded:
//!
//! | channel | capacity | when full |
//! |---|---|---|
//! | commands to the driver | [`COMMAND_QUEUE`] | the sender waits |
//! | events of one call | [`EVENT_QUEUE`] | the call is ended: its actor is stuck |
//! | new calls | [`INCOMING_QUEUE`] | the call is refused with 503 |
//! | trunk events | [`TRUNK_QUEUE`] | the event is dropped and counted |
//! | octets from all connections, and look-ups | [`STREAM_QUEUE`] | the connection is not read on: TCP pushes back |
//! | messages to one connection | [`WRITE_QUEUE`] | the message is dropped and the connection closed |
//!
//! ```no_run
//! use sip_core::admission::{Gate, Transport, TrunkRule};
//! use sip_core::endpoint::{Command, Event};
//! use sip_core::net::{Config, Listen, serve};
//! use sip_core::wire::StatusCode;
//!
//! # async fn demo(now: std::time::Instant, seed: [u8; 32], answer: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! let gate = Gate::new(vec![TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse()?)], now)?;
//! let listen = vec![Listen::new(Transport::Udp, "192.0.2.10:5060".parse()?)];
//! let mut server = serve(Config::new(listen, gate, seed)).await?;
//! let handle = server.handle().clone();
//! while let Some(mut call) = server.next_call().await {
//!     handle.command(call.key, Command::Answer { sdp: answer.clone().into() }).await?;
//!     while let Some(event) = call.events.recv().await {
//!         if let Event::Ended(ended) = event {
//!             println!("{:?}", ended.reason);
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod bind;
mod clients;
mod config;
mod driver;
mod handle;
mod identity;
mod lookup;
mod resolver;
mod stream;
pub mod tls;
mod verify;

pub use clients::TlsClients;
pub use config::{Config, Listen, Listening, ServeError};
pub use handle::{
    COMMAND_QUEUE, Closed, EVENT_QUEUE, INCOMING_QUEUE, IncomingCall, OutgoingCall, PlaceError, SipHandle, TRUNK_QUEUE,
};
pub use resolver::{Resolver, ResolverError};

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::admission::Transport;
use crate::endpoint::{self, Endpoint};
use crate::trunk::TrunkEvent;

use bind::Socket;
use driver::{Driver, Tls};
use handle::Request;

/// Octets from all connections that the driver has not read yet, in reads.
pub const STREAM_QUEUE: usize = 256;
/// Messages to one connection that its socket has not taken yet. A carrier's calls share one connection, and may all end at
/// once: so much must be room for. A message has about 600 octets.
pub const WRITE_QUEUE: usize = 4_096;
/// Octets of those messages; whichever bound is reached first.
pub const WRITE_OCTETS: usize = 4 * 1024 * 1024;

/// A running server. Dropping it stops it at once; [`Server::shutdown`] ends the calls first.
#[derive(Debug)]
pub struct Server {
    handle: SipHandle,
    calls: mpsc::Receiver<IncomingCall>,
    trunk_events: Option<mpsc::Receiver<TrunkEvent>>,
    listening: Vec<Listening>,
    driver: JoinHandle<()>,
}

impl Server {
    /// The way to command calls.
    pub const fn handle(&self) -> &SipHandle {
        &self.handle
    }

    /// The sockets, with the ports that were bound.
    pub fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// The next call that comes in. `None` when the server has stopped. Safe to cancel.
    pub async fn next_call(&mut self) -> Option<IncomingCall> {
        self.calls.recv().await
    }

    /// What happens to the trunks that we call over. `None` when it was taken before.
    pub const fn take_trunk_events(&mut self) -> Option<mpsc::Receiver<TrunkEvent>> {
        self.trunk_events.take()
    }

    /// Ends all calls, waits up to `grace` until the peers know, and closes everything.
    pub async fn shutdown(self, grace: Duration) {
        let (answer, answered) = oneshot::channel();
        if self.handle.send(Request::Shutdown { answer, grace }).await.is_ok() {
            // A driver that is gone is as good as one that says so.
            drop(answered.await);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Binds the listeners and starts the driver on the current runtime.
pub async fn serve(config: Config) -> Result<Server, ServeError> {
    if config.listen.len() > usize::from(u16::MAX) {
        return Err(ServeError::Listeners);
    }
    let is_tls = |listen: &Listen| listen.transport == Transport::Tls;
    if config.tls_server.is_none() && config.listen.iter().any(is_tls) {
        return Err(ServeError::NoCertificate);
    }
    let (mut sockets, mut listeners, mut listening) = (Vec::new(), Vec::new(), Vec::new());
    for listen in &config.listen {
        let (socket, listener) = Socket::bind(listen).await?;
        listening.push(Listening { transport: listener.transport, address: listener.local });
        sockets.push((listener.transport, socket));
        listeners.push(listener);
    }
    let settings = endpoint::Config {
        product: config.product,
        timers: config.timers,
        session: config.session,
        caps: config.caps,
        connections: config.connections,
        ..endpoint::Config::new(listeners)
    };
    let endpoint = Endpoint::new(settings, config.gate, config.seed, Instant::now().into_std());
    // A machine without name servers can still call addresses.
    let resolver = config.resolver.or_else(|| Resolver::from_system().ok());
    let (incoming, calls) = mpsc::channel(INCOMING_QUEUE);
    let (trunk_sender, trunk_events) = mpsc::channel(TRUNK_QUEUE);
    let (handle, requests) = SipHandle::channel();
    let clients = TlsClients { common: config.tls_client, named: config.tls_clients };
    let tls = Tls { server: config.tls_server, clients };
    let driver = tokio::spawn(Driver::new(endpoint, sockets, tls, (incoming, trunk_sender), requests, resolver).run());
    Ok(Server { handle, calls, trunk_events: Some(trunk_events), listening, driver })
}
