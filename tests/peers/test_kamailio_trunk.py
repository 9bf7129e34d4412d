"""Kamailio as the carrier of a trunk in both directions: it knows us by registration and digest, and is known by its chain."""

import numpy as np
import pytest
from strongline_lab import audio, netns, waiting
from strongline_lab.app import App, hang_up_after
from strongline_lab.baresip import Baresip
from strongline_lab.sbc import PASSWORD, REALM, USER, Sbc
from strongline_lab.server import Server

TO = "+15550300"
RATE = 16000
PHONE_HERTZ = 700
SPEECH = audio.tone(PHONE_HERTZ, 20)  # of a phone: long, so that a moment without processor costs nothing


def trunk(folder, certificates, sbc, *, register=True, keepalive="", tls="", algorithms='"SHA-256"', extra=""):
    """A trunk to Kamailio over TLS, with credentials."""
    password = folder / "trunk-password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD + "\n")
    return f"""
[[trunk]]
name = "carrier"
media = {{ prefixes = ["{netns.CARRIER_SECURE}"] }}
{extra}
[trunk.outbound]
to = "{sbc.hop}"
destinations = ["+1555*"]
from = ["+15550100"]
[trunk.credentials]
user = "{USER}"
password = {{ file = "{password}" }}
realm = "{REALM}"
algorithms = [{algorithms}]
{f'[trunk.register]{chr(10)}user = "{USER}"{chr(10)}domain = "{REALM}"{chr(10)}expires = 60' if register else ""}
{keepalive}
[trunk.tls]
ca = {{ file = "{certificates.ca}" }}
{tls}
"""


def on_trunk(folder, certificates, app, sbc, **options):
    return Server(folder, certificates, app, trunks=trunk(folder, certificates, sbc, **options), api_trunks=["carrier"])


def called_phone(folder, certificates, **options):
    """A phone behind the carrier, which answers, speaks, and takes nothing but SRTP."""
    return Baresip(folder, certificates, local=netns.CARRIER_SECURE, name="callee", answer=True, identity=certificates.handset, play=SPEECH, **options)


def talk(by):
    """The application echoes until the phone hangs up, or hangs up itself."""

    async def briefly(_app, websocket, stream):
        await hang_up_after(2, RATE, websocket, stream)

    return {"converse": briefly} if by == "us" else {}


def heard_at(app_stream):
    return audio.tone_seconds(np.frombuffer(bytes(app_stream.audio), dtype="<i2"), PHONE_HERTZ, RATE)


def both_hear(phone, stream):
    """The phone's tone reaches the application, whose echo of it reaches the phone."""
    waiting.wait_until(lambda: heard_at(stream) > 0.7, "the application hears the phone")
    waiting.wait_until(lambda: audio.tone_seconds(phone.heard(), PHONE_HERTZ) > 0.7, "the phone hears the application")


@pytest.fixture
def app(certificates):
    with App(certificates) as app:
        yield app
        app.fail_on_errors()


@pytest.mark.timeout(120)
def test_registered_refreshed_after_a_restart_again_and_taken_back(folder, certificates, running, app):
    sbc = running(Sbc(folder, certificates, max_expires=10))
    server = running(on_trunk(folder, certificates, app, sbc))
    granted, = server.wait_for("trunk.registered", trunk="carrier")
    assert granted["seconds"] == 10, "the registrar says how long, not we"
    first, *_, third = sbc.wait_for("registered", 3)
    assert f"contact <sips:{USER}@" in first and "expires 60" in first
    assert first.rpartition("connection")[2] == third.rpartition("connection")[2], "refreshed over the connection that is open"
    assert len(server.events("trunk.registered")) == 1, "a refresh is no news"

    sbc.stop()
    server.wait_for("trunk.registration_failed")
    told = len(sbc.lines("registered"))
    sbc.start()
    server.wait_for("trunk.registered", count=2, timeout=75)
    assert len(sbc.lines("registered")) > told

    server.stop()
    assert "expires 0" in sbc.wait_for("registered", told + 2)[-1]
    assert server.events("trunk.unregistered", trunk="carrier")
    # All of that was digest with SHA-256 (RFC 8760), which is all that this trunk answers.
    assert sbc.lines("challenged REGISTER")
    assert "strayed" not in sbc.program.log()


@pytest.mark.parametrize("by", ["phone", "us"])
def test_a_call_comes_in_over_the_connection_that_registered(folder, certificates, running, by):
    with App(certificates, **talk(by)) as app:
        call_in(folder, certificates, running, app, by)
        app.fail_on_errors()


def call_in(folder, certificates, running, app, by):
    sbc = running(Sbc(folder, certificates))
    server = running(on_trunk(folder, certificates, app, sbc))
    registered = sbc.wait_for("registered")[-1]
    server.wait_for("trunk.registered")
    caller = running(Baresip(folder, certificates, local=netns.CARRIER_SECURE, play=SPEECH))
    caller.dial(sbc.sips(USER))
    caller.established()
    stream = app.the_stream()
    if by == "phone":
        both_hear(caller, stream)
        caller.hang_up()
    else:
        caller.wait_for("CALL_CLOSED")
    ended = server.call_ended()
    assert waiting.accepted(*server.tls) == 0, "all went over the connection that we opened"
    assert (ended["by"], ended["answered"]) == ({"phone": "caller", "us": "server"}[by], True)
    assert "uthorization" not in caller.trace(), "what the registrar was shown is not for a caller"
    source = registered.partition(" from ")[2].split()[0]
    to, = sbc.lines("to the contact")
    assert f"at sip:{source};transport=" in to.replace("sips:", "sip:"), "Kamailio opened no connection of its own"
    incoming, = server.events("call.incoming")
    assert (incoming["trunk"], incoming["transport"]) == ("carrier", "tls")


@pytest.mark.parametrize("by", ["phone", "us"])
def test_a_call_is_placed_through_challenge_and_record_route(folder, certificates, running, by):
    with App(certificates, **talk(by)) as app:
        phone = running(called_phone(folder, certificates))
        sbc = running(Sbc(folder, certificates, phone=phone.listen))
        server = running(on_trunk(folder, certificates, app, sbc, register=False))
        call = server.place(TO)
        phone.established()
        stream = app.the_stream()
        if by == "phone":
            both_hear(phone, stream)
            assert waiting.accepted(*server.tls) == 0, "all went over the connection that we opened"
            phone.hang_up()
        else:
            phone.wait_for("CALL_CLOSED")
        ended = server.call_ended()
        app.fail_on_errors()

    assert ended["call"] == call
    assert (ended["by"], ended["answered"]) == ({"phone": "caller", "us": "server"}[by], True)
    challenged, = sbc.lines("challenged INVITE")
    assert "sip" in challenged and len(sbc.lines("call from")) == 2, "one challenge, one answer"
    assert phone.secured()
    negotiated, = server.events("media.negotiated")
    assert negotiated["keying"] == "sdes"
    # ACK and BYE went by the route set (RFC 3261 12.2.1.1): Kamailio saw them, with its own Route in them.
    ours = [line for line in sbc.lines("in-dialog") if "uri sip:callee-" in line]
    assert [line.split()[1] for line in ours] == ["ACK"] + (["BYE"] if by == "us" else [])
    assert all(sbc.address in line.partition("route")[2] for line in ours), ours
    assert "uthorization" not in phone.trace(), "the proof is for the carrier"


def test_a_call_outlives_a_restart_of_the_proxy(folder, certificates, running, app):
    """The proxy keeps no state of calls: what comes after goes by the same route set, over a new connection."""
    phone = running(called_phone(folder, certificates))
    sbc = running(Sbc(folder, certificates, phone=phone.listen, challenge=False))
    server = running(on_trunk(folder, certificates, app, sbc, register=False))
    call = server.place(TO)
    phone.established()
    stream = app.the_stream()
    both_hear(phone, stream)
    sbc.stop()
    before = stream.seconds(RATE)
    sbc.start()
    waiting.wait_until(lambda: stream.seconds(RATE) > before + 0.5, "the audio needs no proxy")
    status, answer = server.ask_api(f"calls/{call}/hangup", {"reason": "DONE"})
    assert status == 202, answer
    phone.wait_for("CALL_CLOSED")
    ended = server.call_ended()
    assert ended["answered"]
    bye, = sbc.lines("in-dialog BYE")
    assert "uri sip:callee-" in bye and f"<sip:{sbc.address}:{sbc.tls_port};" in bye, bye


def test_a_wrong_password_ends_the_order_and_is_tried_once(folder, certificates, running, app):
    phone = running(called_phone(folder, certificates))
    sbc = running(Sbc(folder, certificates, phone=phone.listen))
    text = trunk(folder, certificates, sbc, register=False)
    (folder / "trunk-password").write_text("not-the-password\n")
    server = running(Server(folder, certificates, app, trunks=text, api_trunks=["carrier"]))
    server.place(TO)
    ended = server.call_ended()
    assert "407" in ended["reason"], ended
    assert len(sbc.lines("challenged INVITE")) == 2, "the proof was refused, and the same password is no other proof"
    assert not phone.events


@pytest.mark.parametrize(("listed", "known"), [('"SHA-256", "MD5"', True), ('"SHA-512-256", "SHA-256"', False)])
def test_a_registrar_that_knows_nothing_but_md5(folder, certificates, running, app, listed, known):
    """MD5 is answered where the dialplan lists it, and nowhere else (RFC 8760)."""
    sbc = running(Sbc(folder, certificates, algorithm="MD5"))
    server = running(on_trunk(folder, certificates, app, sbc, algorithms=listed))
    if known:
        server.wait_for("trunk.registered", trunk="carrier")
        assert sbc.lines("registered")
    else:
        failed, = server.wait_for("trunk.registration_failed", trunk="carrier")
        assert failed["status"] == 401, failed
        assert len(sbc.lines("challenged REGISTER")) == 1 and not sbc.lines("registered")
