//! `[[trunk]]`

use std::net::IpAddr;

use crate::check;
use crate::limits::{MAX_MEDIA_PREFIXES, MAX_PEERS, MAX_PREFERENCES};
use crate::rule::{Kind, consent, defined, int, list, or_default, or_nothing, required, table, text, word};
use crate::value::{Codec, MediaSource, Name, Peer, Prefix, SrtpPolicy, Suite, unmap};

table! {
    /// A carrier, or a PBX: who may call us, and how its media is protected.
    pub struct Trunk in "`[[trunk]]`" {
        /// Its name in routes, logs and metrics.
        name: Name = required(defined(Kind::Trunk), "name = \"carrier-a\""),
        /// How its calls are recognised: `tls:name` (client certificate), `sips:host` (TLS from that host), an address or a prefix.
        peers: Vec<Peer> = required(list(text::<Peer>(), 1..=MAX_PEERS), "peers = [\"tls:sbc.carrier.example\"]"),
        /// Whether media must be SRTP.
        srtp: SrtpPolicy = or_default("\"required\"", word::<SrtpPolicy>()),
        /// The crypto suites accepted, best first.
        suites: Vec<Suite> = or_default(
            "[\"AEAD_AES_256_GCM\", \"AEAD_AES_128_GCM\", \"AES_256_CM_HMAC_SHA1_80\", \"AES_CM_128_HMAC_SHA1_80\"]",
            list(word::<Suite>(), 1..=MAX_PREFERENCES),
        ),
        /// The codecs accepted, best first.
        codecs: Vec<Codec> = or_default("[\"pcmu\", \"pcma\"]", list(word::<Codec>(), 1..=MAX_PREFERENCES)),
        /// Most new calls a second; more are refused with 503.
        calls_per_second: u32 = or_default("10", int(1..=10_000)),
        /// Most calls at the same time; more are refused with 503.
        max_calls: u32 = or_default("100", int(1..=100_000)),
        /// Where its RTP may come from and go to.
        media: TrunkMedia = or_default("{}", table::<TrunkMedia>()),
        /// What lowers the security of this trunk.
        danger: TrunkDanger = or_default("{}", table::<TrunkDanger>()),
    }
    later { "register", "auth", "keying", "outbound", "destinations", "identity", "transports" }
    check(cx) {
        if let Some(suites) = &suites {
            check::listed_twice(cx, "suites", suites);
        }
        if let Some(codecs) = &codecs {
            check::listed_twice(cx, "codecs", codecs);
        }
        if let (Some(srtp), Some(danger)) = (srtp, &danger) {
            check::plaintext_needs_danger(cx, srtp, danger);
        }
        if let Some(peers) = &peers {
            check::wide_peers(cx, peers);
            let plain_sdes = danger.as_ref().map(|danger| danger.sdes_over_plain_signalling);
            check::needs_of_sip(cx, peers, srtp, plain_sdes);
        }
    }
}

table! {
    /// Where a trunk's RTP may come from and go to.
    pub struct TrunkMedia in "`trunk.media`" {
        /// The addresses that may stand in the peer's SDP. Default: only the address its signalling comes from.
        /// Loopback, private and shared addresses are allowed only if they are listed here.
        prefixes: Vec<Prefix> = or_nothing(list(text::<Prefix>(), 0..=MAX_MEDIA_PREFIXES)),
        /// Whether RTP may come from elsewhere than the SDP says.
        source: MediaSource = or_default("\"signalled\"", word::<MediaSource>()),
    }
}

table! {
    /// What lowers the security of this trunk. Leave it out.
    pub struct TrunkDanger in "`trunk.danger`" {
        /// Lets calls without SRTP through; goes with `srtp = "preferred"` or `"off"`.
        plaintext_media: bool = or_nothing(consent("anyone on the path can listen")),
        /// Accepts SRTP keys (SDES) over UDP or TCP, where they travel in the clear (RFC 4568 demands TLS).
        sdes_over_plain_signalling: bool = or_nothing(consent("anyone on the path can read the keys")),
    }
}

/// Why the address in a peer's SDP is no place to send media to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaRefusal {
    /// Unspecified, multicast or broadcast, or an address inside another one (6to4, NAT64, Teredo).
    NeverMedia,
    /// Loopback, link-local, private or shared, and no prefix of the trunk lists it.
    Local,
    /// Neither in a prefix of the trunk nor the address the signalling comes from.
    NotListed,
}

impl TrunkMedia {
    /// Whether media may go to `target`, for a call whose signalling comes from `signalling`.
    pub fn admits(&self, target: IpAddr, signalling: IpAddr) -> Result<(), MediaRefusal> {
        let (target, signalling) = (unmap(target), unmap(signalling));
        if never_media(target) {
            return Err(MediaRefusal::NeverMedia);
        }
        if self.prefixes.iter().any(|prefix| prefix.contains(target)) {
            return Ok(());
        }
        if crate::value::is_local(target) {
            return Err(MediaRefusal::Local);
        }
        if self.prefixes.is_empty() && target == signalling { Ok(()) } else { Err(MediaRefusal::NotListed) }
    }
}

/// Places that no trunk's media has, whatever its prefixes say.
fn never_media(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0
                || v4.octets()[0] >= 240
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            let compatible = v6.to_bits() >> 32 == 0 && v6.to_bits() > 1;
            let six_to_four = first == 0x2002;
            let teredo = first == 0x2001 && second == 0;
            let nat64 = first == 0x64 && second == 0xff9b;
            v6.is_unspecified() || v6.is_multicast() || compatible || six_to_four || teredo || nat64
        }
    }
}
