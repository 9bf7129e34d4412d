"""The lab against itself: without the server, so that a red test elsewhere is the server's fault and not the lab's."""

from pathlib import Path

import numpy as np
from strongline_lab import audio, netns, pcap, rtp, srtp, waiting
from strongline_lab.baresip import Baresip
from strongline_lab.kamailio import Kamailio
from strongline_lab.sipp import Sipp

SPEECH = Path(__file__).resolve().parents[1] / "data" / "speech" / "caller.wav"


def test_sipp_calls_sipp_and_the_echo_comes_back(folder, running):
    answering = running(Sipp(folder, "answer.xml", local=netns.SERVER, arguments=["-rtp_echo"]))
    with pcap.Capture(folder) as capture:
        caller = running(Sipp(folder, "call.xml", local=netns.CARRIER_PLAIN, remote=(netns.SERVER, answering.port)))
        caller.succeed()
        capture.stop()
        datagrams = capture.datagrams()
    returned = [rtp.parse(d.payload) for d in datagrams if d.target[0] == netns.CARRIER_PLAIN and rtp.is_rtp(d.payload)]
    assert audio.tone_seconds(rtp.pcmu_audio(returned), 1000) > 1.5
    events = {rtp.EVENTS[p.payload[0]] for p in returned if p.payload_type == 101}
    assert events == set("123#")


def test_baresip_speech_passes_and_libsrtp_verifies_it(folder, certificates, running):
    speech, _ = audio.read_wav(SPEECH)
    callee = running(Baresip(folder, certificates, local=netns.SERVER, name="callee", answer=True))
    caller = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE, play=speech))
    with pcap.Capture(folder, filter_="udp") as capture:
        caller.dial(callee.listen)
        caller.established()
        waiting.wait_until(lambda: callee.has_heard(speech), "the speech arrives")
        caller.hang_up()
        capture.stop()
        datagrams = capture.datagrams()
    likeness = audio.compare(speech, callee.heard())
    assert likeness.correlation > 0.98, likeness
    assert likeness.pesq > likeness.codec_pesq - 0.15, likeness

    (offer_port, offer_keys), (answer_port, answer_keys) = caller.descriptions()[:2]
    keys = {(netns.CARRIER_SECURE, offer_port): offer_keys[0], (netns.SERVER, answer_port): answer_keys[0]}
    verdicts = srtp.judge(datagrams, keys)
    assert set(verdicts) == set(keys)
    assert all(v.verified > 250 and not v.refused and not v.clear for v in verdicts.values()), verdicts
    wrong = {address: (suite, other) for (address, (suite, _)), (_, other) in zip(keys.items(), reversed(keys.values()))}
    assert all(v.refused > 250 and not v.verified for v in srtp.judge(datagrams, wrong).values())


def test_kamailio_relays_to_a_verified_chain_and_refuses_a_rogue(folder, certificates, running):
    for identity, accepted in ((certificates.server, True), (certificates.rogue, False)):
        place = folder / identity.certificate.stem
        place.mkdir()
        callee = running(Baresip(place, certificates, local=netns.SERVER, name="callee", answer=True, identity=identity))
        sbc = running(Kamailio(place, certificates, (netns.SERVER, callee.port + 1)))
        caller = running(Baresip(place, certificates, local=netns.CARRIER_SECURE))
        caller.dial(f"sip:callee@{sbc.address}:{sbc.tls_port};transport=tls")
        if accepted:
            caller.established()
        else:
            caller.wait_for("CALL_CLOSED")
            assert "certificate verify failed" in sbc.log()
            assert "INVITE sip:" not in callee.trace()


def test_the_judges_can_say_no(folder):
    speech, _ = audio.read_wav(SPEECH)
    broken = speech.copy()
    for start in range(0, len(broken), 160 * 10):
        broken[start : start + 160] = 0
    likeness = audio.compare(speech, np.concatenate([np.zeros(4000, dtype=np.int16), broken]))
    assert abs(likeness.delay_s - 0.5) < 0.001
    assert likeness.pesq < likeness.codec_pesq - 0.5, likeness
    clear = pcap.Datagram(0.0, ("127.0.0.1", 4000), ("127.0.0.2", 5000), bytes([0x80, 0]) + bytes(10) + bytes(160))
    verdict = srtp.judge([clear], {clear.source: ("AES_CM_128_HMAC_SHA1_80", "A" * 40)})[clear.source]
    assert (verdict.verified, verdict.refused, verdict.clear) == (0, 1, 1)
