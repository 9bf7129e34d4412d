"""The server under test: its own process, its own dialplan file, its log read as events."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import netns, processes, waiting

ROOT = Path(__file__).resolve().parents[3]

# Numbers of the test dialplan.
TO_APP = "+15550199"
TO_NOWHERE = "+15550404"
FROM_US = "+15550100"

_DIALPLAN = """
[sip]
domain = "voice.test"
listen = ["udp://{address}:{port}", "tcp://{address}:{port}", "tls://{address}:{tls_port}"]
certificate = {{ file = "{certificate}" }}
key = {{ file = "{key}" }}
client_ca = {{ file = "{ca}" }}
{sip}
[media]
ports = "{media_first}-{media_last}"
public_address = "{address}"
bind = "{address}"
# Held still: what is compared with the original must not have been stretched.
jitter = {{ min_ms = 60, initial_ms = 60, max_ms = 60 }}

{trunks}
[[app]]
name = "bot"
flow_url = "{flow_url}"
signing = [{signing}]
ca = {{ file = "{ca}" }}
private_hosts = ["localhost"]
account = "acme"
on_stream_end = "hangup"
stream = {{ {stream} }}

{routes}
{api}
"""

_TRUNKS = """
[[trunk]]
name = "plain"
peers = ["{plain}"]
srtp = "off"
media = {{ prefixes = ["{plain}"] }}
{trunk}
{outbound}
[trunk.danger]
plaintext_media = "anyone on the path can listen"
{danger}

[[trunk]]
name = "secure"
peers = ["{secure}"]
media = {{ prefixes = ["{secure}"] }}

[[trunk]]
name = "sbc"
peers = ["tls:sbc.test"]
media = {{ prefixes = ["{secure}"] }}
"""

_ROUTES = """
[[route]]
name = "nowhere"
when = {{ to = "{nowhere}" }}
reject = 404

[[route]]
name = "bot"
do = [{{ ring = {{}} }}, {{ app = "bot" }}, {{ hangup = {{}} }}]
"""

_API = """
[api]
listen = "http://127.0.0.1:{port}"
[[api.client]]
name = "lab"
key = {{ file = "{key}" }}
app = "bot"
trunks = [{trunks}]
"""
API_KEY = "lab-0123456789abcdef0123456789abcdef"


# What has to be zero when no call is left and the timers of the last one have run out.
GAUGES = ("calls", "rtp_sockets", "streams", "flow_requests", "sip_calls", "unanswered", "dialogs", "transactions",
          "subscriptions", "lookups")


def secret(folder, name, text):
    """A secret reference to a file that only we can read."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return f'{{ file = "{path}" }}'


def binary():
    """STRONGLINE_BIN, or what cargo built last in the profile for tests."""
    if named := os.environ.get("STRONGLINE_BIN"):
        return Path(named)
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "strongline"
    assert built.exists(), f"{built} is not there: cargo build --bin strongline"
    return built


class Server:
    """`strongline serve`, ready when the constructor returns."""

    def __init__(self, folder, certificates, app, *, address=netns.SERVER, identity=None, signing=("new", "old"), stream='dialect = "native", rate = 16000', callee=None,
                 called="server", sip="", trunks=None, routes=None, api_trunks=("plain",), run_by=(),
                 trunk="", danger="", outbound="", media_ports=40):
        """With a `callee` (address and port, or a name and None; UDP) the server has an API, by which calls are placed to it.

        `trunks` and `routes` are TOML in place of the usual ones, and calls may be placed by the API over `api_trunks` then;
        `trunk`, `danger` and `outbound` are more lines for these tables of the usual trunk `plain`. `run_by` is a command that
        runs the server.
        """
        self.folder = folder / called
        self.folder.mkdir()
        self.address = address
        self.port = waiting.free_port(self.address)
        self.tls_port = waiting.free_port(self.address)
        media = waiting.free_port(self.address, span=media_ports)
        identity = identity or certificates.server
        keys = []
        for name in signing:
            path = self.folder / f"signing-{name}"
            path.touch(mode=0o600)
            path.write_text(app.secrets[name] + "\n")
            keys.append(f'{{ file = "{path}" }}')
        api, more, outbound = "", outbound, ""
        if callee or (trunks and api_trunks):
            key = self.folder / "api-key"
            key.touch(mode=0o600)
            key.write_text(API_KEY + "\n")
            self.api_port = waiting.free_port("127.0.0.1")
            listed = ", ".join(f'"{trunk}"' for trunk in api_trunks)
            api = _API.format(port=self.api_port, key=key, trunks=listed)
        if callee:
            hop = ":".join(str(part) for part in ("sip", *callee) if part) + ";transport=udp"
            outbound = f'outbound = {{ to = "{hop}", destinations = ["+1555*"], from = ["{FROM_US}"]{more} }}'
        trunks = trunks or _TRUNKS.format(plain=netns.CARRIER_PLAIN, secure=netns.CARRIER_SECURE, outbound=outbound, trunk=trunk, danger=danger)
        routes = routes or _ROUTES.format(nowhere=TO_NOWHERE)
        dialplan = self.folder / "strongline.toml"
        dialplan.write_text(
            _DIALPLAN.format(
                address=self.address, port=self.port, tls_port=self.tls_port, certificate=identity.certificate,
                key=identity.key, ca=certificates.ca, media_first=media, media_last=media + media_ports - 1,
                flow_url=app.flow_url, signing=", ".join(keys), stream=stream, sip=sip, trunks=trunks, routes=routes, api=api,
            )
        )
        self.program = processes.Program(
            "strongline", [*run_by, binary(), "serve", "--dialplan", dialplan, "--log", "json"], self.folder, separate_errors=True
        )
        self.wait_for("ready")

    @property
    def udp(self):
        return (self.address, self.port)

    @property
    def tls(self):
        return (self.address, self.tls_port)

    @property
    def api(self):
        """Teler's base URL."""
        return f"http://127.0.0.1:{self.api_port}/api/v1"

    def ask_api(self, path, body):
        """A POST to our own API: the status and the answer."""
        headers = {"x-api-key": API_KEY, "content-type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.api_port}/v1/{path}", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=waiting.PATIENCE_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def order(self, to, **fields):
        """Orders a call by the API."""
        return self.ask_api("calls", {"from": FROM_US, "to": to, **fields})

    def place(self, to, **fields):
        """Orders a call that must be taken; its id."""
        status, answer = self.order(to, **fields)
        assert status == 202, (status, answer)
        return answer["id"]

    def command(self, call, what, **fields):
        """Commands a call by the API; it must obey."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.api_port}/v1/calls/{call}/{what}", json.dumps(fields).encode(), {"x-api-key": API_KEY})
        with urllib.request.urlopen(request, timeout=waiting.PATIENCE_S) as answer:
            return json.load(answer)

    def look(self, call):
        """The call as the API shows it."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.api_port}/v1/calls/{call}", headers={"x-api-key": API_KEY})
        with urllib.request.urlopen(request, timeout=waiting.PATIENCE_S) as answer:
            return json.load(answer)

    def sips(self, number=TO_APP):
        return f"sip:{number}@{self.address}:{self.tls_port};transport=tls"

    def events(self, name=None, **fields):
        """What the server has logged so far; only the events of this name and with these fields, when given."""
        return [e for e in self._all() if (name is None or e.get("event") == name) and fields.items() <= e.items()]

    def wait_for(self, name, timeout=waiting.PATIENCE_S, count=1, **fields):
        """The events of this name, once there are `count` of them."""
        return waiting.wait_until(
            lambda: len(found := self.events(name, **fields)) >= count and found,
            f"the server logs {count} x {name} {fields or ''}", timeout, self.program.alive,
        )

    def call_ended(self, timeout=waiting.PATIENCE_S):
        """The one call.ended event, when it has come."""
        return self.wait_for("call.ended", timeout)[0]

    def gauges(self):
        """What is alive in the server now: the line that SIGUSR1 makes it log."""
        seen = len(self.events("gauges"))
        self.program.child.send_signal(signal.SIGUSR1)
        return self.wait_for("gauges", count=seen + 1)[-1]

    def nothing_is_left(self, timeout=45):
        """Waits until no call, transaction, dialog, socket or stream is left: that takes 32 s after the last call, when its
        Timers (RFC 3261 17) have run out."""
        waiting.wait_until(lambda: not any(self.gauges()[name] for name in GAUGES), "nothing is left", timeout, self.program.alive, every=1)

    def kill(self):
        """kill -9, as a machine that loses power: nobody is told."""
        self.program.child.kill()
        self.program.child.wait()

    def stop(self):
        """SIGTERM; the server must end by itself, and well."""
        if not self.program.alive():
            return
        begin = time.monotonic()
        status = self.program.stop(signal.SIGTERM, timeout=20)
        assert status == 0, f"the server ended with status {status} {time.monotonic() - begin:.1f} s after SIGTERM"
        panics = [line for line in self.program.error_path.read_text(errors="replace").splitlines() if "panicked at" in line]
        assert not panics, panics

    def _all(self):
        found = []
        for line in self.program.error_path.read_text(errors="replace").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            found.append({**record, **record.get("fields", {})} if isinstance(record.get("fields"), dict) else record)
        return found
