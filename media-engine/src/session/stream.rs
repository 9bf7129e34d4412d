use std::time::{Duration, Instant};

use crate::{
    limits::{MAX_PACKETS_PER_SECOND, SSRC_PROBATION},
    rtp::{Seq, Ssrc},
};

/// Which SSRC we listen to. Two are never mixed.
#[derive(Debug, Default)]
pub(super) struct SsrcRule {
    current: Option<Heard>,
    /// The one before.
    previous: Option<Ssrc>,
    probation: Option<Probation>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    ssrc: Ssrc,
    last: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Probation {
    ssrc: Ssrc,
    next: Seq,
    packets: u8,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to the stream.
    Current,
    /// It begins the first stream, or a new one.
    Switch,
    /// It is from another stream, which may become ours.
    Probation,
    /// It is from another stream while ours goes on.
    Conflict,
    /// It is a straggler of the stream before.
    Old,
}

impl SsrcRule {
    /// Judges a packet from the right source, on a secure leg an authentic one.
    ///
    /// A secure stream may change its SSRC at once: nobody else can. A plain one has to send a few packets in order with none
    /// of the old stream between them (RFC 3550 A.1).
    pub(super) fn judge(&mut self, ssrc: Ssrc, seq: Seq, secure: bool, now: Instant) -> Verdict {
        let Some(current) = &mut self.current else {
            self.current = Some(Heard { ssrc, last: now });
            return Verdict::Switch;
        };
        if current.ssrc == ssrc {
            current.last = now;
            let conflict = self.probation.take().is_some();
            return if conflict { Verdict::Conflict } else { Verdict::Current };
        }
        let alive = now.saturating_duration_since(current.last) < ALIVE;
        if alive && self.previous == Some(ssrc) {
            return Verdict::Old;
        }
        if !secure && !self.proven(ssrc, seq) {
            return Verdict::Probation;
        }
        self.probation = None;
        self.previous = self.current.replace(Heard { ssrc, last: now }).map(|heard| heard.ssrc);
        Verdict::Switch
    }

    /// The SSRC on probation, if there is one.
    pub(super) fn candidate(&self) -> Option<Ssrc> {
        self.probation.map(|probation| probation.ssrc)
    }

    fn proven(&mut self, ssrc: Ssrc, seq: Seq) -> bool {
        let packets = match self.probation {
            Some(probation) if probation.ssrc == ssrc && probation.next == seq => probation.packets + 1,
            _ => 1,
        };
        self.probation = Some(Probation { ssrc, next: seq.next(), packets });
        packets >= SSRC_PROBATION
    }
}

/// How many packets a stream may bring: [`MAX_PACKETS_PER_SECOND`], a second's worth at once.
#[derive(Debug)]
pub(super) struct PacketRate {
    /// In thousandths of a packet.
    credit: u64,
    last: Instant,
}

impl PacketRate {
    pub(super) const fn new(now: Instant) -> Self {
        Self { credit: Self::MOST, last: now }
    }

    const MOST: u64 = MAX_PACKETS_PER_SECOND as u64 * 1_000;

    /// One more has come: whether it is within the rate.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.last).as_micros();
        let earned =
            u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_mul(u64::from(MAX_PACKETS_PER_SECOND)) / 1_000;
        if earned > 0 {
            self.credit = self.credit.saturating_add(earned).min(Self::MOST);
            self.last = now;
        }
        match self.credit.checked_sub(1_000) {
            Some(left) => {
                self.credit = left;
                true
            }
            None => false,
        }
    }
}

/// A stream of which nothing has been heard for so long may be replaced by the one before it.
const ALIVE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test's origin of time")]

    use super::*;

    const A: Ssrc = Ssrc::new(1);
    const B: Ssrc = Ssrc::new(2);

    #[test]
    fn a_secure_stream_changes_at_once_and_not_back() {
        let mut rule = SsrcRule::default();
        let start = Instant::now();
        let later = |ms| start + Duration::from_millis(ms);
        assert_eq!(rule.judge(A, Seq::new(1), true, later(0)), Verdict::Switch);
        assert_eq!(rule.judge(A, Seq::new(2), true, later(20)), Verdict::Current);
        assert_eq!(rule.judge(B, Seq::new(7), true, later(40)), Verdict::Switch);
        assert_eq!(rule.judge(A, Seq::new(3), true, later(41)), Verdict::Old);
        assert_eq!(rule.judge(B, Seq::new(8), true, later(60)), Verdict::Current);
        assert_eq!(rule.judge(A, Seq::new(4), true, later(600)), Verdict::Switch);
    }

    #[test]
    fn a_plain_stream_has_to_prove_itself() {
        let mut rule = SsrcRule::default();
        let now = Instant::now();
        assert_eq!(rule.judge(A, Seq::new(1), false, now), Verdict::Switch);
        assert_eq!(rule.judge(B, Seq::new(65_535), false, now), Verdict::Probation);
        assert_eq!(rule.judge(B, Seq::new(0), false, now), Verdict::Probation);
        assert_eq!(rule.judge(B, Seq::new(1), false, now), Verdict::Switch);
    }

    #[test]
    fn an_injected_stream_does_not_get_between() {
        let mut rule = SsrcRule::default();
        let now = Instant::now();
        rule.judge(A, Seq::new(0), false, now);
        for seq in 1..1_000 {
            assert_eq!(rule.judge(B, Seq::new(seq * 2), false, now), Verdict::Probation);
            assert_eq!(rule.judge(B, Seq::new(seq * 2 + 1), false, now), Verdict::Probation);
            assert_eq!(rule.judge(A, Seq::new(seq), false, now), Verdict::Conflict);
        }
        // Out of order it never proves itself.
        for seq in 0..1_000 {
            assert_eq!(rule.judge(B, Seq::new(seq * 3), false, now), Verdict::Probation);
        }
    }

    #[test]
    fn the_rate_is_capped_and_a_burst_is_not() {
        let start = Instant::now();
        let mut rate = PacketRate::new(start);
        let admitted = (0..1_000).filter(|_| rate.admits(start)).count();
        assert_eq!(admitted, 250);
        // 10 s of ten times the usual 50 packets a second.
        let admitted = (1..=5_000).filter(|at| rate.admits(start + Duration::from_millis(at * 2))).count();
        assert!((2_495..=2_505).contains(&admitted), "{admitted}");
    }

    #[test]
    fn the_rate_counts_what_is_closer_than_its_step() {
        let start = Instant::now();
        let mut rate = PacketRate::new(start);
        let admitted = (1..=1_000_000).filter(|at| rate.admits(start + Duration::from_micros(*at))).count();
        assert!((495..=505).contains(&admitted), "{admitted}");
    }
}
