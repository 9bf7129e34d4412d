"""baresip 1.0.0, Debian 12's: a phone that speaks SIP/TLS and SDES-SRTP, driven by its ctrl_tcp module.

Facts of this version: it takes local addresses only from interfaces (`-n` with an address, not a name); aufile is a
source only, at the codec's rate; sndfile writes dump-*-dec.wav (heard) and dump-*-enc.wav (sent); a path of more than
127 octets is cut, hence relative ones; aubridge is a sink that needs no sound card; `-s` prints every SIP message; it
does not verify the server's certificate.
"""

import json
import re
import socket
import subprocess
from pathlib import Path

from . import audio, processes, waiting

_MODULES_PATHS = ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/lib/aarch64-linux-gnu/baresip/modules")
SILENCE_FIRST_S = 1.0
_APP_MODULES = ("account", "contact", "menu", "ctrl_tcp")
_MODULES = ("stdio", "g711", "aufile", "aubridge", "sndfile", "uuid", "srtp")


class Baresip:
    """One baresip process with one account."""

    def __init__(
        self, folder, certificates, *, local, name="caller", transport="tls", encryption="srtp-mand", play=None,
        codec="PCMU", answer=False, outbound=None, identity=None,
    ):
        self.folder = folder / name
        self.folder.mkdir()
        self.name, self.address, self.transport = name, local, transport
        self.port = waiting.free_port(local, span=2)
        control = waiting.free_port()
        media = waiting.free_port(local, span=42)
        source = self.folder / "play.wav"
        speech = audio.tone(700, 1) if play is None else play
        # Nobody speaks in the first moment of a call, in which jitter buffers find their pace. The file's end would end
        # the source; silence to the end of any test keeps the stream going.
        audio.write_wav(source, [*([0] * int(audio.RATE * SILENCE_FIRST_S)), *speech, *([0] * audio.RATE * 60)])
        # Its TLS port is the next one.
        self.listen = f"sip:{name}@{local}:{self.port + (transport == 'tls')};transport={transport}"
        config = [
            "poll_method epoll", f"sip_listen {local}:{self.port}", f"sip_certificate {(identity or certificates.phone).both}",
            f"sip_cafile {certificates.ca}", "call_local_timeout 60", "call_max_calls 4",
            f"audio_source aufile,{source.name}", "audio_player aubridge,null", "audio_alert aubridge,alert",
            "ausrc_format s16", "auplay_format s16", "auenc_format s16", "audec_format s16", "audio_telev_pt 101",
            f"rtp_ports {media}-{media + 40}", "rtcp_mux no", "rtp_stats yes", "jitter_buffer_delay 2-10",
            f"ctrl_tcp_listen 127.0.0.1:{control}", "snd_path .", "statmode_default off", f"module_path {_modules_path()}",
        ]
        config += [f"{'module_app' if module in _APP_MODULES else 'module'} {module}.so" for module in (*_APP_MODULES, *_MODULES)]
        (self.folder / "config").write_text("\n".join(config) + "\n")
        (self.folder / "contacts").touch()
        account = f"<sip:{name}@{local}:{self.port};transport={transport}>;regint=0;audio_codecs={codec}/8000/1"
        if encryption:
            account += f";mediaenc={encryption}"
        if answer:
            account += ";answermode=auto"
        if outbound:
            account += f";outbound=\"{outbound}\""
        (self.folder / "accounts").write_text(account + "\n")
        self.program = processes.Program(
            "baresip", ["baresip", "-4", "-n", local, "-f", self.folder, "-v", "-s"], self.folder, stdin=subprocess.PIPE
        )
        self._socket = waiting.wait_until(lambda: _connect(control), "baresip listens", alive=self.program.alive)
        self._socket.setblocking(False)
        self._buffer, self.events = b"", []

    def command(self, command, parameters=""):
        """A netstring of JSON, as ctrl_tcp wants it."""
        message = json.dumps({"command": command, "params": parameters}).encode()
        self._socket.sendall(b"%d:%s," % (len(message), message))

    def dial(self, uri):
        self.command("dial", uri)

    def hang_up(self):
        self.command("hangup")
        self.wait_for("CALL_CLOSED")

    def wait_for(self, kind, timeout=waiting.PATIENCE_S):
        """The first event of this type."""
        return waiting.wait_until(lambda: self._event(kind), f"baresip reports {kind}", timeout, self.program.alive)

    def established(self, timeout=waiting.PATIENCE_S):
        """Waits until the call stands; a call that closes instead is a failure with baresip's own reason."""

        def stands():
            closed = self._event("CALL_CLOSED")
            assert not closed, f"the call was closed: {closed}"
            return self._event("CALL_ESTABLISHED")

        return waiting.wait_until(stands, "baresip's call is established", timeout, self.program.alive)

    def trace(self):
        """The SIP messages that it sent and got, without the colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.program.log())

    def descriptions(self):
        """The audio descriptions in order of appearance in the trace: (port, [(suite, inline key)])."""
        found = []
        for match in re.finditer(r"^m=audio (\d+) .*?(?=^\r?$|^m=|\Z)", self.trace(), re.M | re.S):
            keys = re.findall(r"a=crypto:\d+ (\S+) inline:([A-Za-z0-9+/=]+)", match.group(0))
            found.append((int(match.group(1)), keys))
        return found

    def secured(self):
        return "SRTP is Enabled" in self.trace()

    def heard(self):
        """What it decoded, from the first packet to now."""
        return self._recording("dec")

    def heard_seconds(self):
        return len(self.heard()) / audio.RATE

    def packets(self):
        """RTP packets sent and received in the last call, which is over."""
        counts = waiting.wait_until(lambda: re.findall(r"^packets: +(\d+) +(\d+)", self.trace(), re.M), "baresip counts", alive=self.program.alive)
        return tuple(int(count) for count in counts[-1])

    def has_heard(self, speech):
        """Whether what came back so far is long enough to hold all of what it said, whatever the way took."""
        return list(self.folder.glob("dump-*-dec.wav")) and len(self.heard()) > len(speech) + (SILENCE_FIRST_S + 1) * audio.RATE

    def stop(self):
        self.program.stop()
        self._socket.close()

    def _recording(self, direction):
        files = sorted(self.folder.glob(f"dump-*-{direction}.wav"), key=lambda path: path.stat().st_size)
        assert files, f"baresip wrote no {direction} recording"
        samples, rate = audio.read_wav(files[-1])
        assert rate == audio.RATE, f"the recording has {rate} Hz"
        return samples

    def _event(self, kind):
        self._read()
        return next((event for event in self.events if event.get("type") == kind), None)

    def _read(self):
        try:
            while data := self._socket.recv(65536):
                self._buffer += data
        except BlockingIOError:
            pass
        except ConnectionError:
            return
        while b":" in self._buffer:
            length, rest = self._buffer.split(b":", 1)
            if len(rest) <= int(length):
                return
            message = json.loads(rest[: int(length)])
            self._buffer = rest[int(length) + 1 :]
            if message.get("event"):
                self.events.append(message)


def _connect(port):
    try:
        return socket.create_connection(("127.0.0.1", port), 1)
    except OSError:
        return None


def _modules_path():
    return next(path for path in _MODULES_PATHS if (Path(path) / "srtp.so").exists())
