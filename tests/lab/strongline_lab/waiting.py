"""Waiting for what happens. Nothing here sleeps for a fixed time: a busy machine makes a peer take seconds to start."""

import random
import socket
import time

PATIENCE_S = 30.0
_POLL_S = 0.02


def wait_until(ready, what, timeout=PATIENCE_S, alive=None, every=_POLL_S):
    """Returns the first true value of ready(); fails with `what` after the timeout, or at once when alive() says no."""
    deadline = time.monotonic() + timeout
    while True:
        value = ready()
        if value:
            return value
        if alive is not None and not alive():
            raise AssertionError(f"{what}: the process has ended")
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout:g} s")
        time.sleep(every)


def free_port(address="127.0.0.1", span=1):
    """The first of `span` ports free for TCP and UDP, even, and below the kernel's own choice of ports."""
    for _ in range(200):
        first = random.randrange(10_000, 30_000, 2)
        if all(_free(address, port) for port in range(first, first + span)):
            return first
    raise AssertionError(f"no {span} free ports on {address}")


def _free(address, port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def listening(address, port):
    """True when something accepts TCP connections there."""
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def accepted(address, port):
    """How many TCP connections to that address and port stand, as the kernel's own table says."""
    here = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + f":{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        return sum(1 for line in table.readlines()[1:] if line.split()[1] == here and line.split()[3] == "01")


def bound_udp(port):
    """True when something holds the UDP port, as the kernel's own table says."""
    with open("/proc/net/udp", encoding="ascii") as table:
        return any(line.split()[1].endswith(f":{port:04X}") for line in table.readlines()[1:])
