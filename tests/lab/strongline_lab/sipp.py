"""sipp 3.6.1, Debian 12's: a carrier over UDP or TCP with plain RTP (it is built without TLS)."""

import re
from pathlib import Path

from . import audio, g711, netns, processes, rtp, waiting

SCENARIOS = Path(__file__).resolve().parents[2] / "peers" / "scenarios"


class Sipp:
    """One sipp process running one scenario for one call."""

    def __init__(
        self, folder, scenario, *, local, remote=None, transport="udp", service="+15550199", keys=None, digits="123#",
        tone_s=2.0, timeout_s=40, name=None, calls=1, arguments=(), port=None,
    ):
        folder = folder / (name or Path(scenario).stem)
        folder.mkdir()
        self.folder = folder
        self.address = local
        self.port = port or waiting.free_port(local)
        # audio, and two above it the video that it opens too
        self.media_port = waiting.free_port(local, span=6)
        audio_octets = g711.encode(audio.tone(1000, tone_s))
        (folder / "tone.ul").write_bytes(audio_octets)
        if digits:
            rtp.write_digits(folder / "digits.pcap", digits)
        command = ["sipp"]
        if remote:
            command.append(f"{remote[0]}:{remote[1]}")
        command += ["-sf", SCENARIOS / scenario, "-s", service, "-i", local, "-p", self.port, "-mi", local,
                    "-mp", self.media_port, "-t", {"udp": "u1", "tcp": "t1"}[transport], "-m", calls, "-r", 20, "-nostdin",
                    "-timeout", timeout_s, "-timeout_error", "-trace_err", "-trace_msg", "-trace_logs"]
        for key, value in (keys or {}).items():
            command += ["-key", key, value]
        self.program = processes.Program("sipp", [*command, *arguments], folder, env={"TERM": "dumb"})

    def messages(self):
        """The SIP messages that went both ways, as sipp logged them."""
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*_messages.log"))

    def received(self, start=""):
        """The messages that came in and begin so, in order, each whole."""
        return self._logged_messages("received", start)

    def sent(self, start=""):
        return self._logged_messages("sent", start)

    def _logged_messages(self, way, start):
        parts = re.split(r"^-{20,} .*$", self.messages(), flags=re.M)
        bodies = (part.split("\n\n", 1) for part in parts if f"message {way}" in part)
        return [body[1].lstrip() for body in bodies if len(body) == 2 and body[1].lstrip().startswith(start)]

    def responses(self, code):
        """How often a final or provisional response with this code came in."""
        return len(re.findall(rf"message received.*?\n\n?SIP/2\.0 {code} ", self.messages(), re.S))

    def logged(self):
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*_logs.log"))

    def is_listening(self):
        """Whether it takes TCP connections by now, as the kernel's own table says."""
        with open("/proc/net/tcp", encoding="ascii") as table:
            return any(line.split()[1].endswith(f":{self.port:04X}") and line.split()[3] == "0A" for line in table.readlines()[1:])

    def succeed(self, timeout=60):
        """Waits for the scenario's end; every call must have gone as it says."""
        status = self.program.wait(timeout)
        if status != 0:
            errors = "".join(path.read_text(errors="replace") for path in self.folder.glob("*_errors.log"))
            raise AssertionError(f"sipp ended with status {status}\n{errors[-3000:]}\n{self.program.log()[-1500:]}")

    def stop(self):
        self.program.stop()


def start(running, folder, server, scenario, *, local=netns.CARRIER_PLAIN, remote=None, **options):
    """A caller that plays the scenario against the server."""
    name = options.pop("name", scenario.name)
    return running(Sipp(folder, scenario.write(folder), local=local, remote=remote or server.udp, name=name, **options))


def play(running, folder, server, scenario, **options):
    """The same, to its end."""
    caller = start(running, folder, server, scenario, **options)
    caller.succeed()
    return caller


def header(message, name):
    """The value of the first header of this name."""
    return re.search(rf"^{name}:\s*(.*?)\r?$", message, re.M | re.I)[1]
