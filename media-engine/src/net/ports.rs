use std::{
    cell::RefCell,
    collections::VecDeque,
    fmt,
    rc::Rc,
    str::FromStr,
    time::{Duration, Instant},
};

use rand::{Rng, seq::SliceRandom};

/// A range of UDP ports for media, such as `20000-29999`. It is used in pairs: an even port for RTP, the odd one after it
/// for RTCP (RFC 3550 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The first even port.
    first: u16,
    pairs: u16,
}

impl PortRange {
    /// Ports below are the system's.
    const LOWEST: u16 = 1_024;

    /// The whole pairs between `first` and `last`, both included.
    pub fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        if first < Self::LOWEST {
            return Err(PortRangeError::Reserved);
        }
        if last < first {
            return Err(PortRangeError::Reversed);
        }
        let first_even = u32::from(first).next_multiple_of(2);
        let pairs = (u32::from(last) + 1).saturating_sub(first_even) / 2;
        match (u16::try_from(first_even), u16::try_from(pairs)) {
            (Ok(first), Ok(pairs)) if pairs > 0 => Ok(Self { first, pairs }),
            _ => Err(PortRangeError::NoPair),
        }
    }

    /// How many pairs there are: so many legs can be open at once.
    pub const fn pairs(self) -> u16 {
        self.pairs
    }

    /// Cuts the range into `parts` of about the same size, one for each worker, so that workers share nothing. There are
    /// fewer parts when there are fewer pairs.
    pub fn split(self, parts: u16) -> impl Iterator<Item = Self> {
        let parts = parts.clamp(1, self.pairs);
        let (share, rest) = (self.pairs / parts, self.pairs % parts);
        let mut first = self.first;
        (0..parts).map(move |part| {
            let range = Self { first, pairs: share + u16::from(part < rest) };
            // At the top of the port space the last step wraps and is not used.
            first = first.wrapping_add(range.pairs.wrapping_mul(2));
            range
        })
    }

    fn ports(self) -> impl Iterator<Item = u16> {
        (0..self.pairs).map(move |pair| self.first + pair * 2)
    }
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, PortRangeError> {
        let (first, last) = text.split_once('-').ok_or(PortRangeError::Syntax)?;
        let port = |text: &str| {
            let digits = text.bytes().all(|octet| octet.is_ascii_digit());
            if digits { text.parse().ok() } else { None }
        };
        match (port(first), port(last)) {
            (Some(first), Some(last)) => Self::new(first, last),
            _ => Err(PortRangeError::Syntax),
        }
    }
}

/// Why a text or two numbers are not a range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PortRangeError {
    /// Not two ports with a hyphen between.
    #[error("a port range is two ports with a hyphen between, such as 20000-29999")]
    Syntax,
    /// Begins below 1024.
    #[error("media ports begin at 1024")]
    Reserved,
    /// Ends before it begins.
    #[error("the range ends before it begins")]
    Reversed,
    /// Has no even port with its odd neighbour.
    #[error("the range holds no pair of an even port and the odd one after it")]
    NoPair,
}

/// Hands out the port pairs of one worker.
///
/// Pairs are given in random order, so that nobody can tell the port of the next call and wait there (RTP Bleed), and one that
/// comes back rests: what the last call's peer still sends should not reach the next call. A handle: clones share the
/// same pairs.
#[derive(Clone)]
pub struct RtpPorts {
    state: Rc<RefCell<State>>,
}

struct State {
    free: VecDeque<u16>,
    /// Given back since we were last told the time.
    returned: Vec<u16>,
    resting: VecDeque<(Instant, u16)>,
    rest: Duration,
    pairs: usize,
    refused: u64,
}

impl RtpPorts {
    /// How long a pair rests by default: some seconds more than a peer takes to notice a BYE.
    pub const REST: Duration = Duration::from_secs(10);

    /// All pairs of `range`, each to rest for `rest` when it comes back.
    pub fn new(range: PortRange, rest: Duration, rng: &mut impl Rng) -> Self {
        let mut free: Vec<u16> = range.ports().collect();
        free.shuffle(rng);
        let pairs = free.len();
        let state = State {
            free: free.into(),
            returned: Vec::with_capacity(pairs),
            resting: VecDeque::with_capacity(pairs),
            rest,
            pairs,
            refused: 0,
        };
        Self { state: Rc::new(RefCell::new(state)) }
    }

    /// A pair, or `None` when all are in use or at rest.
    pub fn take(&self, now: Instant) -> Option<PortLease> {
        let mut state = self.state.borrow_mut();
        state.settle(now);
        if let Some(port) = state.free.pop_front() {
            return Some(PortLease { port, home: Rc::clone(&self.state) });
        }
        state.refused = state.refused.saturating_add(1);
        None
    }

    /// How many pairs are where.
    pub fn gauge(&self) -> PortGauge {
        let state = self.state.borrow();
        let resting = state.resting.len() + state.returned.len();
        PortGauge {
            pairs: state.pairs,
            in_use: state.pairs.saturating_sub(state.free.len() + resting),
            resting,
            refused: state.refused,
        }
    }
}

impl fmt::Debug for RtpPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RtpPorts").field(&self.gauge()).finish()
    }
}

impl State {
    /// Puts to rest what came back, and frees what has rested.
    fn settle(&mut self, now: Instant) {
        let until = now + self.rest;
        self.resting.extend(self.returned.drain(..).map(|port| (until, port)));
        while let Some(&(until, port)) = self.resting.front()
            && until <= now
        {
            self.resting.pop_front();
            self.free.push_back(port);
        }
    }
}

/// How many pairs of an [`RtpPorts`] are where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortGauge {
    /// All of them.
    pub pairs: usize,
    /// Held by a leg.
    pub in_use: usize,
    /// Came back a short time ago.
    pub resting: usize,
    /// How often [`RtpPorts::take`] had none to give.
    pub refused: u64,
}

/// A pair of ports, ours until this is dropped.
pub struct PortLease {
    port: u16,
    home: Rc<RefCell<State>>,
}

impl PortLease {
    /// The even port, for RTP; with rtcp-mux for RTCP too.
    pub const fn rtp(&self) -> u16 {
        self.port
    }

    /// The odd port, for RTCP.
    pub const fn rtcp(&self) -> u16 {
        self.port | 1
    }
}

impl fmt::Debug for PortLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PortLease").field(&self.port).finish()
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        self.home.borrow_mut().returned.push(self.port);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the clock is asked for an origin")]

    use std::collections::BTreeSet;

    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    const REST: Duration = Duration::from_secs(10);

    fn ports(range: &str, seed: u64) -> RtpPorts {
        RtpPorts::new(range.parse().unwrap(), REST, &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn ranges_are_read() {
        let pairs = |text: &str| text.parse::<PortRange>().map(PortRange::pairs);
        assert_eq!(pairs("20000-29999"), Ok(5_000));
        assert_eq!(pairs("20001-20004"), Ok(1), "20002 and 20003");
        assert_eq!(pairs("65534-65535"), Ok(1));
        assert_eq!(pairs("1024-65535"), Ok(32_256));
        assert_eq!(pairs("20000-20000"), Err(PortRangeError::NoPair));
        assert_eq!(pairs("20001-20002"), Err(PortRangeError::NoPair));
        assert_eq!(pairs("65535-65535"), Err(PortRangeError::NoPair));
        assert_eq!(pairs("20002-20001"), Err(PortRangeError::Reversed));
        assert_eq!(pairs("1000-2000"), Err(PortRangeError::Reserved));
        for text in ["", "-", "20000", "20000-", "a-b", "+20000-20010", "20000-70000", "1-2-3", "20000 - 20010"] {
            assert_eq!(pairs(text), Err(PortRangeError::Syntax), "{text:?}");
        }
    }

    #[test]
    fn workers_share_nothing() {
        for (range, parts) in [("20000-29999", 3), ("65500-65535", 7), ("20000-20003", 9), ("20000-20001", 0)] {
            let range: PortRange = range.parse().unwrap();
            let split: Vec<u16> = range.split(parts).flat_map(PortRange::ports).collect();
            assert!(split.into_iter().eq(range.ports()), "{range:?} in {parts}");
            let sizes: BTreeSet<u16> = range.split(parts).map(PortRange::pairs).collect();
            assert!(sizes.last().unwrap() - sizes.first().unwrap() <= 1);
        }
    }

    #[test]
    fn pairs_are_even_distinct_and_bounded() {
        let ports = ports("20000-20199", 1);
        let now = Instant::now();
        let leases: Vec<_> = std::iter::from_fn(|| ports.take(now)).collect();
        let distinct: BTreeSet<u16> = leases.iter().map(PortLease::rtp).collect();
        assert_eq!(distinct.len(), 100);
        assert!(distinct.iter().all(|port| (20_000..20_200).contains(port) && port % 2 == 0));
        assert!(leases.iter().all(|lease| lease.rtcp() == lease.rtp() + 1));
        assert_eq!(ports.gauge(), PortGauge { pairs: 100, in_use: 100, resting: 0, refused: 1 });
    }

    #[test]
    fn the_order_is_random() {
        let now = Instant::now();
        let order = |seed| {
            let ports = ports("20000-20199", seed);
            std::iter::from_fn(|| ports.take(now).map(|lease| lease.rtp())).take(20).collect::<Vec<_>>()
        };
        assert_ne!(order(1), order(2));
        assert!(!order(1).is_sorted());
    }

    #[test]
    fn what_comes_back_rests() {
        let ports = ports("20000-20001", 1);
        let start = Instant::now();
        let lease = ports.take(start).unwrap();
        drop(lease);
        assert_eq!(ports.gauge().resting, 1);
        assert!(ports.take(start + Duration::from_mins(1)).is_none(), "the rest begins when we are told the time");
        assert!(ports.take(start + Duration::from_secs(69)).is_none());
        let lease = ports.take(start + Duration::from_secs(70)).unwrap();
        assert_eq!(lease.rtp(), 20_000);
        assert_eq!(ports.gauge(), PortGauge { pairs: 1, in_use: 1, resting: 0, refused: 2 });
    }

    #[test]
    fn a_lease_may_outlive_its_ports() {
        let ports = ports("20000-20001", 1);
        let lease = ports.take(Instant::now());
        drop(ports);
        drop(lease);
    }
}
