"""The pytest plugin of the peer and client tests: a namespace for each worker, a folder for each test, kept on failure."""

import contextlib
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from . import certs, netns

ROOT = Path(__file__).resolve().parents[3]
LOGS = ROOT / "target" / "peer-logs"
_RUN = "STRONGLINE_PEER_LOGS"
_KEPT_RUNS = 5
_NICE = -10
_TAIL = 4000


def pytest_configure(config):
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        netns.enter()
        with contextlib.suppress(PermissionError):
            # Phones and the server keep time; what else the machine does must not decide how a call sounds.
            os.nice(_NICE)
    if not hasattr(config, "workerinput"):
        # Each run has a folder of its own, which its workers inherit: two runs may go on side by side.
        run = LOGS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        run.mkdir(parents=True)
        os.environ[_RUN] = str(run)
        for old in sorted(LOGS.iterdir())[:-_KEPT_RUNS]:
            shutil.rmtree(old, ignore_errors=True)


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        with contextlib.suppress(OSError):
            Path(os.environ[_RUN]).rmdir()  # stays when a failed test left something


@pytest.fixture(scope="session")
def certificates():
    """One CA and its leaves for all tests of this worker."""
    with tempfile.TemporaryDirectory(prefix="strongline-certs-") as folder:
        yield certs.make(Path(folder))


@pytest.fixture
def folder(request):
    """The test's own folder; what lies there stays when the test fails."""
    path = Path(os.environ[_RUN]) / re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.nodeid.split("/")[-1])
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    yield path
    report = request.node.stash.get(_REPORT, None)
    if report is not None and report.passed:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def running():
    """`running(peer)` returns the peer and ends it after the test, the last started first."""
    with contextlib.ExitStack() as stack:

        def start(peer):
            stack.callback(peer.stop)
            return peer

        yield start


_REPORT = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
        path = item.funcargs.get("folder")
        if report.failed and path is not None:
            report.sections.append(("kept logs", str(path)))
            for log in sorted(path.rglob("*")):
                if log.suffix in (".log", ".stderr") and log.stat().st_size:
                    report.sections.append((str(log.relative_to(path)), log.read_text(errors="replace")[-_TAIL:]))
    return report
