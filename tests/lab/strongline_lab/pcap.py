"""Captures on loopback, by dumpcap; and the classic pcap format, read and written."""

import signal
import socket
import struct
from dataclasses import dataclass

from . import processes, waiting

_MAGIC = 0xA1B2C3D4
_ETHERNET = 1


@dataclass(frozen=True)
class Datagram:
    """One captured UDP datagram."""

    at: float
    source: tuple
    target: tuple
    payload: bytes


class Capture:
    """Everything on lo from `with` until the end of the block; `stop()` then `datagrams()`."""

    def __init__(self, folder, name="capture", filter_="udp or tcp"):
        self.path = folder / f"{name}.pcap"
        self._program = processes.Program(
            f"{name}-dumpcap", ["dumpcap", "-P", "-q", "-i", "lo", "-B", "16", "-f", filter_, "-w", self.path], folder
        )
        # dumpcap names the file when the capture has begun
        waiting.wait_until(
            lambda: "File: " in self._program.log(), "dumpcap starts to capture", alive=self._program.alive
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the capture once a marker packet of ours is in the file, so that all before it are."""
        if not self._program.alive():
            return
        marker = b"strongline capture end"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def marked():
                sender.sendto(marker, ("127.0.0.1", 9))
                return marker in self.path.read_bytes()

            waiting.wait_until(marked, "the capture holds its end marker")
        self._program.stop(signal.SIGINT)

    def datagrams(self):
        """The UDP datagrams in the file, in order, without the end marker."""
        return [d for d in read_datagrams(self.path.read_bytes()) if d.target[1] != 9]


def read_datagrams(data):
    """UDP over IPv4 over Ethernet, as lo gives it."""
    order = "<" if struct.unpack_from("<I", data)[0] == _MAGIC else ">"
    found, position = [], 24
    while position + 16 <= len(data):
        seconds, micros, held, _ = struct.unpack_from(order + "IIII", data, position)
        frame = data[position + 16 : position + 16 + held]
        position += 16 + held
        if len(frame) < 42 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
            continue
        header = 14 + (frame[14] & 15) * 4
        source_port, target_port, length = struct.unpack_from(">HHH", frame, header)
        found.append(
            Datagram(
                seconds + micros / 1e6,
                (socket.inet_ntoa(frame[26:30]), source_port),
                (socket.inet_ntoa(frame[30:34]), target_port),
                frame[header + 8 : header + length],
            )
        )
    return found


def write_datagrams(path, timed_payloads):
    """A pcap of UDP datagrams from (seconds, payload) pairs. Addresses mean nothing: sipp's replay sets its own."""
    out = [struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, 65535, _ETHERNET)]
    for at, payload in timed_payloads:
        udp = struct.pack(">HHHH", 4000, 4002, 8 + len(payload), 0) + payload
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
        ip = ip[:10] + struct.pack(">H", _checksum(ip)) + ip[12:]
        frame = bytes(12) + b"\x08\x00" + ip + udp
        micros = round(at * 1e6)
        out.append(struct.pack("<IIII", micros // 1_000_000, micros % 1_000_000, len(frame), len(frame)) + frame)
    path.write_bytes(b"".join(out))


def _checksum(header):
    """The Internet checksum (RFC 1071) of an even number of octets."""
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
