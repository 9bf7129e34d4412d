"""A name server for the lab (RFC 1035 over UDP): NAPTR, SRV and A from a table, and the way to run a program that asks it.

The server under test asks the name servers of /etc/resolv.conf; a mount namespace gives it a file of its own.
"""

import socket
import struct
import threading

from . import netns

_A, _NAPTR, _SRV = 1, 35, 33
_TTL = 60
_NO_SUCH_NAME = 3


def a(address):
    return _A, socket.inet_aton(address)


def srv(priority, weight, port, target):
    """RFC 2782"""
    return _SRV, struct.pack(">HHH", priority, weight, port) + _name(target)


def naptr(order, preference, service, replacement):
    """RFC 3403, as RFC 3263 uses it."""
    texts = b"".join(bytes([len(text)]) + text for text in (b"s", service.encode(), b""))
    return _NAPTR, struct.pack(">HH", order, preference) + texts + _name(replacement)


class NameServer:
    """Answers from `records`: a name to a list of what the functions above make. `asked` are the questions so far."""

    def __init__(self, folder, records):
        self.records, self.asked, self._stopping = records, [], False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((netns.NAME_SERVER, 53))
        resolv = folder / "resolv.conf"
        resolv.write_text(f"nameserver {netns.NAME_SERVER}\noptions timeout:1 attempts:2\n")
        # In front of a command: it sees our resolv.conf, and nobody else does.
        self.run_by = ("unshare", "--mount", "sh", "-c", f'mount --bind "{resolv}" /etc/resolv.conf && exec "$@"', "sh")
        self._thread = threading.Thread(target=self._serve, name="names", daemon=True)
        self._thread.start()

    def stop(self):
        self._stopping = True
        self._thread.join(5)
        self._socket.close()

    def _serve(self):
        self._socket.settimeout(0.2)
        while not self._stopping:
            try:
                query, source = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            self._socket.sendto(self._answer(query), source)

    def _answer(self, query):
        labels, position = [], 12
        while length := query[position]:
            labels.append(query[position + 1 : position + 1 + length].decode().lower())
            position += 1 + length
        name = ".".join(labels)
        kind, = struct.unpack_from(">H", query, position + 1)
        question = query[12 : position + 5]
        self.asked.append((name, kind))
        known = self.records.get(name)
        found = [data for its_kind, data in known or () if its_kind == kind]
        flags = 0x8580 | (0 if known else _NO_SUCH_NAME)
        head = query[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0)
        rows = [b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, _TTL, len(data)) + data for data in found]
        return head + question + b"".join(rows)


def _name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"
