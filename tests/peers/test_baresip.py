"""baresip calls in over TLS with mandatory SDES-SRTP, speaks, and records what comes back."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly
from strongline_lab import audio, netns, pcap, rtp, srtp, waiting
from strongline_lab.app import App
from strongline_lab.baresip import Baresip
from strongline_lab.server import Server

SPEECH = Path(__file__).resolve().parents[1] / "data" / "speech" / "greeting.wav"
RATE = 16000
SUITE = "AES_CM_128_HMAC_SHA1_80"  # the one that this baresip offers


@pytest.fixture
def speech():
    samples, rate = audio.read_wav(SPEECH)
    assert rate == audio.RATE
    return samples


@pytest.mark.alone
def test_speech_comes_back_and_all_of_it_was_srtp(folder, certificates, running, speech):
    with App(certificates) as app, pcap.Capture(folder, filter_="udp") as capture:
        server = running(Server(folder, certificates, app))
        phone = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE, play=speech))
        phone.dial(server.sips())
        phone.established()
        stream = app.the_stream()
        waiting.wait_until(lambda: phone.has_heard(speech), "the speech has gone there and back")
        phone.hang_up()
        ended = server.call_ended()
        capture.stop()
        app.fail_on_errors()
    datagrams = capture.datagrams()

    negotiated, = server.events("media.negotiated")
    assert (negotiated["srtp_suite"], negotiated["keying"]) == (SUITE, "sdes")
    assert phone.secured()
    assert ended["by"] == "caller"

    at_the_app = np.frombuffer(bytes(stream.audio), dtype="<i2")
    audio.write_wav(folder / "uplink.wav", at_the_app, RATE)
    wide = resample_poly(speech.astype(np.float64), RATE // audio.RATE, 1)
    uplink = audio.correlation(wide, audio.align(wide, at_the_app)[1])
    sent_back = assert_all_srtp(datagrams, phone)
    audio.write_wav(folder / "wire.wav", rtp.pcmu_audio(sent_back))
    on_the_wire = audio.compare(speech, rtp.pcmu_audio(sent_back))
    recorded = audio.compare(speech, phone.heard())
    print(f"uplink: correlation {uplink:.4f}\non the wire: {on_the_wire}\nrecorded: {recorded}")
    assert uplink > 0.99
    # There and back the speech is coded twice and resampled twice; one coding alone is the measure.
    for back in (on_the_wire, recorded):
        assert back.correlation > 0.99, back
        assert back.pesq > back.codec_pesq - 0.35, back


def test_digits_and_hold_over_srtp(folder, certificates, running):
    with App(certificates) as app, pcap.Capture(folder, filter_="udp") as capture:
        server = running(Server(folder, certificates, app))
        phone = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE))
        phone.dial(server.sips())
        phone.established()
        stream = app.the_stream()
        for count, digit in enumerate("90*#", 1):
            phone.command("sndcode", digit)
            waiting.wait_until(lambda count=count: len(stream.digits()) >= count, f"the digit {digit} arrives")
        phone.command("hold")
        waiting.wait_until(lambda: "a=recvonly" in phone.trace(), "the server agrees to be held")
        phone.command("resume")
        waiting.wait_until(lambda: resumed(phone.trace()), "the server agrees to go on")
        before = len(stream.audio)
        waiting.wait_until(lambda: len(stream.audio) > before + RATE, "audio flows again")
        phone.hang_up()
        server.call_ended()
        capture.stop()
        app.fail_on_errors()
    assert stream.digits() == "90*#"
    assert_all_srtp(capture.datagrams(), phone)


def test_a_call_without_srtp_is_refused(folder, certificates, running):
    with App(certificates) as app:
        server = running(Server(folder, certificates, app))
        phone = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE, encryption=None))
        phone.dial(server.sips())
        closed = phone.wait_for("CALL_CLOSED")
        assert "488" in closed["param"], closed
    assert not app.streams and not app.flows


def resumed(trace):
    """A later answer than the one with recvonly says sendrecv."""
    return "a=sendrecv" in trace[trace.rfind("a=recvonly") :].partition("SIP/2.0 200")[2]


def assert_all_srtp(datagrams, phone):
    """Every media packet that either side sent verifies under the keys of the SDP, and none is in the clear.

    Returns what the server sent, decrypted.
    """
    (phone_port, phone_keys), (server_port, server_keys) = phone.descriptions()[:2]
    (server_suite, server_key), = server_keys
    assert server_suite == SUITE and server_key != phone_keys[0][1], "each side has a key of its own (RFC 4568 5.1.2)"
    keys = {(phone.address, phone_port): phone_keys[0], (netns.SERVER, server_port): (server_suite, server_key)}
    rtcp = {(address, port + 1): key for (address, port), key in keys.items()}
    verdicts = srtp.judge(datagrams, keys | rtcp)
    for address in keys:
        verdict = verdicts[address]
        assert verdict.verified > 50, (address, verdict.verified)
        assert (verdict.refused, verdict.clear) == (0, 0), address
    reports = verdicts[(netns.SERVER, server_port)].rtcp_verified + verdicts[(netns.SERVER, server_port + 1)].rtcp_verified
    assert reports > 0, "the server reports by SRTCP"
    # baresip opens its RTCP port with two packets of its own before it has keys; ours are never like that.
    ours = {(netns.SERVER, server_port), (netns.SERVER, server_port + 1)}
    assert not {address: v.refused for address, v in verdicts.items() if v.refused and address in ours}
    known = set(keys) | set(rtcp)
    strangers = [d for d in datagrams if rtp.is_rtp(d.payload) and d.source not in known]
    assert not strangers, "no media leaves from anywhere else"
    return verdicts[(netns.SERVER, server_port)].packets
