//! The way from a call actor to the driver task, and back.

use std::fmt;

use tokio::sync::{mpsc, oneshot};

use crate::admission::{Admitted, Gate, Invite};
use crate::endpoint::{CallKey, Command, Dial, DialError, Event, Stats};
use crate::trunk::TrunkStatus;

/// Commands from all call actors to the driver. Full: the sender waits.
pub const COMMAND_QUEUE: usize = 1024;
/// Events of one call that its actor has not read yet. Full: the actor is stuck, and its call is ended.
pub const EVENT_QUEUE: usize = 32;
/// New calls that nobody took yet. Full: the call is refused with 503.
pub const INCOMING_QUEUE: usize = 256;
/// Trunk events that nobody took yet. Full: the event is dropped and counted; [`SipHandle::trunks`] tells how things are.
pub const TRUNK_QUEUE: usize = 256;

/// The endpoint, as a call actor sees it. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct SipHandle {
    requests: mpsc::Sender<Request>,
}

impl SipHandle {
    pub(super) fn channel() -> (Self, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(COMMAND_QUEUE);
        (Self { requests }, receiver)
    }

    /// Asks something of a call. Waits while the driver is busy.
    pub async fn command(&self, call: CallKey, command: Command) -> Result<(), Closed> {
        self.send(Request::Command { call, command }).await
    }

    /// Places a call.
    pub async fn dial(&self, dial: Dial) -> Result<OutgoingCall, PlaceError> {
        let (events, receiver) = mpsc::channel(EVENT_QUEUE);
        let (answer, answered) = oneshot::channel();
        self.send(Request::Dial { dial: Box::new(dial), events, answer }).await?;
        let key = answered.await.map_err(|_| Closed)??;
        Ok(OutgoingCall { key, events: receiver })
    }

    /// A snapshot of gauges and counters.
    pub async fn stats(&self) -> Result<Stats, Closed> {
        let (answer, answered) = oneshot::channel();
        self.send(Request::Stats { answer }).await?;
        answered.await.map_err(|_| Closed)
    }

    /// The trunks that we call over, and how they are.
    pub async fn trunks(&self) -> Result<Vec<TrunkStatus>, Closed> {
        let (answer, answered) = oneshot::channel();
        self.send(Request::Trunks { answer }).await?;
        answered.await.map_err(|_| Closed)
    }

    /// Takes over new trunk rules; calls that are up stay.
    pub async fn replace_gate(&self, gate: Gate) -> Result<(), Closed> {
        self.send(Request::ReplaceGate(Box::new(gate))).await
    }

    /// Takes over a new certificate; connections that are up stay.
    pub async fn replace_tls(&self, tls: std::sync::Arc<rustls::ServerConfig>) -> Result<(), Closed> {
        self.send(Request::ReplaceTls(tls)).await
    }

    /// Refuses new calls with 503 from now on; calls that are up stay.
    pub async fn drain(&self) -> Result<(), Closed> {
        self.send(Request::Drain).await
    }

    pub(super) async fn send(&self, request: Request) -> Result<(), Closed> {
        self.requests.send(request).await.map_err(|_| Closed)
    }
}

/// A call that came in. Dropping `events` before the call ended hangs it up.
pub struct IncomingCall {
    /// Its name in commands.
    pub key: CallKey,
    /// The INVITE, and who brought it.
    pub invite: Box<Admitted<Invite>>,
    /// What happens next. The channel closes after [`Event::Ended`].
    pub events: mpsc::Receiver<Event>,
}

impl fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingCall").field("key", &self.key).field("invite", &self.invite).finish_non_exhaustive()
    }
}

/// A call that we placed. Dropping `events` before the call ended hangs it up.
pub struct OutgoingCall {
    /// Its name in commands.
    pub key: CallKey,
    /// What happens next. The channel closes after [`Event::Ended`].
    pub events: mpsc::Receiver<Event>,
}

impl fmt::Debug for OutgoingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingCall").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The driver is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the SIP endpoint is shut down")]
pub struct Closed;

/// A call could not be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The driver is gone.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The endpoint refused.
    #[error(transparent)]
    Dial(#[from] DialError),
}

/// What travels to the driver.
pub(super) enum Request {
    Command { call: CallKey, command: Command },
    Dial { dial: Box<Dial>, events: mpsc::Sender<Event>, answer: oneshot::Sender<Result<CallKey, DialError>> },
    Stats { answer: oneshot::Sender<Stats> },
    Trunks { answer: oneshot::Sender<Vec<TrunkStatus>> },
    ReplaceGate(Box<Gate>),
    ReplaceTls(std::sync::Arc<rustls::ServerConfig>),
    Drain,
    Shutdown { answer: oneshot::Sender<()>, grace: std::time::Duration },
}
