//! The caller's offer, and what the answer makes of it (RFC 3264; SDES: RFC 4568).

use std::net::SocketAddr;

use bytes::Bytes;
use media_engine::codec::{ClockRate, Codec};
use media_engine::danger;
use media_engine::rtp::PayloadType;
use media_engine::session::{EventFormat, Leg};
use media_engine::srtp::{Inbound, MasterKey, Outbound, Suite};
use rand::CryptoRng;
use rand::RngExt;
use sip_core::sdp::{Crypto, Media, Profile, Ptime, RtpMap, SessionDescription};

use super::Protection;

/// An offer, and the keys in it.
pub(super) struct Offer {
    local: SocketAddr,
    session_id: u64,
    codecs: Vec<Codec>,
    events: bool,
    /// By tag, from 1; empty on a plain call.
    keys: Vec<MasterKey>,
}

/// What both sides agreed on.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) codec: Codec,
    pub(super) payload_type: PayloadType,
    pub(super) events: Option<EventFormat>,
    pub(super) remote: SocketAddr,
    pub(super) remote_rtcp: Option<SocketAddr>,
    pub(super) suite: Option<Suite>,
    pub(super) leg: Leg,
}

impl Offer {
    /// An offer with fresh keys.
    pub(super) fn new(
        local: SocketAddr,
        codecs: &[Codec],
        events: bool,
        protection: &Protection,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let keys = match protection {
            Protection::Srtp(suites) => suites.iter().map(|suite| MasterKey::generate(*suite, rng)).collect(),
            Protection::Plain => Vec::new(),
        };
        Self { local, session_id: rng.random::<u64>() >> 1, codecs: codecs.to_vec(), events, keys }
    }

    /// The offer as a body.
    pub(super) fn body(&self) -> Bytes {
        let profile = if self.keys.is_empty() { Profile::RtpAvp } else { Profile::RtpSavp };
        let mut media = Media::audio(self.local.port(), profile);
        for codec in &self.codecs {
            if let Some(payload_type) = codec.static_payload_type() {
                media.add_format(RtpMap::new(payload_type.value(), codec.name(), codec.clock_rate().hz()), None);
            }
        }
        if self.events {
            let map = RtpMap::new(TELEPHONE_EVENT, "telephone-event", ClockRate::HZ_8000.hz());
            media.add_format(map, Some("0-15"));
        }
        media.ptime = Some(Ptime::DEFAULT);
        media.rtcp_mux = true;
        for (tag, key) in (1..).zip(&self.keys) {
            media.crypto.push(Crypto::new(tag, key.suite().name(), key.expose().to_vec().into()));
        }
        let mut description = SessionDescription::new(self.session_id, 1, self.local.ip());
        description.media.push(media);
        description.encode_body()
    }

    /// Reads the answer.
    pub(super) fn answered(&self, answer: &[u8]) -> Result<Agreed, &'static str> {
        let description = SessionDescription::parse(answer).map_err(|error| error.reason().as_str())?;
        let [media] = description.media.as_slice() else {
            return Err("it does not answer one audio description with one");
        };
        if media.is_refused() {
            return Err("the audio is refused");
        }
        let address = description.connection_of(media).and_then(sip_core::sdp::Connection::ip);
        let address = address.ok_or("it names no address")?;
        let remote = SocketAddr::new(address, media.port);
        let (suite, leg) = self.leg(media)?;
        let format = media.rtp_formats().find_map(|map| self.codec(&map));
        let (codec, payload_type) = format.ok_or("it takes none of the codecs offered")?;
        let events = media.telephone_event(ClockRate::HZ_8000.hz()).filter(|_| self.events);
        Ok(Agreed {
            codec,
            payload_type,
            events: events.and_then(|(payload_type, _)| {
                Some(EventFormat { payload_type: PayloadType::new(payload_type)?, clock_rate: ClockRate::HZ_8000 })
            }),
            remote,
            // RFC 3550 section 11: without rtcp-mux or a=rtcp, RTCP goes to the next port.
            remote_rtcp: (!media.rtcp_mux).then(|| SocketAddr::new(address, media.port.saturating_add(1))),
            suite,
            leg,
        })
    }

    fn codec(&self, map: &RtpMap) -> Option<(Codec, PayloadType)> {
        let offered = |codec: &&Codec| map.is(codec.name(), codec.clock_rate().hz());
        let codec = self.codecs.iter().find(offered)?;
        Some((*codec, PayloadType::new(map.payload_type)?))
    }

    /// What was offered as secure is never taken as plain, nor the other way round.
    fn leg(&self, media: &Media) -> Result<(Option<Suite>, Leg), &'static str> {
        if self.keys.is_empty() {
            if !media.profile.is_plain() || !media.crypto.is_empty() {
                return Err("a plain offer was answered with another profile");
            }
            return Ok((None, Leg::Plain(danger::permit_plaintext())));
        }
        if !media.profile.is_sdes() {
            return Err("an SRTP offer was answered with another profile");
        }
        let [crypto] = media.crypto.as_slice() else {
            return Err("an SRTP offer was answered without exactly one key");
        };
        let ours = (crypto.tag as usize).checked_sub(1).and_then(|index| self.keys.get(index));
        let ours = ours.filter(|key| key.suite().name() == crypto.suite);
        let ours = ours.ok_or("the key of the answer belongs to nothing offered")?;
        let key = crypto.single_key().filter(|key| key.mki.is_none() && crypto.session_params.is_empty());
        let key = key.ok_or("the key of the answer has parameters that were not offered")?;
        #[expect(clippy::disallowed_methods, reason = "the key leaves the message and enters the SRTP context here")]
        let theirs = MasterKey::new(ours.suite(), secrecy::ExposeSecret::expose_secret(&key.material));
        let theirs = theirs.map_err(|_| "the key of the answer has the wrong length")?;
        let leg = Leg::Secure { rx: Inbound::new(&theirs), tx: Outbound::new(ours) };
        Ok((Some(ours.suite()), leg))
    }
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// The payload type that the field uses most for RFC 4733.
const TELEPHONE_EVENT: u8 = 101;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn offer(protection: &Protection) -> (Offer, String) {
        let codecs = [Codec::Pcmu, Codec::Pcma];
        let local = "127.0.0.1:4000".parse().unwrap();
        let offer = Offer::new(local, &codecs, true, protection, &mut StdRng::seed_from_u64(1));
        let body = String::from_utf8(offer.body().to_vec()).unwrap();
        (offer, body)
    }

    fn secure() -> Protection {
        Protection::Srtp(vec![Suite::AeadAes256Gcm, Suite::AesCm128Sha1_80])
    }

    /// The offer with one changed thing is an answer good enough for a test.
    fn answer(body: &str, change: impl Fn(&str) -> Option<String>) -> String {
        body.lines().filter_map(change).fold(String::new(), |text, line| text + &line + "\r\n")
    }

    #[test]
    fn a_secure_offer_names_its_suites_in_order_and_no_plain_way() {
        let (_, body) = offer(&secure());
        assert!(body.contains("m=audio 4000 RTP/SAVP 0 8 101\r\n"), "{body}");
        assert!(body.contains("a=crypto:1 AEAD_AES_256_GCM inline:"), "{body}");
        assert!(body.contains("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:"), "{body}");
        assert!(body.contains("a=rtcp-mux\r\n"), "{body}");
    }

    #[test]
    fn the_answer_chooses_suite_codec_and_address() {
        let (offer, body) = offer(&secure());
        let text = answer(&body, |line| match line {
            line if line.starts_with("a=crypto:1") => None,
            line if line.starts_with("m=") => Some("m=audio 5000 RTP/SAVP 8 101".into()),
            line => Some(line.into()),
        });
        let agreed = offer.answered(text.as_bytes()).unwrap();
        assert_eq!(agreed.suite, Some(Suite::AesCm128Sha1_80));
        assert_eq!((agreed.codec, agreed.payload_type.value()), (Codec::Pcma, 8));
        assert_eq!((agreed.remote.port(), agreed.remote_rtcp), (5000, None));
        assert_eq!(agreed.events.unwrap().payload_type.value(), 101);
        assert!(matches!(agreed.leg, Leg::Secure { .. }));
    }

    #[test]
    fn a_downgrade_and_a_wrong_key_are_no_agreement() {
        let (offer, body) = offer(&secure());
        let plain =
            answer(&body.replace("RTP/SAVP", "RTP/AVP"), |line| (!line.starts_with("a=crypto")).then(|| line.into()));
        assert!(offer.answered(plain.as_bytes()).unwrap_err().contains("another profile"));
        assert!(offer.answered(body.as_bytes()).unwrap_err().contains("exactly one key"));
        for (from, to) in [("a=crypto:2", "a=crypto:3"), ("a=crypto:2", "a=crypto:1")] {
            let text = answer(&body, |line| match line {
                line if line.starts_with("a=crypto:1") => None,
                line => Some(line.replace(from, to)),
            });
            assert!(offer.answered(text.as_bytes()).unwrap_err().contains("nothing offered"), "{to}");
        }
        let refused = answer(&body, |line| Some(line.replace("m=audio 4000", "m=audio 0")));
        assert!(offer.answered(refused.as_bytes()).is_err());
        assert!(offer.answered(b"").is_err());
    }

    #[test]
    fn a_plain_call_stays_plain() {
        let (offer, body) = offer(&Protection::Plain);
        assert!(body.contains("RTP/AVP 0 8 101") && !body.contains("crypto"), "{body}");
        let agreed = offer.answered(body.as_bytes()).unwrap();
        assert!(agreed.suite.is_none() && matches!(agreed.leg, Leg::Plain(_)));
        let without_mux = answer(&body, |line| (line != "a=rtcp-mux").then(|| line.into()));
        let agreed = offer.answered(without_mux.as_bytes()).unwrap();
        assert_eq!(agreed.remote_rtcp.unwrap().port(), 4001);
    }
}
