"""Kamailio as the carrier's SBC: it verifies our certificate chain, and is itself known by its client certificate."""

from pathlib import Path

import pytest
from strongline_lab import audio, netns, waiting
from strongline_lab.app import App
from strongline_lab.baresip import Baresip
from strongline_lab.kamailio import Kamailio
from strongline_lab.server import TO_APP, Server

SPEECH = Path(__file__).resolve().parents[1] / "data" / "speech" / "caller.wav"
RATE = 16000


@pytest.fixture
def app(certificates):
    with App(certificates) as app:
        yield app
        app.fail_on_errors()


def behind(running, folder, certificates, server, **options):
    """A phone that calls the SBC over TLS, and the SBC that calls the server."""
    sbc = running(Kamailio(folder, certificates, (server.address, server.tls_port), **options))
    phone = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE, play=audio.read_wav(SPEECH)[0]))
    phone.dial(f"sip:{TO_APP}@{sbc.address}:{sbc.tls_port};transport=tls")
    return sbc, phone


@pytest.mark.parametrize(("method", "version"), [("TLSv1.2", "1.2"), ("TLSv1.2+", "1.3")])
def test_a_call_through_the_sbc_that_verified_us(folder, certificates, running, app, method, version):
    server = running(Server(folder, certificates, app))
    sbc, phone = behind(running, folder, certificates, server, method=method)
    phone.established()
    stream = app.the_stream()
    speech, _ = audio.read_wav(SPEECH)
    waiting.wait_until(lambda: phone.has_heard(speech), "the speech comes back")
    phone.hang_up()
    ended = server.call_ended()

    incoming, = server.events("call.incoming")
    assert (incoming["trunk"], incoming["transport"]) == ("sbc", "tls"), "known by its client certificate"
    assert incoming["tls_version"] == version
    assert "certificate verify failed" not in sbc.log()
    # How well is another test's affair; noise or silence would score about 1.
    assert audio.compare(speech, phone.heard()).pesq > 2.0
    assert stream.closed and ended["by"] == "caller"
    # In-dialog requests found their way by the Record-Route set (RFC 3261 12.2).
    assert phone.trace().count("Record-Route:") > 0


def test_the_sbc_refuses_a_rogue_certificate(folder, certificates, running, app):
    server = running(Server(folder, certificates, app, identity=certificates.rogue))
    sbc, phone = behind(running, folder, certificates, server)
    phone.wait_for("CALL_CLOSED")
    assert "certificate verify failed" in sbc.log()
    assert not server.events("call.incoming")
    assert not app.flows
