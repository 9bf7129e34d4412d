//! Places the calls: at a given rate, up to a number, for a while; then hangs up and counts what is left.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use media_engine::srtp::{Inbound, MasterKey, Outbound, Suite};
use rand::rngs::SysRng;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::media::{Leg, Order};
use crate::sip::{Line, Message, answer, offer};
use crate::system::{Values, now_ns};

const NO_ANSWER: Duration = Duration::from_secs(32);
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Inviting,
    Up,
    Ending,
    Ended,
    Failed,
}

struct Call {
    state: State,
    tag: String,
    branch: String,
    cseq: u32,
    to: String,
    target: String,
    routes: Vec<String>,
    invited: Instant,
    invited_ns: u64,
    last: String,
    last_sent: Instant,
    wait: Duration,
    heard: bool,
    socket: Option<UdpSocket>,
    key: Option<MasterKey>,
    hang_up_at: Option<Instant>,
}

/// The calling side.
pub(crate) struct Caller {
    line: Line,
    to: String,
    suite: Option<Suite>,
    media: Sender<Order>,
    with_media: bool,
    rng: StdRng,
    calls: Vec<Call>,
    hold: Option<Duration>,
    pub(crate) setup_ms: Values,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) retransmissions: u64,
}

impl Caller {
    pub(crate) fn new(
        line: Line,
        to: String,
        suite: Option<Suite>,
        media: Sender<Order>,
        with_media: bool,
        hold: Option<Duration>,
    ) -> io::Result<Self> {
        Ok(Self {
            line,
            to,
            suite,
            media,
            with_media,
            rng: StdRng::try_from_rng(&mut SysRng).map_err(io::Error::other)?,
            calls: Vec::new(),
            hold,
            setup_ms: Values::default(),
            failures: BTreeMap::new(),
            retransmissions: 0,
        })
    }

    /// Offers `count` calls at `per_second` and answers what comes, until all are up or over.
    pub(crate) fn offer(&mut self, count: usize, per_second: f64) -> io::Result<()> {
        let start = Instant::now();
        let total = self.calls.len() + count;
        let first = self.calls.len();
        while self.calls.len() < total || self.count(State::Inviting) > 0 {
            while self.calls.len() < total
                && start.elapsed().as_secs_f64() * per_second >= (self.calls.len() - first) as f64
            {
                self.invite()?;
            }
            self.step()?;
        }
        Ok(())
    }

    /// Keeps the calls for a while.
    pub(crate) fn keep(&mut self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.step()?;
        }
        Ok(())
    }

    /// Hangs all calls up and waits for the answers.
    pub(crate) fn hang_up(&mut self) -> io::Result<()> {
        for id in 0..self.calls.len() {
            if self.calls[id].state == State::Up {
                self.bye(id)?;
            }
        }
        while self.count(State::Ending) > 0 {
            self.step()?;
        }
        Ok(())
    }

    /// Calls that were answered and not lost.
    pub(crate) fn succeeded(&self) -> usize {
        self.calls.iter().filter(|call| matches!(call.state, State::Up | State::Ending | State::Ended)).count()
    }

    pub(crate) fn offered(&self) -> usize {
        self.calls.len()
    }

    fn count(&self, state: State) -> usize {
        self.calls.iter().filter(|call| call.state == state).count()
    }

    fn token(&mut self) -> String {
        format!("{:016x}", self.rng.random::<u64>())
    }

    fn invite(&mut self) -> io::Result<()> {
        let id = self.calls.len();
        let local = self.line.local()?;
        let socket = UdpSocket::bind(SocketAddr::new(local.ip(), 0))?;
        socket.set_nonblocking(true)?;
        let key = self.suite.map(|suite| MasterKey::generate(suite, &mut self.rng));
        let body = offer(socket.local_addr()?, key.as_ref());
        let now = Instant::now();
        let call = Call {
            state: State::Inviting,
            tag: self.token(),
            branch: self.token(),
            cseq: 1,
            to: format!("<{}>", self.to),
            target: self.to.clone(),
            routes: Vec::new(),
            invited: now,
            invited_ns: now_ns(),
            last: String::new(),
            last_sent: now,
            wait: FIRST_RETRANSMISSION,
            heard: false,
            socket: Some(socket),
            key,
            hang_up_at: None,
        };
        self.calls.push(call);
        self.calls[id].last = self.request(id, "INVITE", &body)?;
        self.line.send(&self.calls[id].last)
    }

    fn bye(&mut self, id: usize) -> io::Result<()> {
        let branch = self.token();
        let call = &mut self.calls[id];
        (call.state, call.cseq, call.branch, call.heard) = (State::Ending, call.cseq + 1, branch, false);
        (call.last_sent, call.wait) = (Instant::now(), FIRST_RETRANSMISSION);
        self.calls[id].last = self.request(id, "BYE", "")?;
        // The media thread may have ended already.
        drop(self.media.send(Order::Stop(id)));
        self.line.send(&self.calls[id].last)
    }

    fn request(&self, id: usize, method: &str, body: &str) -> io::Result<String> {
        let (call, local, transport) = (&self.calls[id], self.line.local()?, self.line.transport());
        let mut text = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK{};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:+14155550111@{}>;tag={}\r\nTo: {}\r\nCall-ID: {id}-{}\r\nCSeq: {} {method}\r\n",
            call.target,
            call.branch,
            local.ip(),
            call.tag,
            call.to,
            call.tag,
            call.cseq
        );
        for route in &call.routes {
            text.push_str(&format!("Route: {route}\r\n"));
        }
        if method == "INVITE" {
            let parameter = if transport == "UDP" { "" } else { ";transport=tls" };
            text.push_str(&format!(
                "Contact: <sip:load@{local}{parameter}>\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n"
            ));
        }
        if !body.is_empty() {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        Ok(text + &format!("Content-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// One message in, and whatever the time asks for.
    fn step(&mut self) -> io::Result<()> {
        if let Some(text) = self.line.receive()? {
            let message = Message(&text);
            let id = message
                .header("Call-ID")
                .and_then(|call_id| call_id.split('-').next()?.parse().ok())
                .filter(|&id: &usize| id < self.calls.len());
            match (message.status(), id) {
                (Some(status), Some(id)) => self.on_response(message, status, id)?,
                (None, id) => self.on_request(message, id)?,
                (Some(_), None) => {}
            }
        }
        let now = Instant::now();
        for id in 0..self.calls.len() {
            let call = &mut self.calls[id];
            match call.state {
                State::Inviting | State::Ending if now - call.last_sent.max(call.invited) > NO_ANSWER => {
                    self.fail(id, "no answer");
                }
                State::Inviting | State::Ending
                    if self.line.transport() == "UDP" && !call.heard && now - call.last_sent > call.wait =>
                {
                    (call.last_sent, call.wait) = (now, call.wait * 2);
                    self.retransmissions += 1;
                    self.line.send(&call.last)?;
                }
                State::Up if call.hang_up_at.is_some_and(|at| at <= now) => self.bye(id)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn on_response(&mut self, message: Message<'_>, status: u16, id: usize) -> io::Result<()> {
        let method = message.header("CSeq").and_then(|cseq| cseq.split(' ').nth(1)).unwrap_or_default();
        let call = &mut self.calls[id];
        match (method, status) {
            (_, 100..200) => call.heard = true,
            ("INVITE", 200..300) => {
                if call.state == State::Inviting {
                    call.state = State::Up;
                    message.header("To").unwrap_or_default().clone_into(&mut call.to);
                    call.target = message.contact().unwrap_or(&call.target).to_owned();
                    call.routes = message
                        .headers("Record-Route")
                        .flat_map(|routes| routes.split(','))
                        .map(|route| route.trim().to_owned())
                        .collect();
                    call.routes.reverse();
                    call.hang_up_at = self.hold.map(|hold| Instant::now() + hold);
                    self.setup_ms.push(call.invited.elapsed().as_secs_f64() * 1e3);
                    self.start_media(id, message.body());
                } else {
                    self.retransmissions += 1;
                }
                let branch =
                    std::mem::replace(&mut self.calls[id].branch, format!("a{:016x}", self.rng.random::<u64>()));
                let ack = self.request(id, "ACK", "")?;
                self.calls[id].branch = branch;
                self.line.send(&ack)?;
            }
            ("INVITE", 300..) => {
                message.header("To").unwrap_or_default().clone_into(&mut call.to);
                let ack = self.request(id, "ACK", "")?;
                self.line.send(&ack)?;
                if self.calls[id].state == State::Inviting {
                    self.fail(id, &status.to_string());
                }
            }
            ("BYE", 200..) if call.state == State::Ending => {
                call.state = State::Ended;
                call.socket = None;
            }
            _ => {}
        }
        Ok(())
    }

    fn start_media(&mut self, id: usize, body: &str) {
        let first = self.rng.random();
        let call = &mut self.calls[id];
        let (Some((remote, remote_key)), Some(socket)) = (answer(body), call.socket.take()) else {
            return self.fail(id, "no media in the answer");
        };
        let keys = match (&call.key, remote_key) {
            (None, None) => None,
            (Some(ours), Some(theirs)) if ours.suite() == theirs.suite() => {
                Some((Inbound::new(&theirs), Outbound::new(ours)))
            }
            _ => return self.fail(id, "the answer is not as secure as the offer"),
        };
        if self.with_media {
            let leg = Leg { id, socket, remote, keys, invited_ns: call.invited_ns, first };
            // The media thread may have ended already.
            drop(self.media.send(Order::Start(Box::new(leg))));
        }
    }

    fn on_request(&mut self, message: Message<'_>, id: Option<usize>) -> io::Result<()> {
        match (message.method(), id) {
            ("ACK", _) => Ok(()),
            ("BYE", Some(id)) => {
                if self.calls[id].state == State::Up {
                    let reason =
                        format!("ended by the server ({})", message.header("Reason").unwrap_or("no reason given"));
                    self.fail(id, &reason);
                }
                self.line.send(&message.response("200 OK"))
            }
            ("OPTIONS" | "UPDATE", _) => self.line.send(&message.response("200 OK")),
            _ => self.line.send(&message.response("481 Call/Transaction Does Not Exist")),
        }
    }

    fn fail(&mut self, id: usize, why: &str) {
        self.calls[id].state = State::Failed;
        self.calls[id].socket = None;
        *self.failures.entry(why.to_owned()).or_default() += 1;
        // The media thread may have ended already.
        drop(self.media.send(Order::Stop(id)));
    }
}
