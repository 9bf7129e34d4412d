//! Closed lists of words.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use toml::de::DeValue;

use crate::report::Code;
use crate::rule::{Defs, Node, Reader, Rule, ValueError, words, wrong_type};

words! {
    /// What a trunk's media must be.
    pub enum SrtpPolicy {
        /// A call without SRTP is refused (488).
        Required = "required",
        /// SRTP if the peer offers it, else plain RTP; needs `danger.plaintext_media`.
        Preferred = "preferred",
        /// Plain RTP only; needs `danger.plaintext_media`.
        Off = "off",
    }
}

words! {
    /// A codec towards the trunk.
    pub enum Codec {
        /// G.711 mu-law, 8 kHz.
        Pcmu = "pcmu",
        /// G.711 A-law, 8 kHz.
        Pcma = "pcma",
    }
    later { "opus", "g722", "l16", "g729", "amr", "amr-wb" }
}

words! {
    /// An SRTP crypto suite, by its name in SDP (RFC 4568, RFC 6188, RFC 7714).
    pub enum Suite {
        /// AES-256 in Galois/counter mode.
        AeadAes256Gcm = "AEAD_AES_256_GCM",
        /// AES-128 in Galois/counter mode.
        AeadAes128Gcm = "AEAD_AES_128_GCM",
        /// AES-256 in counter mode, HMAC-SHA1 with 80 bits.
        Aes256CmHmacSha1_80 = "AES_256_CM_HMAC_SHA1_80",
        /// AES-128 in counter mode, HMAC-SHA1 with 80 bits: what nearly every peer speaks.
        AesCm128HmacSha1_80 = "AES_CM_128_HMAC_SHA1_80",
        /// AES-128 in counter mode, HMAC-SHA1 with 32 bits: a weak tag, only used if listed.
        AesCm128HmacSha1_32 = "AES_CM_128_HMAC_SHA1_32",
    }
    later { "AES_256_CM_HMAC_SHA1_32", "AES_192_CM_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80" }
}

words! {
    /// Where a trunk's RTP comes from.
    pub enum MediaSource {
        /// Only from the address in the peer's SDP.
        Signalled = "signalled",
        /// From another port or address inside `prefixes` too, once per offer; with SRTP only after a packet passed its tag.
        Latch = "latch",
    }
}

words! {
    /// The protocol of a stream.
    pub enum Dialect {
        /// Strongline's own: PCM in binary frames, JSON for control.
        Native = "native",
        /// The media stream of Teler.
        Teler = "teler",
    }
    later { "twilio", "vonage", "jambonz", "telnyx", "plivo", "exotel" }
}

words! {
    /// Who started a call.
    pub enum Direction {
        /// The call came in over a trunk.
        Inbound = "inbound",
        /// We placed the call, because the API was asked to.
        Outbound = "outbound",
    }
}

words! {
    /// What happens when the application closes its stream in good order.
    pub enum OnStreamEnd {
        /// The next step of the route is taken.
        Continue = "continue",
        /// The call ends.
        Hangup = "hangup",
    }
}

words! {
    /// What happens when the application cannot be reached, answers nonsense, or its stream breaks.
    pub enum OnFailure {
        /// The call ends: with 503 if it was not answered yet.
        Hangup = "hangup",
        /// The next step of the route is taken.
        Continue = "continue",
    }
}

/// The sample rate of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "u32")]
pub enum Rate {
    /// 8,000 samples a second.
    Hz8000,
    /// 16,000 samples a second.
    Hz16000,
    /// 24,000 samples a second.
    Hz24000,
}

impl Rate {
    /// Every rate.
    pub const ALL: [Self; 3] = [Self::Hz8000, Self::Hz16000, Self::Hz24000];

    /// Samples a second.
    pub fn hz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz16000 => 16_000,
            Self::Hz24000 => 24_000,
        }
    }

    /// The rate with this many samples a second.
    pub fn from_hz(hz: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.hz() == hz)
    }
}

impl From<Rate> for u32 {
    fn from(rate: Rate) -> Self {
        rate.hz()
    }
}

impl Dialect {
    /// The rate used when none is given.
    pub fn default_rate(self) -> Rate {
        match self {
            Self::Native => Rate::Hz16000,
            Self::Teler => Rate::Hz8000,
        }
    }

    /// How much audio goes into one message when nothing is said.
    pub fn default_chunk(self) -> Duration {
        match self {
            Self::Native => Duration::from_millis(20),
            Self::Teler => Duration::from_millis(400),
        }
    }

    /// Whether the dialect knows this rate.
    pub fn has_rate(self, rate: Rate) -> bool {
        match self {
            Self::Native => true,
            Self::Teler => rate != Rate::Hz24000,
        }
    }
}

/// A sample rate, written as a number.
pub(crate) fn rate() -> impl Rule<Out = Rate> {
    RateRule
}

struct RateRule;

impl Rule for RateRule {
    type Out = Rate;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<Rate> {
        let DeValue::Integer(value) = node.get_ref() else {
            wrong_type(cx, self, node);
            return None;
        };
        let rate = u32::from_str_radix(value.as_str(), value.radix()).ok().and_then(Rate::from_hz);
        if rate.is_none() {
            let wrong = ValueError::new("is no sample rate of a stream", "write 8000, 16000 or 24000");
            cx.bad_value(node.span(), &wrong.with(Code::OutOfRange));
        }
        rate
    }

    fn schema(&self, _: &mut Defs) -> Value {
        json!({ "enum": Rate::ALL.map(Rate::hz) })
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_integer()
    }

    fn wants(&self) -> String {
        "8000, 16000 or 24000".to_owned()
    }
}
