/// What a datagram on a media socket is, by its first octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP, told from RTP by RFC 5761 4.
    Rtcp,
    /// DTLS.
    Dtls,
    /// STUN.
    Stun,
    /// ZRTP.
    Zrtp,
    /// A TURN channel.
    TurnChannel,
    /// Nothing that belongs on a media socket, an empty datagram included.
    Unknown,
}

/// Sorts a datagram (RFC 7983 7). Looks at two octets and promises nothing about the rest.
pub fn demux(datagram: &[u8]) -> Protocol {
    let Some(&first) = datagram.first() else {
        return Protocol::Unknown;
    };
    match first {
        0..=3 => Protocol::Stun,
        16..=19 => Protocol::Zrtp,
        20..=63 => Protocol::Dtls,
        64..=79 => Protocol::TurnChannel,
        128..=191 => match datagram.get(1) {
            // RFC 5761 4: with rtcp-mux no RTP payload type from 64 to 95 is used.
            Some(192..=223) => Protocol::Rtcp,
            Some(_) => Protocol::Rtp,
            None => Protocol::Unknown,
        },
        _ => Protocol::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_octet_has_one_home() {
        for first in 0..=u8::MAX {
            let expected = match first {
                0..=3 => Protocol::Stun,
                16..=19 => Protocol::Zrtp,
                20..=63 => Protocol::Dtls,
                64..=79 => Protocol::TurnChannel,
                128..=191 => Protocol::Rtp,
                4..=15 | 80..=127 | 192..=255 => Protocol::Unknown,
            };
            assert_eq!(demux(&[first, 0]), expected, "first octet {first}");
        }
    }

    #[test]
    fn rtcp_shares_a_port_with_rtp() {
        for packet_type in 200..=207 {
            assert_eq!(demux(&[0x80, packet_type]), Protocol::Rtcp);
        }
        assert_eq!(demux(&[0x80, 0x80]), Protocol::Rtp, "PCMU with the marker bit");
        assert_eq!(demux(&[0x80, 0xe5]), Protocol::Rtp, "telephone-event with the marker bit");
        assert_eq!(demux(&[0x80, 191]), Protocol::Rtp);
        assert_eq!(demux(&[0x80, 224]), Protocol::Rtp);
    }

    #[test]
    fn what_is_too_short_is_unknown() {
        assert_eq!(demux(&[]), Protocol::Unknown);
        assert_eq!(demux(&[0x80]), Protocol::Unknown);
    }
}
