//! The driver: the one task that owns the endpoint.
//!
//! A turn is one poll of the task: timers first, then a bounded number of inputs of each kind, so that a flood on one
//! socket starves neither the timers nor the other sockets. What is left over gets the next turn.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep_until};
use zeroize::Zeroizing;

use crate::admission::Transport;
use crate::endpoint::{
    CallKey, Command, ConnectionId, Endpoint, Event, Flow, Input, ListenerId, Output, Refusal, Reject, wiped,
};
use crate::trunk::TrunkEvent;
use crate::wire::StatusCode;

use super::Resolver;
use super::TlsClients;
use super::bind::Socket;
use super::handle::{EVENT_QUEUE, IncomingCall, Request};
use super::lookup::Lookups;
use super::stream::Connection;

pub(super) struct Driver {
    endpoint: Endpoint,
    sockets: Vec<(Transport, Socket)>,
    connections: HashMap<ConnectionId, Connection>,
    calls: HashMap<CallKey, mpsc::Sender<Event>>,
    incoming: mpsc::Sender<IncomingCall>,
    trunk_events: mpsc::Sender<TrunkEvent>,
    requests: mpsc::Receiver<Request>,
    inputs: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
    lookups: Lookups,
    tls: Tls,
    timer: Pin<Box<Sleep>>,
    /// The endpoint's next deadline.
    deadline: Option<Instant>,
    buffer: Zeroizing<Vec<u8>>,
    /// When calls whose actor is gone are looked for.
    sweep_at: Instant,
    /// No connection is accepted before: the last attempt failed.
    accept_at: Option<Instant>,
    closing: Option<Closing>,
}

pub(super) struct Tls {
    pub(super) server: Option<Arc<rustls::ServerConfig>>,
    pub(super) clients: TlsClients,
}

struct Closing {
    until: Instant,
    answer: oneshot::Sender<()>,
}

impl Driver {
    pub(super) fn new(
        endpoint: Endpoint,
        sockets: Vec<(Transport, Socket)>,
        tls: Tls,
        (incoming, trunk_events): (mpsc::Sender<IncomingCall>, mpsc::Sender<TrunkEvent>),
        requests: mpsc::Receiver<Request>,
        resolver: Option<Resolver>,
    ) -> Self {
        let now = Instant::now();
        let inputs = mpsc::channel(super::STREAM_QUEUE);
        Self {
            endpoint,
            sockets,
            connections: HashMap::new(),
            calls: HashMap::new(),
            incoming,
            trunk_events,
            requests,
            lookups: Lookups::new(inputs.0.clone(), resolver),
            inputs,
            tls,
            timer: Box::pin(sleep_until(now)),
            deadline: None,
            buffer: Zeroizing::new(vec![0; DATAGRAM]),
            sweep_at: now + SWEEP,
            accept_at: None,
            closing: None,
        }
    }

    pub(super) async fn run(mut self) {
        std::future::poll_fn(|cx| self.poll_turn(cx)).await;
        if let Some(closing) = self.closing.take() {
            heard(&closing.answer.send(()));
        }
        for (_, connection) in self.connections.drain() {
            connection.close();
        }
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.drain(Input::Timeout);
        self.sweep();
        let more = [self.poll_requests(cx), self.poll_streams(cx), self.poll_sockets(cx)];
        if more.contains(&true) {
            cx.waker().wake_by_ref();
        }
        let is_over =
            self.closing.as_ref().is_some_and(|closing| closing.until <= Instant::now() || self.endpoint.is_quiet());
        if is_over {
            return Poll::Ready(());
        }
        self.poll_timer(cx)
    }

    /// Arms the timer for the next deadline.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let others = [self.deadline, self.accept_at, self.closing.as_ref().map(|closing| closing.until)];
        let at = others.into_iter().flatten().fold(self.sweep_at, Instant::min);
        self.timer.as_mut().reset(at);
        ready!(self.timer.as_mut().poll(cx));
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Handles one input, and does what the endpoint wants done.
    fn drain(&mut self, input: Input) {
        let now = Instant::now().into_std();
        self.endpoint.handle_input(input, now);
        self.flush();
    }

    fn flush(&mut self) {
        loop {
            match self.endpoint.poll_output() {
                Output::Transmit { flow, bytes } => self.transmit(flow, bytes),
                Output::Connect { connection, next_hop, identity } => {
                    let inputs = self.inputs.0.clone();
                    let tls = self.tls.clients.of(identity.as_ref());
                    self.connections.insert(connection, Connection::opened(connection, next_hop, tls, inputs));
                }
                Output::Close { connection } => {
                    if let Some(connection) = self.connections.remove(&connection) {
                        connection.close();
                    }
                }
                Output::Event { call, event } => self.on_event(call, event),
                Output::Locate { id, target, seed } => self.lookups.begin(id, target, seed),
                Output::Trunk(event) => {
                    if self.trunk_events.try_send(event).is_err() {
                        self.endpoint.count(Refusal::TrunkEventLost);
                    }
                }
                Output::Timeout(at) => {
                    self.deadline = Some(Instant::from_std(at));
                    return;
                }
                Output::Idle => {
                    self.deadline = None;
                    return;
                }
            }
        }
    }

    fn transmit(&mut self, flow: Flow, bytes: bytes::Bytes) {
        match flow {
            Flow::Datagram { listener, remote } => {
                let Some((_, Socket::Udp(socket))) = self.sockets.get(usize::from(listener.0)) else { return };
                // A full socket drops: UDP may, and the sender's timers repeat what matters.
                if socket.try_send_to(&bytes, remote).is_err() {
                    self.endpoint.count(Refusal::DatagramUnsent);
                }
            }
            Flow::Stream(id) => {
                let Some(connection) = self.connections.get(&id) else { return };
                if connection.send(bytes) {
                    return;
                }
                self.endpoint.count(Refusal::BackPressure);
                if let Some(connection) = self.connections.remove(&id) {
                    connection.abort();
                }
                let now = Instant::now().into_std();
                self.endpoint.handle_input(Input::Disconnected { connection: id }, now);
            }
        }
    }

    fn on_event(&mut self, call: CallKey, event: Event) {
        let now = Instant::now().into_std();
        if let Event::Incoming(invite) = event {
            let (sender, events) = mpsc::channel(EVENT_QUEUE);
            if self.incoming.try_send(IncomingCall { key: call, invite, events }).is_ok() {
                self.calls.insert(call, sender);
                return;
            }
            self.endpoint.count(Refusal::SlowTu);
            let retry_after = Some(Duration::from_secs(5));
            let reject = Reject { status: StatusCode::SERVICE_UNAVAILABLE, reason: None, retry_after };
            self.endpoint.handle_input(Input::Command { call, command: Command::Reject(reject) }, now);
            return;
        }
        let is_last = matches!(event, Event::Ended(_));
        let Some(sender) = self.calls.get(&call) else { return };
        let is_heard = sender.try_send(event).is_ok();
        if is_last || !is_heard {
            self.calls.remove(&call);
        }
        if !is_last && !is_heard {
            self.endpoint.count(Refusal::SlowTu);
            self.endpoint.handle_input(Input::Command { call, command: Command::Hangup { reason: None } }, now);
        }
    }

    fn poll_requests(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..REQUESTS_PER_TURN {
            match self.requests.poll_recv(cx) {
                Poll::Ready(Some(request)) => self.on_request(request),
                Poll::Ready(None) | Poll::Pending => return false,
            }
        }
        true
    }

    fn on_request(&mut self, request: Request) {
        let now = Instant::now();
        match request {
            Request::Command { call, command } => self.drain(Input::Command { call, command }),
            Request::Dial { dial, events, answer } => {
                let placed = self.endpoint.dial(*dial, now.into_std());
                if let Ok(key) = placed {
                    self.calls.insert(key, events);
                }
                // A caller that went away is found by the sweep.
                heard(&answer.send(placed));
                self.flush();
            }
            Request::Trunks { answer } => heard(&answer.send(self.endpoint.trunks(now.into_std()))),
            Request::Stats { answer } => heard(&answer.send(self.endpoint.stats())),
            Request::ReplaceGate(gate) => {
                self.endpoint.replace_gate(*gate);
                self.flush();
            }
            Request::ReplaceTls(tls) => self.tls.server = Some(tls),
            Request::ReplaceTlsClients(clients) => self.tls.clients = clients,
            Request::Drain => {
                self.endpoint.drain();
                self.flush();
            }
            Request::Shutdown { answer, grace } => {
                self.endpoint.drain();
                self.endpoint.hang_up_all(now.into_std());
                self.flush();
                self.closing = Some(Closing { until: now + grace, answer });
            }
        }
    }

    fn poll_streams(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..READS_PER_TURN {
            let Poll::Ready(Some(input)) = self.inputs.1.poll_recv(cx) else { return false };
            match &input {
                Input::Connected { connection, .. } => {
                    if let Some(connection) = self.connections.get_mut(connection) {
                        connection.is_ready = true;
                    }
                }
                Input::Disconnected { connection } => drop(self.connections.remove(connection)),
                Input::Located { .. } => self.lookups.turn(),
                Input::Datagram { .. } | Input::Received { .. } | Input::Command { .. } | Input::Timeout => {}
            }
            self.drain(input);
        }
        true
    }

    fn poll_sockets(&mut self, cx: &mut Context<'_>) -> bool {
        let mut more = false;
        for index in 0..self.sockets.len() {
            let Ok(listener) = u16::try_from(index).map(ListenerId) else { break };
            let budget = DATAGRAMS_PER_TURN;
            let mut left = budget;
            while left > 0 && self.poll_socket(index, listener, cx) {
                left -= 1;
            }
            more |= left == 0;
        }
        more
    }

    /// Takes one datagram or connection. False when there is none.
    fn poll_socket(&mut self, index: usize, listener: ListenerId, cx: &mut Context<'_>) -> bool {
        match self.sockets.get(index) {
            Some((_, Socket::Udp(socket))) => {
                let mut buffer = ReadBuf::new(&mut self.buffer);
                match socket.poll_recv_from(cx, &mut buffer) {
                    Poll::Ready(Ok(remote)) => {
                        // Before a copy is made of it.
                        if self.endpoint.admits_source(remote.ip(), Transport::Udp) {
                            let bytes = wiped(Zeroizing::new(buffer.filled().to_vec()));
                            self.drain(Input::Datagram { listener, remote, bytes });
                        }
                        true
                    }
                    // An ICMP error of an earlier send: it says nothing of this socket.
                    Poll::Ready(Err(_)) => true,
                    Poll::Pending => false,
                }
            }
            Some((transport, Socket::Stream(socket))) => {
                let now = Instant::now();
                if self.accept_at.is_some_and(|at| now < at) {
                    return false;
                }
                self.accept_at = None;
                let transport = *transport;
                match socket.poll_accept(cx) {
                    Poll::Ready(Ok((stream, remote))) => {
                        self.on_accept(listener, transport, stream, remote);
                        true
                    }
                    Poll::Ready(Err(_)) => {
                        // Out of file descriptors, most likely: asking again at once would spin.
                        self.accept_at = Some(now + ACCEPT_AGAIN);
                        false
                    }
                    Poll::Pending => false,
                }
            }
            None => false,
        }
    }

    fn on_accept(
        &mut self,
        listener: ListenerId,
        transport: Transport,
        stream: TcpStream,
        remote: std::net::SocketAddr,
    ) {
        let accepted = self.endpoint.accept(listener, remote, Instant::now().into_std());
        if let Some(id) = accepted {
            let tls = if transport == Transport::Tls { self.tls.server.clone() } else { None };
            self.connections.insert(id, Connection::accepted(id, stream, tls, self.inputs.0.clone()));
        }
        // Accepting may have closed an idle connection.
        self.flush();
    }

    /// Hangs up calls whose actor is gone without a word.
    fn sweep(&mut self) {
        let now = Instant::now();
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now + SWEEP;
        let left: Vec<CallKey> =
            self.calls.iter().filter(|(_, sender)| sender.is_closed()).map(|(key, _)| *key).collect();
        for call in left {
            self.calls.remove(&call);
            self.drain(Input::Command { call, command: Command::Hangup { reason: None } });
        }
    }
}

/// Whoever asked may have gone meanwhile: nothing to do about that.
fn heard<T, E>(answer: &Result<T, E>) {
    if answer.is_err() {
        tracing::trace!("an answer came too late");
    }
}

/// The largest UDP datagram.
const DATAGRAM: usize = 65_536;
/// Per turn and socket: datagrams, or connections accepted.
const DATAGRAMS_PER_TURN: u32 = 64;
/// Per turn: reads of all connections.
const READS_PER_TURN: u32 = 64;
/// Per turn: commands.
const REQUESTS_PER_TURN: u32 = 64;
/// How often calls whose actor is gone are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// How long accepting rests after a failure.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
