//! Our own descriptions.

use std::net::SocketAddr;

use dialplan::Trunk;
use media_engine::codec::Codec;
use media_engine::session::Direction;
use media_engine::srtp::MasterKey;
use secrecy::SecretSlice;
use sip_core::sdp::{self, Crypto, EventSet, Media, Profile, Ptime, RtpMap, SessionDescription};
use zeroize::Zeroizing;

use super::{Choice, Offered};

/// The payload type that we offer telephone events under, as nearly everybody does.
const EVENTS: u8 = 101;

/// The description of one call as we write it: its identity stays, its version rises with each change (RFC 3264 8).
#[derive(Debug)]
pub(crate) struct Description {
    session_id: u64,
    version: u64,
    local: SocketAddr,
    last: Option<Zeroizing<Vec<u8>>>,
}

impl Description {
    /// `local` is where we receive RTP, as peers see it.
    pub(crate) const fn new(session_id: u64, local: SocketAddr) -> Self {
        // A session id is a number by the grammar, and some peers read 63 bits.
        Self { session_id: session_id >> 1, version: 1, local, last: None }
    }

    /// The answer to `offer`: what was chosen, with our key; every other stream refused.
    pub(crate) fn answer(
        &mut self,
        offer: &SessionDescription,
        choice: &Choice,
        key: Option<&MasterKey>,
    ) -> Zeroizing<Vec<u8>> {
        let mut media = Media::audio(self.local.port(), choice.profile.clone());
        media.add_format(rtpmap(choice.codec, choice.payload_type.value()), None);
        if let Some((payload_type, events)) = &choice.events {
            media.add_format(events_map(payload_type.value(), choice.codec), Some(&events.to_string()));
        }
        media.direction = Some(match choice.direction {
            Direction::SendRecv => sdp::Direction::SendRecv,
            Direction::SendOnly => sdp::Direction::SendOnly,
            Direction::RecvOnly => sdp::Direction::RecvOnly,
            Direction::Inactive => sdp::Direction::Inactive,
        });
        media.ptime = Some(Ptime::DEFAULT);
        media.rtcp_mux = choice.rtcp_mux;
        if let (Some((tag, _)), Some(key)) = (&choice.key, key) {
            media.crypto.push(crypto(*tag, key));
        }
        let mut chosen = Some(media);
        let streams = offer.media.iter().enumerate();
        let media =
            streams.map(|(line, media)| chosen.take_if(|_| line == choice.line).unwrap_or_else(|| media.refused()));
        self.encode(media.collect())
    }

    /// An offer of ours: every codec of the trunk, one stream, secure or plain as `keys` are.
    pub(crate) fn offer(&mut self, trunk: &Trunk, keys: &Offered) -> Zeroizing<Vec<u8>> {
        let profile = if keys.is_plain() { Profile::RtpAvp } else { Profile::RtpSavp };
        let mut media = Media::audio(self.local.port(), profile);
        let codecs = || trunk.codecs.iter().filter_map(|name| Codec::from_name(name.as_str()));
        for codec in codecs() {
            if let Some(payload_type) = codec.static_payload_type() {
                media.add_format(rtpmap(codec, payload_type.value()), None);
            }
        }
        if let Some(codec) = codecs().next() {
            media.add_format(events_map(EVENTS, codec), Some(&EventSet::DTMF.to_string()));
        }
        media.direction = Some(sdp::Direction::SendRecv);
        media.ptime = Some(Ptime::DEFAULT);
        media.rtcp_mux = true;
        media.crypto.extend(keys.iter().map(|(tag, key)| crypto(tag, key)));
        self.encode(vec![media])
    }

    /// Writes it; the version rises when anything else in it differs from the last one.
    fn encode(&mut self, media: Vec<Media>) -> Zeroizing<Vec<u8>> {
        let mut description = SessionDescription::new(self.session_id, self.version, self.local.ip());
        description.media = media;
        let mut octets = description.encode();
        if self.last.as_ref().is_some_and(|last| *last != octets) {
            self.version += 1;
            description.origin.version = self.version;
            octets = description.encode();
        }
        self.last = Some(octets.clone());
        octets
    }
}

fn crypto(tag: u32, key: &MasterKey) -> Crypto {
    Crypto::new(tag, key.suite().name(), SecretSlice::from(key.expose().to_vec()))
}

fn rtpmap(codec: Codec, payload_type: u8) -> RtpMap {
    RtpMap::new(payload_type, codec.name(), codec.clock_rate().hz())
}

fn events_map(payload_type: u8, codec: Codec) -> RtpMap {
    RtpMap::new(payload_type, "telephone-event", codec.clock_rate().hz())
}
