#!/usr/bin/env python3
"""The whole-server benchmark behind `make bench`.

Starts the release build of the server on one processor and, on the other, an application that echoes and a generator of
SRTP calls with stamped audio (`benches/load`). Measures processor time, memory, delay and loss per call, then the
set-ups a second that one core holds. With --floor DIR (a folder with the programs `floor` and `loadgen`) the least that
one call can cost is measured in turn with the server, driven by the same generator, and the ratio is given.

Writes target/bench/summary.json, and every single result beside it.
"""

import argparse
import atexit
import functools
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "target" / "bench"
RELEASE = ROOT / "target" / "release"
SERVER_CPU, LOAD_CPU = "0", "1"
# The jitter buffer is held at this delay, so that what the server adds can be told from what it was told to wait.
JITTER_MS = 40
# Set-ups a second that are tried, and how long 99 of 100 callers may wait.
SETUP_RATES = (50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 600)
SETUP_P99_MS = 200
# What `media-engine/benches/media_path.rs` puts through a path in one run.
FRAMES_A_RUN = 1000

DIALPLAN = """\
[sip]
domain      = "localhost"
listen      = ["tls://127.0.0.1:{sip}"]
certificate = {{ file = "server.pem" }}
key         = {{ file = "server.key" }}
max_calls   = 5000

[media]
ports          = "20000-39999"
public_address = "127.0.0.1"
bind           = "127.0.0.1"
jitter         = {{ min_ms = {jitter}, initial_ms = {jitter}, max_ms = {jitter} }}

[[trunk]]
name             = "load"
peers            = ["127.0.0.1"]
media            = {{ prefixes = ["127.0.0.1"] }}
calls_per_second = 1000
max_calls        = 5000

[[app]]
name          = "echo"
flow_url      = "https://localhost:{app}/flow"
ca            = {{ file = "ca.pem" }}
signing       = [{{ file = "webhook.key" }}]
private_hosts = ["localhost"]
stream        = {{ dialect = "native", rate = 16000, hosts = ["localhost"] }}

[[route]]
name = "echo"
do   = [{{ app = "echo" }}]
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floor", type=Path, help="folder with the sources of `floor` and `loadgen`")
    parser.add_argument("--calls", type=int, nargs="+", default=[100, 400], help="concurrent calls (default: 100 400)")
    parser.add_argument("--seconds", type=int, default=15, help="seconds measured for each (default: 15)")
    parser.add_argument("--rounds", type=int, default=3, help="turns against the floor; the median counts (default: 3)")
    parser.add_argument("--only-setups", action="store_true", help="measure the set-ups a second and nothing else")
    parser.add_argument("--no-micro", action="store_true", help="leave the benchmarks of single functions out")
    options = parser.parse_args()

    OUT.mkdir(parents=True, exist_ok=True)
    run("cargo", "build", "--release", "--locked", "--bin", "strongline", "--package", "strongline")
    run("cargo", "build", "--release", "--locked", "--package", "load")
    summary = {
        "cpu_us_per_call_s": None, "floor_ratio": None, "added_latency_ms_p50": None, "added_latency_ms_p99": None,
        "allocs_per_frame": None, "kib_per_call": None, "setups_per_second_one_core": None, "setup_ms": None, "recording_cpu_ratio": None,
        "machine": machine(), "steady": {},
    }
    path = OUT / "summary.json"
    if not options.only_setups:
        measure_calls(options, summary)
    elif path.exists():
        summary = {**summary, **json.loads(path.read_text())}
    summary["setups_per_second_one_core"], summary["setup_ms"] = setups()
    if options.floor and not options.only_setups:
        summary["floor"] = {calls: floor(options, calls) for calls in options.calls}
        summary["floor_ratio"] = summary["floor"][options.calls[0]]["ratio"]
    path.write_text(json.dumps(summary, indent=2) + "\n")
    say(f"written: {path.relative_to(ROOT)}")
    print(json.dumps({key: value for key, value in summary.items() if key not in ("steady", "floor", "machine")}, indent=2))


def measure_calls(options, summary):
    """Single functions, and calls that are up."""
    if not options.no_micro:
        summary["allocs_per_frame"] = micro()
    for calls in options.calls:
        say(f"{calls} calls, {options.seconds} s")
        with Server() as server:
            steady = server.load("steady", f"--calls={calls}", f"--seconds={options.seconds}", "--per-second=40")
        steady["added_latency_ms"] = {key: round(steady["delay_ms"][key] - JITTER_MS, 3) for key in ("p50", "p99", "p999")}
        summary["steady"][calls] = keep(f"steady-{calls}", steady)
        print(f"  {steady['cpu_us_per_call_s']:.0f} us of processor time a second and call, {steady['kib_per_call']:.0f} KiB a call, "
              f"delay p50 {steady['delay_ms']['p50']:.1f} ms p99 {steady['delay_ms']['p99']:.1f} ms, "
              f"{steady['succeeded']} of {steady['calls']} calls, lost {steady['lost_share']:.5f}, late {steady['late_share']:.5f}")
    first = summary["steady"][options.calls[0]]
    summary["cpu_us_per_call_s"] = round(first["cpu_us_per_call_s"], 1)
    summary["kib_per_call"] = round(first["kib_per_call"], 1)
    summary["added_latency_ms_p50"] = first["added_latency_ms"]["p50"]
    summary["added_latency_ms_p99"] = first["added_latency_ms"]["p99"]


def micro():
    """The benchmarks of single functions. Gives the allocations that the inbound and outbound path make for a frame."""
    say("single functions (cargo bench)")
    result = subprocess.run(["cargo", "bench", "--locked", "--package", "media-engine", "--package", "sip-core"],
                            cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
    (OUT / "micro.txt").write_text(result.stdout)
    print(result.stdout)
    return allocations(result.stdout)


def allocations(text):
    """The larger of the medians of the two paths of `media_path`; divan leaves the row out where nothing was allocated."""
    seen, section, counts, row = set(), None, [], False
    for line in text.splitlines():
        if heading := re.match(r"^[├╰]─ (\w+) +│", line):
            section = heading.group(1)
            seen.add(section)
        if section not in ("inbound", "outbound"):
            continue
        if row:
            figures = re.findall(r"([0-9.]+) +│ ([0-9.]+) +│ ([0-9.]+) +│", line)
            counts += [float(median) / FRAMES_A_RUN for _, _, median in figures]
        row = re.search(r"│ +alloc: ", line) is not None
    if not {"inbound", "outbound"} <= seen:
        sys.exit("the benchmark `media_path` has no inbound and outbound path any more")
    return max(counts, default=0.0)


def setups():
    """The highest of the offered rates at which no call is lost and 99 of 100 are answered within SETUP_P99_MS, and how long the
    callers waited at that rate."""
    best, waited = None, None
    for rate in SETUP_RATES:
        with Server() as server:
            result = keep(f"setup-{rate}", server.load("setup", f"--per-second={rate}", "--seconds=10", "--hold=1", "--media"))
        setup_ms = result["setup_ms"] or {"p50": float("inf"), "p99": float("inf")}
        held = result["succeeded"] == result["calls"] and setup_ms["p99"] < SETUP_P99_MS and result["achieved_per_second"] > 0.97 * rate
        say(f"{rate} set-ups a second: {result['succeeded']} of {result['calls']} calls, p50 {setup_ms['p50']:.1f} ms, "
            f"p99 {setup_ms['p99']:.1f} ms, {result['cpu_us_per_setup']:.0f} us each{'' if held else ': too many'}")
        if not held:
            break
        best, waited = rate, {key: round(setup_ms[key], 1) for key in ("p50", "p99")}
    return best, waited


def floor(options, calls):
    """The floor and the server in turn, driven by the floor's own generator."""
    built = OUT / "floor-target"
    for package in ("floor", "loadgen"):
        run("cargo", "build", "--release", "--quiet", "--manifest-path", copy_of(options.floor) / package / "Cargo.toml",
            "--target-dir", built)
    programs = built / "release"
    ratios, figures = [], {"floor": [], "server": []}
    for turn in range(options.rounds):
        for name, measure in (("floor", floor_once), ("server", server_once)):
            result = measure(programs, calls, options.seconds)
            figures[name].append(keep(f"floor-{calls}-{turn}-{name}", result)["cpu_us_per_s_per_call"])
        ratios.append(figures["server"][-1] / figures["floor"][-1])
        say(f"{calls} calls, turn {turn + 1}: floor {figures['floor'][-1]:.0f}, server {figures['server'][-1]:.0f} "
            f"us a second and call, ratio {ratios[-1]:.2f}")
    return {"ratio": round(statistics.median(ratios), 3), "ratios": [round(ratio, 3) for ratio in ratios], **figures}


def floor_once(programs, calls, seconds):
    with Echo() as echo:
        ws, sip = free_port(), free_port(socket.SOCK_DGRAM)
        with started(["taskset", "-c", LOAD_CPU, programs / "wsecho", "--listen", f"127.0.0.1:{ws}", "--cert", "server.pem",
                      "--key", "server.key"], echo.folder, "wsecho", ws):
            with started(["taskset", "-c", SERVER_CPU, programs / "floor", "--sip", f"127.0.0.1:{sip}", "--ws",
                          f"127.0.0.1:{ws}", "--ca", "ca.pem"], echo.folder, "floor", None) as process:
                return loadgen(programs, echo.folder, process.pid, calls, seconds, "--target", f"127.0.0.1:{sip}")


def server_once(programs, calls, seconds):
    with Server() as server:
        return loadgen(programs, server.folder, server.process.pid, calls, seconds, "--target", f"127.0.0.1:{server.sip}",
                       "--transport", "tls", "--tls-name", "localhost", "--ca", "ca.pem")


def loadgen(programs, folder, pid, calls, seconds, *target):
    result = folder / "loadgen.json"
    run(programs / "loadgen", "steady", *target, "--user", "echo", "--calls", calls, "--cps", "40", "--secs", seconds,
        "--settle", "2", "--srtp", "--pid", pid, "--cpu", LOAD_CPU, "--json", result, cwd=folder, quiet=True)
    return json.loads(result.read_text())


class Echo:
    """The echoing application, with a throw-away CA in its folder."""

    def __enter__(self):
        self.folder = OUT / "run"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.app = free_port()
        self.app_process = started(["taskset", "-c", LOAD_CPU, RELEASE / "load", "echo", f"--listen=127.0.0.1:{self.app}",
                                    f"--folder={self.folder}"], self.folder, "echo", self.app)
        self.app_process.__enter__()
        return self

    def __exit__(self, *_):
        self.app_process.__exit__(None, None, None)


class Server(Echo):
    """The server on a processor of its own, in front of the echoing application."""

    def __init__(self, log="warn"):
        self.log = log

    def __enter__(self):
        super().__enter__()
        self.sip = free_port()
        dialplan = self.folder / "strongline.toml"
        dialplan.write_text(DIALPLAN.format(sip=self.sip, app=self.app, jitter=JITTER_MS))
        command = ["taskset", "-c", SERVER_CPU, RELEASE / "strongline", "serve", f"--dialplan={dialplan}", "--log=json",
                   f"--log-level={self.log}", "--workers=1"]
        self.context = started(command, self.folder, "server", self.sip)
        self.process = self.context.__enter__()
        return self

    def __exit__(self, *_):
        self.context.__exit__(None, None, None)
        super().__exit__()

    def load(self, mode, *arguments):
        result = self.folder / f"{mode}.json"
        run(RELEASE / "load", mode, f"--target=127.0.0.1:{self.sip}", "--ca=ca.pem", f"--pid={self.process.pid}",
            f"--cpu={LOAD_CPU}", f"--json={result}", *arguments, cwd=self.folder, quiet=True)
        return json.loads(result.read_text())


    def gauges(self):
        """What is alive in the server now: the line that SIGUSR1 makes it log. Needs a log that has it."""
        seen = len(self._gauges())
        self.process.send_signal(signal.SIGUSR1)
        until = time.monotonic() + 10
        while len(lines := self._gauges()) == seen:
            if time.monotonic() > until or self.process.poll() is not None:
                sys.exit("the server does not say what is alive")
            time.sleep(0.02)
        return lines[-1]

    def _gauges(self):
        return [json.loads(line) for line in (self.folder / "server.log").read_text().splitlines() if '"event":"gauges"' in line]


class started:
    """A program that runs while the block does, and listens by the time it begins."""

    def __init__(self, command, folder, name, port):
        self.command, self.folder, self.name, self.port = [str(word) for word in command], folder, name, port

    def __enter__(self):
        log = open(self.folder / f"{self.name}.log", "w")
        self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=log, stderr=log)
        until = time.monotonic() + 20
        while self.port:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"{self.name} did not start:\n{(self.folder / f'{self.name}.log').read_text()}")
                time.sleep(0.05)
        return self.process

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


@functools.cache
def copy_of(sources):
    """The floor's sources may lie in a folder that cannot be written to, where cargo would want to keep a lock file. The copy
    lies outside this repository: inside, cargo would take it for a part of the workspace."""
    copy = Path(tempfile.mkdtemp(prefix="strongline-floor-")) / "sources"
    atexit.register(shutil.rmtree, copy.parent, ignore_errors=True)
    shutil.copytree(sources, copy, copy_function=shutil.copyfile)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


def run(*command, cwd=ROOT, quiet=False):
    output = subprocess.PIPE if quiet else None
    result = subprocess.run([str(word) for word in command], cwd=cwd, stdout=output, stderr=subprocess.STDOUT if quiet else None, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(str(word) for word in command)} failed\n{result.stdout or ''}")


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def keep(name, result):
    (OUT / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def machine():
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return {"cpu": model.group(1) if model else "unknown", "cores": os.cpu_count(), "kernel": os.uname().release}


def say(text):
    print(f"bench: {text}", flush=True)


if __name__ == "__main__":
    main()
