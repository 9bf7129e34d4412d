use std::time::Duration;

use crate::srtp;

/// Why a packet was refused. It was dropped; the call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Longer than [`MAX_PACKET`](crate::limits::MAX_PACKET).
    Oversize,
    /// Neither RTP nor RTCP, or RTCP where it was not agreed on.
    Protocol,
    /// From an address that the source rule does not allow.
    Source,
    /// Not RTP of version 2, or one that lies about its lengths.
    Malformed,
    /// The SRTP context refused it.
    Srtp(srtp::Refusal),
    /// More packets than a stream may bring.
    Rate,
    /// From a new SSRC that has still to prove itself, on a plain leg.
    Probation,
    /// From an SSRC that is not the one we listen to.
    Ssrc,
    /// A payload type that was not agreed on.
    PayloadType,
    /// A payload that the codec, or RFC 4733, does not allow.
    Payload,
    /// We are not listening: hold, or send-only.
    Direction,
    /// Too late to be played.
    Late,
    /// Already here.
    Duplicate,
    /// More than the jitter buffer holds, or may bring after a stall.
    Overflow,
    /// A jump in sequence or time that nothing has confirmed yet.
    Jump,
    /// RTCP that cannot be read.
    Rtcp,
}

impl Refusal {
    const PLAIN: [Self; 15] = [
        Self::Oversize,
        Self::Protocol,
        Self::Source,
        Self::Malformed,
        Self::Rate,
        Self::Probation,
        Self::Ssrc,
        Self::PayloadType,
        Self::Payload,
        Self::Direction,
        Self::Late,
        Self::Duplicate,
        Self::Overflow,
        Self::Jump,
        Self::Rtcp,
    ];

    const COUNT: usize = Self::PLAIN.len() + srtp::Refusal::ALL.len();

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::PLAIN.into_iter().chain(srtp::Refusal::ALL.into_iter().map(Self::Srtp))
    }

    /// A name for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oversize => "oversize",
            Self::Protocol => "protocol",
            Self::Source => "source",
            Self::Malformed => "malformed",
            Self::Srtp(refusal) => refusal.name(),
            Self::Rate => "rate",
            Self::Probation => "probation",
            Self::Ssrc => "ssrc",
            Self::PayloadType => "payload_type",
            Self::Payload => "payload",
            Self::Direction => "direction",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Overflow => "overflow",
            Self::Jump => "jump",
            Self::Rtcp => "rtcp",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Oversize => 0,
            Self::Protocol => 1,
            Self::Source => 2,
            Self::Malformed => 3,
            Self::Rate => 4,
            Self::Probation => 5,
            Self::Ssrc => 6,
            Self::PayloadType => 7,
            Self::Payload => 8,
            Self::Direction => 9,
            Self::Late => 10,
            Self::Duplicate => 11,
            Self::Overflow => 12,
            Self::Jump => 13,
            Self::Rtcp => 14,
            Self::Srtp(refusal) => Self::PLAIN.len() + refusal.index(),
        }
    }
}

/// Figures of one leg, from its start.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// RTP packets accepted.
    pub received: u64,
    /// Octets of their payload.
    pub received_octets: u64,
    /// RTP packets sent.
    pub sent: u64,
    /// Octets of their payload.
    pub sent_octets: u64,
    /// Packets that never came, of the SSRC we listen to; negative when duplicates outnumber them (RFC 3550 6.4.1).
    pub lost: i32,
    /// Interarrival jitter (RFC 3550 6.4.1).
    pub jitter: Duration,
    /// How long the audio played last had waited, from arrival to uplink.
    pub delay: Duration,
    /// How long the jitter buffer wants it to wait.
    pub target_delay: Duration,
    /// Uplink frames given.
    pub frames: u64,
    /// Of these, how many hold audio that was made up for lost packets.
    pub plc_frames: u64,
    /// Of these, how many hold no caller audio at all.
    pub silent_frames: u64,
    /// Audio left out to catch up.
    pub accelerated: Duration,
    /// Audio repeated to gain time.
    pub expanded: Duration,
    /// Uplink time that was skipped because nobody asked in time.
    pub skipped: Duration,
    /// Changes of the peer's SSRC.
    pub ssrc_changes: u32,
    /// RTCP packets accepted.
    pub rtcp_received: u64,
    /// RTCP packets sent.
    pub rtcp_sent: u64,
    /// To the peer and back, by its last report.
    pub round_trip: Option<Duration>,
    /// Packets of ours that never reached the peer, by its last report.
    pub remote_lost: i32,
    /// The jitter of what it receives from us, by its last report.
    pub remote_jitter: Duration,
    /// Events that nobody fetched in time.
    pub events_lost: u64,
    refused: Counters,
}

impl Stats {
    /// How many packets were refused for this reason.
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused.0.get(reason.index()).copied().unwrap_or(0)
    }

    /// Each reason with its count.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::all().map(|reason| (reason, self.refused(reason)))
    }

    /// All refusals together.
    pub fn refused_total(&self) -> u64 {
        self.refused.0.iter().sum()
    }

    /// Packets that came too late to be played.
    pub fn late(&self) -> u64 {
        self.refused(Refusal::Late)
    }

    /// Packets that had already come.
    pub fn duplicates(&self) -> u64 {
        self.refused(Refusal::Duplicate) + self.refused(Refusal::Srtp(srtp::Refusal::Replayed))
    }

    pub(super) fn refuse(&mut self, reason: Refusal) {
        if let Some(count) = self.refused.0.get_mut(reason.index()) {
            *count = count.saturating_add(1);
        }
    }
}

#[derive(Clone, Debug)]
struct Counters([u64; Refusal::COUNT]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; Refusal::COUNT])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_reason_has_a_place_and_a_name() {
        let mut names = HashSet::new();
        let mut stats = Stats::default();
        for (place, reason) in Refusal::all().enumerate() {
            assert_eq!(reason.index(), place);
            names.insert(reason.name());
            stats.refuse(reason);
        }
        assert_eq!(Refusal::all().count(), Refusal::COUNT);
        assert!(stats.refusals().all(|(_, count)| count == 1));
        assert_eq!(stats.refused_total(), Refusal::COUNT as u64);
        // "malformed" is said by RTP and by SRTP.
        assert_eq!(names.len(), Refusal::COUNT - 1);
    }
}
