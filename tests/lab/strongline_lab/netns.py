"""Puts the test process into a network namespace of its own.

Ports cannot collide with another test worker, captures hold nothing foreign, and no peer advertises another interface.
The addresses of 127.0.0.0/8 play the hosts: the server, its trunks, and a stranger.
"""

import ctypes
import os
import subprocess

SERVER = "127.0.0.5"
CARRIER_PLAIN = "127.0.0.2"  # a trunk that speaks plain RTP
CARRIER_SECURE = "127.0.0.3"  # a trunk that speaks SIP/TLS and SRTP
SBC = "127.0.0.4"
SPARE_SBC = "127.0.0.8"
SPARE_SERVER = "127.0.0.7"
NAME_SERVER = "127.0.0.53"
STRANGER = "127.0.0.66"
# Where the server listens for those who do not bind: they come from 127.0.0.1, which is no trunk.
SERVER_FOR_STRANGERS = "127.0.0.6"

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


def enter():
    """Moves this thread, and all that it starts, into a new namespace where only loopback exists."""
    flags = _CLONE_NEWNET
    uid, gid = os.getuid(), os.getgid()
    if uid != 0:
        flags |= _CLONE_NEWUSER
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        error = os.strerror(ctypes.get_errno())
        raise RuntimeError(f"no network namespace ({error}): run the peer tests as root, or allow user namespaces")
    if uid != 0:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {uid} 1")
        _write("/proc/self/gid_map", f"0 {gid} 1")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (SERVER, CARRIER_PLAIN, CARRIER_SECURE, SBC, STRANGER):
        # baresip takes an address only from an interface that has it
        subprocess.run(["ip", "address", "add", f"{address}/8", "dev", "lo"], check=True)
    for target, source in ((SERVER, CARRIER_SECURE), (SPARE_SERVER, CARRIER_SECURE), (CARRIER_SECURE, SERVER)):
        # baresip's RTP sockets are not bound to an address: the route says where their packets come from
        subprocess.run(["ip", "route", "replace", "local", target, "dev", "lo", "table", "local", "src", source], check=True)


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
