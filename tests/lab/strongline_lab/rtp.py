"""RTP as it stands on the wire (RFC 3550), and telephone-events (RFC 4733) to send."""

import struct
from dataclasses import dataclass

from . import g711, pcap

EVENTS = "0123456789*#ABCD"
_STEP_S = 0.02
_STEP_UNITS = 160
_UPDATES = 5
_ENDS = 3
_GAP_S = 0.1


@dataclass(frozen=True)
class Packet:
    """The fixed header and the rest."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def is_rtp(datagram):
    """RTP and not RTCP, STUN or DTLS, by the first octets (RFC 7983, RFC 5761)."""
    return len(datagram) >= 12 and 128 <= datagram[0] <= 191 and not 192 <= datagram[1] <= 223


def is_rtcp(datagram):
    return len(datagram) >= 8 and 128 <= datagram[0] <= 191 and 192 <= datagram[1] <= 223


def parse(datagram):
    first, second, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", datagram)
    start = 12 + 4 * (first & 15)
    if first & 0x10:
        start += 4 + 4 * struct.unpack_from(">H", datagram, start + 2)[0]
    end = len(datagram) - (datagram[-1] if first & 0x20 else 0)
    return Packet(bool(second & 0x80), second & 0x7F, sequence, timestamp, ssrc, datagram[start:end])


def pcmu_audio(packets):
    """The decoded audio of a stream of PCMU packets, in order of arrival."""
    return g711.decode(b"".join(packet.payload for packet in packets if packet.payload_type == 0))


def write_digits(path, digits, payload_type=101):
    """A pcap that sipp's play_pcap_audio can replay: its own play_dtmf knows only payload types 96 and 97.

    One digit is five updates 20 ms apart, three end packets with the E bit (RFC 4733 2.5.1.4), then a gap.
    """
    sequence, timestamp, at, packets = 5000, 100_000, 0.0, []
    for digit in digits:
        event = EVENTS.index(digit)
        for step in range(_UPDATES + _ENDS):
            end = step >= _UPDATES
            duration = _STEP_UNITS * min(step + 1, _UPDATES)
            header = struct.pack(
                ">BBHII", 0x80, payload_type | (0x80 if step == 0 else 0), sequence & 0xFFFF, timestamp, 0x1AB40001
            )
            packets.append((at, header + struct.pack(">BBH", event, (0x80 if end else 0) | 10, duration)))
            sequence += 1
            at += 0.001 if end else _STEP_S
        at += _GAP_S
        timestamp += 1600
    pcap.write_datagrams(path, packets)
    return at
