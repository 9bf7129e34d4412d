"""sipp as the carrier, over UDP and TCP: signalling, plain RTP under `danger`, RFC 4733 digits."""

import functools

import numpy as np
import pytest
from strongline_lab import app as apps
from strongline_lab import audio, netns, pcap, rtp, waiting
from strongline_lab.app import App
from strongline_lab.server import TO_NOWHERE, Server
from strongline_lab.sipp import Sipp

RATE = 16000
TRANSPORTS = ("udp", "tcp")


@pytest.fixture
def app(certificates):
    with App(certificates) as app:
        yield app
        app.fail_on_errors()


def place(running, folder, server, scenario, **options):
    return running(Sipp(folder, scenario, local=netns.CARRIER_PLAIN, remote=server.udp, **options))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_whole_call_with_audio_and_digits(folder, certificates, running, app, transport):
    server = running(Server(folder, certificates, app))
    with pcap.Capture(folder) as capture:
        caller = place(running, folder, server, "call.xml", transport=transport)
        caller.succeed()
        ended = server.call_ended()
        waiting.wait_until(lambda: app.streams[0].closed, "the stream is closed")
        capture.stop()
        datagrams = capture.datagrams()

    flow, = app.flows
    stream, = app.streams
    assert flow.verified_by == ["new", "old"]
    start, = stream.of_type("start")
    assert (start["direction"], start["media"]["encoding"], start["media"]["rate"]) == ("inbound", "pcm_s16le", RATE)
    assert stream.digits() == "123#"
    heard = np.frombuffer(bytes(stream.audio), dtype="<i2")
    assert audio.tone_seconds(heard, 1000, RATE) > 1.7, "the application heard the caller's tone"
    assert stream.texts[-1]["type"] == "stop" and stream.close_code == 1000, "the stream says why it ends, and closes"

    returned = [rtp.parse(d.payload) for d in to_carrier(datagrams, caller)]
    assert audio.tone_seconds(rtp.pcmu_audio(returned), 1000) > 1.5, "the application's echo went to the carrier"
    assert in_sequence(returned)
    assert not [p for p in returned if p.payload_type == 101], "digits of the caller are not sent back"
    assert ended["by"] == "caller"


def test_the_server_hangs_up_when_the_application_says_so(folder, certificates, running):
    with App(certificates, converse=functools.partial(hang_up, seconds=1.0)) as app:
        server = running(Server(folder, certificates, app))
        place(running, folder, server, "server-bye.xml").succeed()
        ended = server.call_ended()
        app.fail_on_errors()
    assert ended["by"] != "remote"


async def hang_up(_app, websocket, stream, seconds):
    await apps.hang_up_after(seconds, RATE, websocket, stream)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_caller_gives_up_while_it_rings(folder, certificates, running, app, transport):
    app.hold_answer.clear()
    server = running(Server(folder, certificates, app))
    place(running, folder, server, "cancel.xml", transport=transport).succeed()
    ended = server.call_ended()
    assert ended["by"] == "caller"
    assert not app.streams, "no stream for a call that was never answered"


def test_hold_and_resume(folder, certificates, running, app):
    server = running(Server(folder, certificates, app))
    with pcap.Capture(folder, filter_="udp") as capture:
        caller = place(running, folder, server, "hold.xml")
        caller.succeed()
        server.call_ended()
        capture.stop()
        datagrams = capture.datagrams()
    signalling = [d for d in datagrams if d.source == (caller.address, caller.port)]
    held = next(d.at for d in signalling if d.payload.startswith(b"ACK ") and b"\r\nCSeq: 2 ACK" in d.payload)
    resumed = next(d.at for d in signalling if d.payload.startswith(b"INVITE ") and b"\r\nCSeq: 3 INVITE" in d.payload)
    sent = [d.at for d in to_carrier(datagrams, caller)]
    assert not [at for at in sent if held + 0.1 < at < resumed], "no audio goes to a carrier that only sends (RFC 3264 8.4)"
    assert [at for at in sent if at < held] and [at for at in sent if at > resumed], "before and after it does"


def test_options_and_a_rejected_number(folder, certificates, running, app):
    server = running(Server(folder, certificates, app))
    place(running, folder, server, "options.xml").succeed()
    place(running, folder, server, "rejected.xml", service=TO_NOWHERE).succeed()
    assert not app.flows


def test_ten_calls_at_once_leave_nothing_behind(folder, certificates, running, app):
    server = running(Server(folder, certificates, app))
    place(running, folder, server, "call.xml", calls=10, arguments=["-r", "10"]).succeed()
    server.wait_for("call.ended", count=10)
    assert len(app.streams) == 10
    assert all(stream.digits() == "123#" for stream in app.streams)


def to_carrier(datagrams, caller):
    """The RTP that goes to sipp's audio port."""
    return [d for d in datagrams if d.target[0] == caller.address and d.target[1] != caller.port and rtp.is_rtp(d.payload)]


def in_sequence(packets):
    """One SSRC, sequence numbers without a gap, timestamps that count 160 a packet (RFC 3550 5.1).

    On a machine that is late the timestamps may leap by whole frames, as time did; nearly all steps are single ones.
    """
    steps = [((b.sequence - a.sequence) & 0xFFFF, (b.timestamp - a.timestamp) & 0xFFFFFFFF) for a, b in zip(packets, packets[1:])]
    whole = all(sequence == 1 and timestamp % 160 == 0 for sequence, timestamp in steps)
    return len({p.ssrc for p in packets}) == 1 and whole and steps.count((1, 160)) >= 0.9 * len(steps)
