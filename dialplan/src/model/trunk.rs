//! `[[trunk]]`

use std::net::IpAddr;

use crate::check;
use crate::limits::{MAX_MEDIA_PREFIXES, MAX_PEERS, MAX_PREFERENCES};
use crate::rule::{
    Kind, consent, defined, flag, int, list, optional, or_default, or_nothing, required, table, text, word,
};
use crate::value::{
    Codec, DialTarget, Digits, IdentityPolicy, InDialog, MediaSource, Name, Number, Numbering, Peer, Prefix, Reliable,
    SrtpPolicy, Suite, Transport, unmap,
};

use super::{Challenge, Credentials, Keepalive, Outbound, OutboundRefusal, Register, TrunkTls};

table! {
    /// A carrier, or a PBX: who may call us, and how its media is protected.
    pub struct Trunk in "`[[trunk]]`" {
        /// Its name in routes, logs and metrics.
        name: Name = required(defined(Kind::Trunk), "name = \"carrier-a\""),
        /// How its calls are recognised: `tls:name` (client certificate), `sips:host` (TLS from that host), an address or a prefix.
        /// A trunk with `outbound` may leave it out: then the hosts that its calls go to may call us.
        peers: Vec<Peer> = or_nothing(list(text::<Peer>(), 1..=MAX_PEERS)),
        /// The transports its signalling may use. Default: TLS alone, unless an address or a plain hop is listed.
        transports: Vec<Transport> = or_nothing(list(word::<Transport>(), 1..=3)),
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
        /// Whether provisional responses are acknowledged (100rel).
        reliable: Reliable = or_default("\"supported\"", word::<Reliable>()),
        /// What is done when the peer asks us to call somebody else (REFER).
        refer: InDialog = or_default("\"refuse\"", word::<InDialog>()),
        /// What is done when a call of the peer would take the place of another one (Replaces).
        replaces: InDialog = or_default("\"refuse\"", word::<InDialog>()),
        /// Whether its P-Asserted-Identity is believed (RFC 3325): only where a contract says so.
        trusted_identity: bool = or_default("false", flag()),
        /// What is done with the identity of its calls. Default: `mark` if there is `[identity]`, else `ignore`.
        identity: Option<IdentityPolicy> = optional(word::<IdentityPolicy>()),
        /// How its numbers without `+` are read when an identity is held against them.
        numbering: Numbering = or_default("\"international\"", word::<Numbering>()),
        /// How digits are sent to the far end.
        digits: Digits = or_default("\"rfc4733\"", word::<Digits>()),
        /// Where the calls go that we place. Without it no call leaves by this trunk.
        outbound: Option<Outbound> = optional(table::<Outbound>()),
        /// How we prove ourselves when the trunk asks for a password.
        credentials: Option<Credentials> = optional(table::<Credentials>()),
        /// Asks whoever calls on this trunk for a password.
        challenge: Option<Challenge> = optional(table::<Challenge>()),
        /// Registers us with the carrier.
        register: Option<Register> = optional(table::<Register>()),
        /// How the trunk is kept open and watched.
        keepalive: Keepalive = or_default("{}", table::<Keepalive>()),
        /// Who we are on the TLS connections that we open.
        tls: Option<TrunkTls> = optional(table::<TrunkTls>()),
        /// Where its RTP may come from and go to.
        media: TrunkMedia = or_default("{}", table::<TrunkMedia>()),
        /// What lowers the security of this trunk.
        danger: TrunkDanger = or_default("{}", table::<TrunkDanger>()),
    }
    later { "auth", "keying", "destinations", "session_refresher" }
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
        check::listed_twice(cx, "transports", transports.as_deref().unwrap_or_default());
    }
    whole(check::leaving)
}

impl Trunk {
    /// The transports its signalling may use: those listed, or those that its peers and hops imply.
    pub fn allowed_transports(&self) -> Vec<Transport> {
        if !self.transports.is_empty() {
            return self.transports.clone();
        }
        let hop = self.outbound.as_ref().map(|outbound| outbound.to.only_transport());
        let network = self.peers.iter().any(|peer| matches!(peer, Peer::Network(_)));
        let known = !self.peers.is_empty();
        let implied = |transport: &Transport| {
            network || hop == Some(None) || hop == Some(Some(*transport)) || (known && *transport == Transport::Tls)
        };
        [Transport::Tls, Transport::Tcp, Transport::Udp].into_iter().filter(implied).collect()
    }

    /// Whether a call may leave by this trunk to `to`, and the number it shows: `from`, or the first that the trunk lists.
    pub fn may_place(&self, to: &DialTarget, from: Option<&Number>) -> Result<Number, OutboundRefusal> {
        let outbound = self.outbound.as_ref().ok_or(OutboundRefusal::NotOutbound)?;
        if !outbound.permits(to) {
            return Err(OutboundRefusal::Destination);
        }
        outbound.caller(from)
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
        /// Accepts and sends SRTP keys (SDES) over UDP or TCP, where they travel in the clear (RFC 4568 demands TLS).
        sdes_over_plain_signalling: bool = or_nothing(consent("anyone on the path can read the keys")),
        /// Allows `destinations` that let every number through, premium-rate numbers included.
        any_destination: bool = or_nothing(consent("calls may cost any amount")),
        /// Allows MD5 digests over UDP or TCP, where they can be read and the password be found.
        md5_digest: bool = or_nothing(consent("anyone on the path can find the password")),
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
