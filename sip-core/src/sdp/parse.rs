//! From octets to a description.

use zeroize::Zeroizing;

use super::{
    Address, Attribute, Connection, Crypto, Direction, Fingerprint, Fmtp, Media, MediaKind, Origin, Profile, Ptime,
    Rtcp, RtpMap, SdpError, SdpReason, SessionDescription, Setup, rtp::decimal,
};
use crate::limits;

impl SessionDescription {
    /// Parses a description.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        let Measured { rest, crypto } = Measured::new(text)?;
        let parsed = sdp_types::Session::parse(&rest).map_err(|_| SdpReason::Malformed)?;
        let mut session = session(&parsed)?;
        for attribute in parsed.attributes {
            session.add(attribute)?;
        }
        for (index, parsed) in parsed.medias.into_iter().enumerate() {
            let mut media = media(&parsed)?;
            for attribute in parsed.attributes {
                media.add(attribute)?;
            }
            for (_, line) in crypto.iter().filter(|(owner, _)| *owner == index) {
                media.add_crypto(line)?;
            }
            session.media.push(media);
        }
        Ok(session)
    }

    fn add(&mut self, attribute: sdp_types::Attribute) -> Result<(), SdpError> {
        let sdp_types::Attribute { attribute: name, value } = attribute;
        match name.as_str() {
            "fingerprint" => self.fingerprints.push(fingerprint(value.as_deref())?),
            "setup" => self.setup = Some(setup(value.as_deref())?),
            _ => match Direction::from_name(&name) {
                Some(direction) => set_direction(&mut self.direction, direction)?,
                None => self.attributes.push(Attribute { name, value }),
            },
        }
        Ok(())
    }
}

impl Media {
    fn add(&mut self, attribute: sdp_types::Attribute) -> Result<(), SdpError> {
        let sdp_types::Attribute { attribute: name, value } = attribute;
        let text = value.as_deref().unwrap_or_default();
        match name.as_str() {
            // A format that cannot be read is one that is not chosen.
            "rtpmap" => self.rtpmaps.extend(RtpMap::parse(text)),
            "fmtp" => self.fmtps.extend(Fmtp::parse(text)),
            "ptime" => self.ptime = Ptime::parse(text).or(self.ptime),
            "maxptime" => self.max_ptime = Ptime::parse(text).or(self.max_ptime),
            "rtcp" => self.rtcp = Some(rtcp(text)?),
            "rtcp-mux" => self.rtcp_mux = true,
            "fingerprint" => self.fingerprints.push(fingerprint(value.as_deref())?),
            "setup" => self.setup = Some(setup(value.as_deref())?),
            _ => match Direction::from_name(&name) {
                Some(direction) => set_direction(&mut self.direction, direction)?,
                None => self.attributes.push(Attribute { name, value }),
            },
        }
        Ok(())
    }

    fn add_crypto(&mut self, line: &[u8]) -> Result<(), SdpError> {
        if self.crypto.len() == limits::SDP_CRYPTO {
            return Err(SdpReason::TooManyKeys.into());
        }
        let line = std::str::from_utf8(line).map_err(|_| SdpReason::Crypto)?;
        let crypto = Crypto::parse(line)?;
        // RFC 4568 4.1: the tag is unique, or an answer would be ambiguous.
        if self.crypto.iter().any(|before| before.tag == crypto.tag) {
            return Err(SdpReason::CryptoTag.into());
        }
        self.crypto.push(crypto);
        Ok(())
    }
}

/// A description that is within the limits, its keys apart.
struct Measured<'a> {
    /// All lines but `a=crypto` and `k=`.
    rest: Zeroizing<Vec<u8>>,
    /// The values of the `a=crypto` lines, each with the number of its media description.
    crypto: Vec<(usize, &'a [u8])>,
}

impl<'a> Measured<'a> {
    fn new(text: &'a [u8]) -> Result<Self, SdpError> {
        if text.len() > limits::SDP {
            return Err(SdpReason::TooLong.into());
        }
        let mut rest = Zeroizing::new(Vec::with_capacity(text.len().saturating_add(2)));
        let mut crypto = Vec::new();
        let (mut media, mut attributes, mut connections) = (0_usize, 0_usize, 0_usize);
        for line in text.split(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > limits::SDP_LINE {
                return Err(SdpReason::LineTooLong.into());
            }
            match line {
                [b'm', b'=', value @ ..] => {
                    count(&mut media, limits::SDP_MEDIA, SdpReason::TooManyMedia)?;
                    connections = 0;
                    let formats =
                        value.split(|octet| *octet == b' ').skip(3).take(limits::SDP_FORMATS.saturating_add(1)).count();
                    if formats > limits::SDP_FORMATS {
                        return Err(SdpReason::TooManyFormats.into());
                    }
                }
                [b'c', b'=', ..] => count(&mut connections, limits::SDP_CONNECTIONS, SdpReason::TooManyConnections)?,
                [b'a', b'=', value @ ..] => {
                    count(&mut attributes, limits::SDP_ATTRIBUTES, SdpReason::TooManyAttributes)?;
                    if let Some(value) = value.strip_prefix(b"crypto:") {
                        // RFC 4568 4.1: at the media level only.
                        let owner = media.checked_sub(1).ok_or(SdpReason::Crypto)?;
                        crypto.push((owner, value));
                        continue;
                    }
                }
                // RFC 8866 5.12: obsolete, and a key in clear.
                [b'k', b'=', ..] => continue,
                _ => {}
            }
            rest.extend_from_slice(line);
            rest.extend_from_slice(b"\n");
        }
        Ok(Self { rest, crypto })
    }
}

fn count(counter: &mut usize, limit: usize, reason: SdpReason) -> Result<(), SdpError> {
    *counter = counter.saturating_add(1);
    if *counter > limit { Err(reason.into()) } else { Ok(()) }
}

fn session(parsed: &sdp_types::Session) -> Result<SessionDescription, SdpError> {
    let origin = &parsed.origin;
    Ok(SessionDescription {
        origin: Origin {
            user: origin.username.clone(),
            session_id: origin.sess_id.clone(),
            version: origin.sess_version,
            address: match origin.unicast_address.parse() {
                Ok(address) => Address::Ip(address),
                Err(_) => Address::Name(origin.unicast_address.clone()),
            },
        },
        name: parsed.session_name.clone(),
        connection: parsed.connection.as_ref().map(connection).transpose()?,
        direction: None,
        fingerprints: Vec::new(),
        setup: None,
        attributes: Vec::new(),
        media: Vec::with_capacity(parsed.medias.len()),
    })
}

fn media(parsed: &sdp_types::Media) -> Result<Media, SdpError> {
    let formats = parsed.fmt.split(' ').filter(|format| !format.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    if formats.is_empty() {
        return Err(SdpReason::Media.into());
    }
    let mut connections = parsed.connections.iter().map(connection);
    Ok(Media {
        port_count: parsed.num_ports,
        formats,
        connection: connections.next().transpose()?,
        other_connections: connections.collect::<Result<_, _>>()?,
        ..Media::new(MediaKind::from_name(parsed.media.clone()), parsed.port, Profile::from_name(&parsed.proto))
    })
}

fn connection(parsed: &sdp_types::Connection) -> Result<Connection, SdpError> {
    Connection::from_fields(parsed.nettype.as_str(), parsed.addrtype.as_str(), &parsed.connection_address)
}

fn fingerprint(value: Option<&str>) -> Result<Fingerprint, SdpError> {
    value.and_then(Fingerprint::parse).ok_or_else(|| SdpReason::Fingerprint.into())
}

fn setup(value: Option<&str>) -> Result<Setup, SdpError> {
    value.and_then(Setup::parse).ok_or_else(|| SdpReason::Fingerprint.into())
}

fn set_direction(slot: &mut Option<Direction>, direction: Direction) -> Result<(), SdpError> {
    match slot.replace(direction) {
        Some(before) if before != direction => Err(SdpReason::Direction.into()),
        _ => Ok(()),
    }
}

/// `port [nettype addrtype address]`
fn rtcp(text: &str) -> Result<Rtcp, SdpError> {
    let malformed = || SdpError::new(SdpReason::Rtcp);
    let mut fields = text.split(' ').filter(|field| !field.is_empty());
    let port = fields.next().and_then(decimal).and_then(|port| u16::try_from(port).ok()).ok_or_else(malformed)?;
    let address = match (fields.next(), fields.next(), fields.next(), fields.next()) {
        (None, ..) => None,
        (Some(nettype), Some(addrtype), Some(address), None) => {
            Some(Connection::from_fields(nettype, addrtype, address).map_err(|_| malformed())?.address)
        }
        _ => return Err(malformed()),
    };
    Ok(Rtcp { port, address })
}
