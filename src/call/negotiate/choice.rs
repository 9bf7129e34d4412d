//! What is taken from an offer, and what is read from an answer.

use std::net::SocketAddr;

use dialplan::SrtpPolicy;
use media_engine::codec::{ClockRate, Codec};
use media_engine::rtp::PayloadType;
use media_engine::session::Direction;
use media_engine::srtp::MasterKey;
use sip_core::sdp::media_target::{self, TargetRefusal};
use sip_core::sdp::{self, Address, Connection, EventSet, Media, MediaKind, Profile, SessionDescription};

use super::keys::{self, Offered};
use super::{Choice, Policy, Refused};

/// Chooses from an offer: the first audio stream that can be accepted. The reason given is that of the first that cannot.
pub(crate) fn read_offer(offer: &SessionDescription, policy: &Policy<'_>) -> Result<Choice, Refused> {
    let mut refused = None;
    let streams =
        || offer.media.iter().enumerate().filter(|(_, media)| media.kind == MediaKind::Audio && !media.is_refused());
    // Peers that offer the same stream twice, secure and plain, put either first: the secure one is looked at first.
    let secure_first = streams()
        .filter(|(_, media)| !media.crypto.is_empty())
        .chain(streams().filter(|(_, media)| media.crypto.is_empty()));
    for (line, media) in secure_first {
        match keys_of_offer(media, policy).and_then(|key| choose(offer, line, media, key, policy)) {
            Ok(choice) => return Ok(choice),
            Err(reason) => refused = refused.or(Some(reason)),
        }
    }
    Err(refused.unwrap_or(Refused::NoAudio))
}

/// Reads the answer to an offer of ours, which had one audio stream.
pub(crate) fn read_answer(
    answer: &SessionDescription,
    offered: &Offered,
    policy: &Policy<'_>,
) -> Result<Choice, Refused> {
    let [media] = answer.media.as_slice() else { return Err(Refused::Answer) };
    if media.kind != MediaKind::Audio || media.is_refused() {
        return Err(Refused::NoAudio);
    }
    let secure = !offered.is_plain();
    if (secure && !media.profile.is_sdes()) || (!secure && !media.profile.is_plain()) {
        return Err(Refused::Answer);
    }
    let key = secure.then(|| keys::answered(media, offered, policy)).transpose()?;
    choose(answer, 0, media, key, policy)
}

fn keys_of_offer(media: &Media, policy: &Policy<'_>) -> Result<Option<(u32, MasterKey)>, Refused> {
    let may_be_plain = match policy.trunk.srtp {
        SrtpPolicy::Required => false,
        SrtpPolicy::Preferred | SrtpPolicy::Off => true,
    };
    match &media.profile {
        Profile::RtpSavp | Profile::RtpSavpf => keys::best(media, policy).map(Some),
        Profile::RtpAvp | Profile::RtpAvpf => {
            if !may_be_plain {
                return Err(Refused::SrtpRequired);
            }
            // Opportunistic SRTP (RFC 8643): keys under a plain profile. Keys that came in the clear are not used.
            match keys::best(media, policy) {
                Ok(key) => Ok(Some(key)),
                Err(_) if policy.secured => Err(Refused::Downgrade),
                Err(_) => Ok(None),
            }
        }
        // The offer that a DTLS handshake protects is not answered by this version.
        Profile::UdpTlsRtpSavp | Profile::UdpTlsRtpSavpf | Profile::Unknown(_) => Err(Refused::Profile),
    }
}

fn choose(
    description: &SessionDescription,
    line: usize,
    media: &Media,
    key: Option<(u32, MasterKey)>,
    policy: &Policy<'_>,
) -> Result<Choice, Refused> {
    let (codec, payload_type) = codec(media, policy).ok_or(Refused::Codec)?;
    let connection = description.connection_of(media);
    if !media.other_connections.is_empty() {
        return Err(TargetRefusal::Several.into());
    }
    let on_hold = connection.is_some_and(Connection::is_hold);
    let remote = if on_hold { unspecified(connection, media.port) } else { target(connection, media.port, policy)? };
    let remote_rtcp = if media.rtcp_mux || on_hold { None } else { Some(rtcp_target(media, remote, policy)?) };
    let direction = match (description.direction_of(media).reversed(), on_hold) {
        (sdp::Direction::SendRecv, false) => Direction::SendRecv,
        (sdp::Direction::SendOnly, false) => Direction::SendOnly,
        (sdp::Direction::SendRecv | sdp::Direction::RecvOnly, true) | (sdp::Direction::RecvOnly, false) => {
            Direction::RecvOnly
        }
        (sdp::Direction::SendOnly, true) | (sdp::Direction::Inactive, _) => Direction::Inactive,
    };
    Ok(Choice {
        line,
        profile: media.profile.clone(),
        codec,
        payload_type,
        events: events(media, codec.clock_rate()),
        remote,
        remote_rtcp,
        rtcp_mux: media.rtcp_mux,
        direction,
        key,
    })
}

/// The first codec of the trunk's list that the peer has.
fn codec(media: &Media, policy: &Policy<'_>) -> Option<(Codec, PayloadType)> {
    policy.trunk.codecs.iter().filter_map(|name| Codec::from_name(name.as_str())).find_map(|codec| {
        let map = media.rtp_formats().find(|map| map.is(codec.name(), codec.clock_rate().hz()))?;
        Some((codec, PayloadType::new(map.payload_type)?))
    })
}

/// Telephone events count at the clock of the audio they interrupt (RFC 4733 2.1); digits are what is wanted of them.
fn events(media: &Media, clock: ClockRate) -> Option<(PayloadType, EventSet)> {
    let (payload_type, events) = media.telephone_event(clock.hz())?;
    let digits = events.intersection(&EventSet::DTMF);
    Some((PayloadType::new(payload_type)?, digits)).filter(|_| !digits.is_empty())
}

fn rtcp_target(media: &Media, rtp: SocketAddr, policy: &Policy<'_>) -> Result<SocketAddr, Refused> {
    let Some(rtcp) = &media.rtcp else {
        return rtp
            .port()
            .checked_add(1)
            .map(|port| SocketAddr::new(rtp.ip(), port))
            .ok_or(Refused::Target(TargetRefusal::Port));
    };
    match &rtcp.address {
        None => target(Some(&Connection::new(rtp.ip())), rtcp.port, policy),
        Some(Address::Ip(address)) => target(Some(&Connection::new(*address)), rtcp.port, policy),
        Some(Address::Name(_)) => Err(TargetRefusal::Name.into()),
    }
}

fn target(connection: Option<&Connection>, port: u16, policy: &Policy<'_>) -> Result<SocketAddr, Refused> {
    // Loopback and private addresses are the trunk's prefixes' to allow, and so is an address of our own.
    let own = policy.own.filter(|_| policy.trunk.media.prefixes.is_empty());
    let structure = media_target::Policy {
        allow_loopback: true,
        allow_private: true,
        own: own.as_slice(),
        ..media_target::Policy::STRICT
    };
    let target = media_target::check_connection(connection, port, &structure)?;
    let effective = media_target::effective(target.ip());
    let admitted = policy
        .trunk
        .media
        .admits(target.ip(), policy.signalling)
        .and_then(|()| policy.trunk.media.admits(effective, policy.signalling));
    admitted.map_err(|_| Refused::TargetNotListed)?;
    Ok(target)
}

fn unspecified(connection: Option<&Connection>, port: u16) -> SocketAddr {
    let v6 = connection.and_then(Connection::ip).is_some_and(|address| address.is_ipv6());
    let address = if v6 { std::net::Ipv6Addr::UNSPECIFIED.into() } else { std::net::Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(address, port)
}
