"""A hundred calls at once, by the load instrument: none is lost, and when they are over the server is as it was."""

import sys
from pathlib import Path

import pytest
from strongline_lab import waiting

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
