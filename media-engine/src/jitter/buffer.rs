use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Advice, Arrival, Cause, Due, JitterConfig, Refused, Slot, control::Controller, delay::DelayEstimator};
use crate::{
    codec::ClockRate,
    limits::{MAX_BACKLOG_MS, MAX_DROPOUT, MAX_JITTER_PACKETS, MAX_MISORDER},
    rtp::{RtpTimestamp, Seq},
};

/// The jitter buffer of one stream.
///
/// It is driven by two clocks: [`push`](Self::push) when a packet arrives, [`pop`](Self::pop) when a frame is due. Between
/// them it keeps the *head*, the timestamp that is to be played next. While packets are there, what is missing before
/// them is lost, and the head passes over it. While none is there, the head waits: whether they are lost or late will be
/// seen from the next one. If they were lost, the gap in its timestamp has already been played; if they were late, they are
/// played late, and the delay this makes is made up for afterwards ([`Advice::CatchUp`]).
pub struct JitterBuffer {
    clock: i64,
    /// By sequence number, modulo its length.
    ring: Box<[Option<Entry>]>,
    held: usize,
    /// When the first packet came: arrivals are counted from here.
    epoch: Option<Instant>,
    /// When a packet came last.
    last_arrival: Option<Instant>,
    /// The highest sequence number and the timestamp with it, both without wraps.
    newest: Option<(i64, i64)>,
    /// The sequence number after the one taken last.
    next_seq: i64,
    /// Which of the 64 before it were received.
    taken: u64,
    /// What is to be played next; `None` before the first packet is.
    head: Option<i64>,
    /// When the first packet is to be played.
    start: Option<Instant>,
    /// Ticks that were played while the head waited.
    owed: i64,
    /// A packet from elsewhere: if the next one follows it, the stream goes on there.
    suspect: Option<Arrival>,
    delay: DelayEstimator,
    control: Controller,
    last_wait: Option<Duration>,
}

struct Entry {
    arrival: Arrival,
    seq: i64,
    timestamp: i64,
    at: Instant,
}

impl JitterBuffer {
    /// An empty buffer for a stream whose timestamps count `clock`.
    pub fn new(config: JitterConfig, clock: ClockRate) -> Self {
        let hz = i64::from(clock.hz());
        Self {
            clock: hz,
            ring: (0..MAX_JITTER_PACKETS).map(|_| None).collect(),
            held: 0,
            epoch: None,
            last_arrival: None,
            newest: None,
            next_seq: 0,
            taken: 0,
            head: None,
            start: None,
            owed: 0,
            suspect: None,
            delay: DelayEstimator::new(config, clock.hz()),
            control: Controller::new(hz / 50),
            last_wait: None,
        }
    }

    /// Takes a packet in; gives how many older ones had to give way to it.
    pub fn push(&mut self, arrival: Arrival, now: Instant) -> Result<usize, Refused> {
        let silent = self.last_arrival.is_some_and(|last| now.saturating_duration_since(last) > RESTART_AFTER);
        self.last_arrival = Some(now);
        if silent {
            self.restart();
        }
        let Some((newest_seq, newest_time)) = self.newest else {
            return self.begin(arrival, now);
        };
        let ahead = i64::from(arrival.seq.since(seq_of(newest_seq)));
        let (seq, timestamp) =
            (newest_seq + ahead, newest_time + i64::from(arrival.timestamp.since(timestamp_of(newest_time))));
        let far = ahead > i64::from(MAX_DROPOUT)
            || ahead < -i64::from(MAX_MISORDER)
            || (self.transit(timestamp, now) - self.delay.base()).abs() > self.clock * FAR_S;
        if far {
            return self.suspect(arrival, now);
        }
        self.suspect = None;
        self.insert(Entry { arrival, seq, timestamp, at: now }, now)
    }

    /// What is to be played next, at `now`; for at most `want` ticks if it is nothing.
    pub fn pop(&mut self, now: Instant, want: u32) -> Slot {
        let want_ticks = i64::from(want);
        let Some(head) = self.head_at(now) else {
            return Slot::Missing { ticks: want, cause: Cause::Waiting };
        };
        let Some(entry) = self.next() else {
            self.owed = self.owed.saturating_add(want_ticks);
            return Slot::Missing { ticks: want, cause: Cause::Empty };
        };
        // What was played while the head waited was the beginning of the gap, if there is one.
        let gap = (entry.timestamp - head).max(0);
        let skipped = gap.min(self.owed);
        let gap = gap - skipped;
        let cause = if entry.seq == self.next_seq { Cause::Pause } else { Cause::Lost };
        self.owed -= skipped;
        self.head = Some(head + skipped);
        if gap > 0 {
            let ticks = gap.min(want_ticks);
            self.head = Some(head + skipped + ticks);
            return Slot::Missing { ticks: u32::try_from(ticks).unwrap_or(want), cause };
        }
        self.take(now).map_or(Slot::Missing { ticks: want, cause: Cause::Empty }, Slot::Packet)
    }

    /// Whether [`pop`](Self::pop) would give a packet.
    pub fn is_ready(&mut self, now: Instant) -> bool {
        let Some(head) = self.head_at(now) else {
            return false;
        };
        self.next().is_some_and(|next| next.timestamp - head <= self.owed)
    }

    /// A frame has been made, and so many ticks of audio are left over: what should be done about the delay.
    pub fn on_frame(&mut self, left: u32) -> Advice {
        if self.head.is_none() {
            return Advice::Keep;
        }
        self.control.on_frame(i64::from(left), self.delay.needed(), self.delay.target())
    }

    /// Audio was left out or repeated.
    pub fn on_stretched(&mut self) {
        self.control.look_again();
    }

    /// Forgets the stream, as when another one follows; what is known of the network stays.
    pub fn restart(&mut self) {
        for slot in &mut self.ring {
            *slot = None;
        }
        self.held = 0;
        self.newest = None;
        self.taken = 0;
        self.head = None;
        self.start = None;
        self.owed = 0;
        self.suspect = None;
        self.epoch = None;
        self.delay.rebase();
        self.control.reset();
    }

    /// How many packets it holds.
    pub const fn len(&self) -> usize {
        self.held
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// When the first packet of the stream is to be played: who can choose when frames are due should let one be then.
    pub const fn start(&self) -> Option<Instant> {
        self.start
    }

    /// How long packets should wait.
    pub fn target(&self) -> Duration {
        self.duration(self.delay.target())
    }

    /// How long the packet taken last has waited.
    pub const fn last_wait(&self) -> Option<Duration> {
        self.last_wait
    }

    /// The first packet of a stream.
    fn begin(&mut self, arrival: Arrival, now: Instant) -> Result<usize, Refused> {
        self.epoch = Some(now);
        let seq = i64::from(arrival.seq.value());
        let timestamp = i64::from(arrival.timestamp.value());
        self.next_seq = seq;
        self.start = now.checked_add(self.duration(self.delay.target() + self.control.slack()));
        self.insert(Entry { arrival, seq, timestamp, at: now }, now)
    }

    /// A packet that does not fit the others. The stream goes on from there when the next one does too.
    fn suspect(&mut self, arrival: Arrival, now: Instant) -> Result<usize, Refused> {
        let follows = self.suspect.take().filter(|suspect| {
            arrival.seq == suspect.seq.next()
                && arrival.timestamp.since(suspect.timestamp).unsigned_abs() <= self.second()
        });
        let Some(first) = follows else {
            self.suspect = Some(arrival);
            return Err(Refused::Jump);
        };
        self.restart();
        self.begin(first, now)?;
        self.push(arrival, now)
    }

    fn insert(&mut self, entry: Entry, now: Instant) -> Result<usize, Refused> {
        let transit = self.transit(entry.timestamp, now);
        let arrival = entry.timestamp + transit;
        self.delay.on_arrival(arrival, transit, i64::from(entry.arrival.ticks));
        if self.held == 0 && self.owed > self.clock / 10 {
            // After a stall the next packets show what the network's delay is now; what it was says nothing.
            self.delay.rebase_on(transit);
        }

        if entry.seq < self.next_seq && self.head.is_some() {
            return Err(if self.was_taken(entry.seq) { Refused::Duplicate } else { Refused::Late });
        }
        // Before the first one is played, one that was overtaken may still become the first.
        if entry.seq < self.next_seq {
            self.next_seq = entry.seq;
        }
        let end = entry.timestamp + i64::from(entry.arrival.ticks);
        if self.head.is_some_and(|head| end <= head) {
            return Err(Refused::Late);
        }
        let dropped = self.make_room(entry.seq);
        let place = place(entry.seq);
        if self.ring[place].is_some() {
            return Err(Refused::Duplicate);
        }
        if self.newest.is_none_or(|(newest, _)| entry.seq > newest) {
            self.newest = Some((entry.seq, entry.timestamp));
        }
        self.ring[place] = Some(entry);
        self.held += 1;
        Ok(dropped + self.drop_backlog(end))
    }

    /// Makes sure that `seq` has a place: what is further behind than the ring is long gives way.
    fn make_room(&mut self, seq: i64) -> usize {
        let oldest = seq - RING + 1;
        let mut dropped = 0;
        while self.next().is_some_and(|next| next.seq < oldest) {
            self.drop_next();
            dropped += 1;
        }
        if self.next_seq < oldest {
            self.skip_to(oldest);
        }
        dropped
    }

    /// What is older than may be played gives way.
    fn drop_backlog(&mut self, end: i64) -> usize {
        let most = self.clock * i64::from(MAX_BACKLOG_MS) / 1_000;
        let mut dropped = 0;
        while self.held > 1 && self.next().is_some_and(|next| end - next.timestamp > most) {
            self.drop_next();
            dropped += 1;
        }
        dropped
    }

    fn drop_next(&mut self) {
        if let Some(place) = self.next_place()
            && let Some(entry) = self.ring[place].take()
        {
            self.held -= 1;
            self.skip_to(entry.seq + 1);
            // The head jumps with it: what is dropped is not played as silence.
            if self.head.is_some() {
                self.head = Some(entry.timestamp + i64::from(entry.arrival.ticks));
                self.owed = 0;
            }
        }
    }

    fn take(&mut self, now: Instant) -> Option<Due> {
        let place = self.next_place()?;
        let entry = self.ring[place].take()?;
        self.held -= 1;
        self.skip_to(entry.seq + 1);
        self.taken |= 1;
        let head = self.head.replace(entry.timestamp + i64::from(entry.arrival.ticks));
        self.owed = 0;
        let wait = self.transit(entry.timestamp, now) - self.delay.base();
        self.control.on_taken(wait);
        self.last_wait = Some(now.saturating_duration_since(entry.at));
        Some(Due {
            buf: entry.arrival.buf,
            payload: entry.arrival.payload,
            ticks: entry.arrival.ticks,
            jump: head != Some(entry.timestamp),
        })
    }

    /// The head, set when the first packet's time has come: with the frame nearest to it, if no packet needs the whole wait.
    fn head_at(&mut self, now: Instant) -> Option<i64> {
        let early = self.duration((self.delay.target() - self.delay.needed()).min(self.clock / 100));
        if self.head.is_none() && self.start.is_some_and(|start| now + early >= start) {
            self.head = self.next().map(|next| next.timestamp);
        }
        self.head
    }

    /// Where the packet is that comes next, if there is one.
    fn next_place(&self) -> Option<usize> {
        if self.held == 0 {
            return None;
        }
        (self.next_seq..self.next_seq + RING).map(place).find(|&place| self.ring[place].is_some())
    }

    fn next(&self) -> Option<&Entry> {
        self.next_place().and_then(|place| self.ring[place].as_ref())
    }

    fn skip_to(&mut self, seq: i64) {
        let by = u32::try_from(seq - self.next_seq).unwrap_or(u32::MAX);
        self.taken = self.taken.checked_shl(by).unwrap_or(0);
        self.next_seq = seq;
    }

    fn was_taken(&self, seq: i64) -> bool {
        let back = u32::try_from(self.next_seq - 1 - seq).unwrap_or(u32::MAX);
        self.taken.checked_shr(back).is_some_and(|bits| bits & 1 == 1)
    }

    /// Arrival less timestamp, in ticks.
    fn transit(&self, timestamp: i64, now: Instant) -> i64 {
        let since = self.epoch.map_or(Duration::ZERO, |epoch| now.saturating_duration_since(epoch));
        let ticks = since.as_micros().saturating_mul(u128::from(self.clock.unsigned_abs())) / 1_000_000;
        i64::try_from(ticks).unwrap_or(i64::MAX / 2) - timestamp
    }

    fn duration(&self, ticks: i64) -> Duration {
        let micros = ticks.max(0).saturating_mul(1_000_000) / self.clock;
        Duration::from_micros(micros.unsigned_abs())
    }

    fn second(&self) -> u32 {
        u32::try_from(self.clock).unwrap_or(u32::MAX)
    }
}

impl fmt::Debug for JitterBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JitterBuffer").field("held", &self.held).field("target", &self.target()).finish_non_exhaustive()
    }
}

fn place(seq: i64) -> usize {
    usize::try_from(seq.rem_euclid(RING)).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the lower bits are what is meant")]
const fn seq_of(extended: i64) -> Seq {
    Seq::new(extended as u16)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the lower bits are what is meant")]
const fn timestamp_of(extended: i64) -> RtpTimestamp {
    RtpTimestamp::new(extended as u32)
}

#[expect(clippy::cast_possible_wrap, reason = "a small number")]
const RING: i64 = MAX_JITTER_PACKETS as i64;
/// After so much silence the next packet begins anew: how long it took says nothing of the network.
const RESTART_AFTER: Duration = Duration::from_secs(2);
/// A transit that changes by more than so many seconds is a jump of the sender's timestamps.
const FAR_S: i64 = 2;
