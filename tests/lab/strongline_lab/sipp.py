"""sipp 3.6.1, Debian 12's: a carrier over UDP or TCP with plain RTP (it is built without TLS)."""

import re
from pathlib import Path

from . import audio, g711, processes, rtp, waiting

SCENARIOS = Path(__file__).resolve().parents[2] / "peers" / "scenarios"


class Sipp:
    """One sipp process running one scenario for one call."""

    def __init__(
        self, folder, scenario, *, local, remote=None, transport="udp", service="+15550199", keys=None, digits="123#",
        tone_s=2.0, timeout_s=40, name=None, calls=1, arguments=(),
    ):
        folder = folder / (name or Path(scenario).stem)
        folder.mkdir()
        self.folder = folder
        self.address = local
        self.port = waiting.free_port(local)
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

    def responses(self, code):
        """How often a final or provisional response with this code came in."""
        return len(re.findall(rf"message received.*?\n\n?SIP/2\.0 {code} ", self.messages(), re.S))

    def logged(self):
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*_logs.log"))

    def succeed(self, timeout=60):
        """Waits for the scenario's end; every call must have gone as it says."""
        status = self.program.wait(timeout)
        if status != 0:
            errors = "".join(path.read_text(errors="replace") for path in self.folder.glob("*_errors.log"))
            raise AssertionError(f"sipp ended with status {status}\n{errors[-3000:]}\n{self.program.log()[-1500:]}")

    def stop(self):
        self.program.stop()
