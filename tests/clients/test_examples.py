"""The example application that a reader of the documentation starts with, as it stands in examples/echo-bot."""

import sys
from types import SimpleNamespace

from strongline_lab import audio, netns, pcap, processes, rtp, waiting
from strongline_lab.app import new_secret
from strongline_lab.server import ROOT, Server
from strongline_lab.sipp import Sipp

DELAY_S = 0.4


def test_the_echo_bot_takes_a_call(folder, certificates, running):
    port = waiting.free_port()
    secrets = {"new": new_secret(), "old": new_secret()}
    bot = running(
        processes.Program(
            "echo-bot",
            [sys.executable, "-m", "uvicorn", "bot:app", "--app-dir", ROOT / "examples" / "echo-bot", "--port", port,
             "--ssl-certfile", certificates.app.certificate, "--ssl-keyfile", certificates.app.key],
            folder,
            # It knows only the old key: the server signs with both while receivers change over.
            env={"BOT_URL": f"localhost:{port}", "BOT_KEYS": secrets["old"], "PYTHONDONTWRITEBYTECODE": "1"},
        )
    )
    waiting.wait_until(lambda: waiting.listening("127.0.0.1", port), "the bot listens", alive=bot.alive)
    application = SimpleNamespace(flow_url=f"https://localhost:{port}/flow", secrets=secrets)
    server = running(Server(folder, certificates, application))
    with pcap.Capture(folder, filter_="udp") as capture:
        caller = running(Sipp(folder, "call.xml", local=netns.CARRIER_PLAIN, remote=server.udp))
        caller.succeed()
        server.call_ended()
        capture.stop()
        datagrams = capture.datagrams()

    kinds = [line.split(" ")[0] for line in bot.log().splitlines()]
    assert kinds.count("call") == kinds.count("start") == 1, bot.log()
    assert "Traceback" not in bot.log()
    assert kinds.count("dtmf") == 4 and "cleared" in kinds, "the key # takes back what has not been played"

    to_server, to_caller = (
        [d for d in datagrams if d.target[0] == address and rtp.is_rtp(d.payload) and d.payload[1] & 0x7F == 0]
        for address in (server.address, caller.address)
    )
    heard = [rtp.parse(d.payload) for d in to_caller]
    assert audio.tone_seconds(rtp.pcmu_audio(heard), 1000) > 1.0
    delay = first_sound(to_caller) - first_sound(to_server)
    assert DELAY_S < delay < DELAY_S + 0.4, f"the echo came {delay:.3f} s later"


def first_sound(datagrams):
    """When the first packet that is not silence was seen."""
    return next(d.at for d in datagrams if abs(rtp.pcmu_audio([rtp.parse(d.payload)]).astype(int)).max() > 4000)
