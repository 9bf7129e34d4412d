//! What a stream has seen, and what it has refused.

/// Why a message, or a part of it, was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Refusal {
    /// Not JSON, not UTF-8, or nested too deeply.
    NotJson,
    /// JSON without a `type` that is a string.
    NoType,
    /// A `type` this dialect does not know. Not an error: newer applications may say more.
    UnknownType,
    /// A field that is missing or holds something else.
    BadField,
    /// Another stream's id.
    WrongStream,
    /// Audio that is not base64.
    BadAudio,
    /// A binary message in a dialect that has none.
    Binary,
    /// A message that is too long.
    TooLong,
    /// More messages than may come in that time.
    Flood,
    /// Audio for which the play queue had no room.
    QueueFull,
    /// A mark too many.
    TooManyMarks,
    /// Something that came after the end.
    AfterEnd,
    /// An uplink frame of another rate than the stream's: a mistake on the server's own side.
    FrameRate,
    /// An event that nobody fetched.
    EventLost,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NotJson,
        Self::NoType,
        Self::UnknownType,
        Self::BadField,
        Self::WrongStream,
        Self::BadAudio,
        Self::Binary,
        Self::TooLong,
        Self::Flood,
        Self::QueueFull,
        Self::TooManyMarks,
        Self::AfterEnd,
        Self::FrameRate,
        Self::EventLost,
    ];

    /// Its name in metrics and in `error` messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NoType => "no_type",
            Self::UnknownType => "unknown_type",
            Self::BadField => "bad_field",
            Self::WrongStream => "wrong_stream",
            Self::BadAudio => "bad_audio",
            Self::Binary => "binary",
            Self::TooLong => "too_long",
            Self::Flood => "flood",
            Self::QueueFull => "queue_full",
            Self::TooManyMarks => "too_many_marks",
            Self::AfterEnd => "after_end",
            Self::FrameRate => "frame_rate",
            Self::EventLost => "event_lost",
        }
    }
}

/// Counters of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Uplink audio messages handed to the socket.
    pub uplink_messages: u64,
    /// Uplink audio that was dropped because the application did not read, in milliseconds.
    pub uplink_dropped_ms: u64,
    /// Downlink audio messages taken.
    pub downlink_messages: u64,
    /// Times the play queue was cleared.
    pub clears: u64,
    /// Times the play queue ran dry, at the end of an utterance or within one.
    pub ran_dry: u64,
    refusals: [u64; Refusal::ALL.len()],
}

impl StreamStats {
    /// How often something was refused for this reason.
    pub const fn refused(&self, reason: Refusal) -> u64 {
        self.refusals[reason as usize]
    }

    /// All refusals that happened, by reason.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        Refusal::ALL.into_iter().map(|reason| (reason, self.refused(reason))).filter(|(_, count)| *count > 0)
    }

    pub(super) const fn refuse(&mut self, reason: Refusal) {
        let count = &mut self.refusals[reason as usize];
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        let mut stats = StreamStats::default();
        for (index, reason) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            stats.refuse(reason);
            assert_eq!(stats.refused(reason), 1);
        }
        assert_eq!(stats.refusals().count(), Refusal::ALL.len());
    }
}
