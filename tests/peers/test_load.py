"""A hundred calls at once and a thousand one after the other, by the load instrument: none is lost, and when they are over the
server is as it was."""

import sys
from pathlib import Path

import pytest
from strongline_lab import waiting
from strongline_lab.server import GAUGES

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benches"))
import bench  # noqa: E402


def held(pid):
    """Files, sockets and threads of a process."""
    process = Path(f"/proc/{pid}")
    return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


@pytest.mark.alone
def test_a_hundred_calls_lose_nothing_and_leave_nothing_behind():
    with bench.Server() as server:
        # The first call opens what stays open.
        server.load("steady", "--calls=1", "--per-second=20", "--settle=0", "--seconds=1")
        before = waiting.wait_until(lambda: held(server.process.pid), "the server lives")
        waiting.wait_until(lambda: held(server.process.pid) <= before, "the first call is over")
        before = held(server.process.pid)
        result = server.load("steady", "--calls=100", "--per-second=20", "--seconds=10")
        print(result)
        assert (result["succeeded"], result["failures"]) == (100, {})
        assert result["late_share"] <= 0.001
        # What was sent in the last moments had no time to come back.
        assert result["frames_returned"] > 0.98 * result["frames_sent"] > 40_000
        assert (result["foreign"] + result["duplicates"]) < 0.001 * result["frames_sent"]
        assert result["srtp_refused"] == 0
        waiting.wait_until(lambda: held(server.process.pid) <= before, "every socket and thread of the calls is gone")
        assert server.process.poll() is None


def alive(gauges):
    """Those that are not zero, of what may not outlive the calls."""
    return {name: gauges[name] for name in (*GAUGES, "connections", "registrations") if gauges[name]}


@pytest.mark.alone
@pytest.mark.timeout(180)
def test_a_thousand_set_ups_lose_nothing_and_leave_nothing_behind():
    """A hundred a second, each with TLS, SRTP, a signed flow request and a stream."""
    with bench.Server(log="warn,strongline::server::gauges=info") as server:
        server.load("steady", "--calls=1", "--per-second=20", "--settle=0", "--seconds=1")
        waiting.wait_until(lambda: not alive(server.gauges()), "the first call is over", 60, every=1)
        tasks, before = server.gauges()["tasks"], held(server.process.pid)
        result = server.load("setup", "--per-second=100", "--seconds=10", "--hold=1", "--media")
        print(result)
        assert (result["calls"], result["succeeded"], result["failures"]) == (1000, 1000, {})
        assert server.gauges()["transactions"] > 0, "the gauges do count"
        # Timers H, I, J and L of the last transactions take 32 s (RFC 3261 17, RFC 6026 7.1).
        waiting.wait_until(lambda: not (left := alive(server.gauges())) or print(left), "everything is gone", 60, every=1)
        waiting.wait_until(lambda: held(server.process.pid) <= before, "every socket and thread of the calls is gone")
        last = server.gauges()
        assert last["tasks"] <= tasks, "every task of the calls is gone"
        assert last["retransmitted"] == 0
        assert server.process.poll() is None
