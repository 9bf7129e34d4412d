"""A bad wire for signalling: a UDP relay that loses, doubles and reorders datagrams, the same ones each time.

What happens to the n-th datagram of a direction is drawn before the first one comes, from the seed alone: when it comes decides
nothing.
"""

import random
import select
import socket
import threading
import time

from . import waiting

_HOLD_S = 0.05


class BadWire:
    """Stands at `address` for a peer that is reached through it.

    A caller sends to `near` and comes out of `far`, at the server `target`; what the server sends to `far` goes back to the
    caller. For somebody who is called the same wire is turned round: `target` is the callee, `near` is where the server calls.
    """

    def __init__(self, address, target, *, seed, loss=0.1, twice=0.1, late=0.1):
        self._target = target
        self._chances = loss, twice, late
        self._near, self._far = _socket(address), _socket(address)
        self.near, self.far = self._near.getsockname(), self._far.getsockname()
        self._random = {self._near: random.Random(seed), self._far: random.Random(seed + 1)}
        self._other_end = None
        self._held = []
        self.counts = {"passed": 0, "lost": 0, "twice": 0, "late": 0}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bad-wire", daemon=True)
        self._thread.start()

    def stop(self):
        self._end.set()
        self._thread.join(5)
        self._near.close()
        self._far.close()

    def _run(self):
        while not self._end.is_set():
            for came in select.select([self._near, self._far], [], [], 0.01)[0]:
                datagram, source = came.recvfrom(65_536)
                if came is self._near:
                    self._other_end = source
                    self._carry(came, self._far, datagram, self._target)
                elif self._other_end:
                    self._carry(came, self._near, datagram, self._other_end)
            now = time.monotonic()
            for held in [held for held in self._held if held[0] <= now]:
                self._held.remove(held)
                held[1].sendto(held[2], held[3])

    def _carry(self, came, leaves, datagram, target):
        loss, twice, late = self._chances
        drawn = self._random[came].random()
        if drawn < loss:
            self.counts["lost"] += 1
        elif drawn < loss + late:
            # Whatever comes within that time overtakes it.
            self.counts["late"] += 1
            self._held.append((time.monotonic() + _HOLD_S, leaves, datagram, target))
        else:
            self.counts["passed"] += 1
            leaves.sendto(datagram, target)
            if drawn > 1 - twice:
                self.counts["twice"] += 1
                leaves.sendto(datagram, target)


def _socket(address):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, waiting.free_port(address)))
    return made
