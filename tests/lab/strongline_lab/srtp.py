"""Judges a captured call: is every media packet SRTP under the keys of the SDP, and none in the clear? By libsrtp."""

import base64
import collections
from dataclasses import dataclass, field

from pylibsrtp import Error, Policy, Session

from . import rtp

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


@dataclass
class Verdict:
    """What left one address."""

    verified: int = 0
    rtcp_verified: int = 0
    refused: int = 0
    clear: int = 0
    packets: list = field(default_factory=list)


def judge(datagrams, keys):
    """`keys`: address a packet leaves from -> (suite, base64 inline key). One verdict for each address."""
    sessions = {}
    verdicts = collections.defaultdict(Verdict)
    for datagram in datagrams:
        if datagram.source not in keys or not (rtp.is_rtp(datagram.payload) or rtp.is_rtcp(datagram.payload)):
            continue
        verdict = verdicts[datagram.source]
        session = sessions.setdefault(datagram.source, _session(*keys[datagram.source]))
        try:
            if rtp.is_rtcp(datagram.payload):
                session.unprotect_rtcp(datagram.payload)
                verdict.rtcp_verified += 1
            else:
                verdict.packets.append(rtp.parse(session.unprotect(datagram.payload)))
                verdict.verified += 1
        except Error:
            verdict.refused += 1
            verdict.clear += looks_clear(datagram.payload)
    return verdicts


def looks_clear(payload):
    """A PCMU packet of 20 ms without a tag has 172 octets; with one it has at least 4 more."""
    return rtp.is_rtp(payload) and payload[1] & 0x7F == 0 and len(payload) == 172


def _session(suite, inline):
    # SBCs are known to leave the padding out
    key = base64.b64decode(inline + "=" * (-len(inline) % 4))
    return Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[suite]))
